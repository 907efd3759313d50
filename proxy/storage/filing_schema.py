"""The tables of files and batches. Times are whole Unix seconds.

Ids of files and batches grow with time, so their order is that in which they were made.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

from proxy.storage.schema import METADATA

FILES = Table(
    "files",
    METADATA,
    Column("id", String(64), primary_key=True),  # file-...
    Column("tenant", String(64), nullable=False),
    Column("purpose", String(32), nullable=False),  # batch, batch_output
    Column("filename", String(512), nullable=False),  # as the client called it; never a path of ours
    Column("bytes", BigInteger, nullable=False),
    Column("ready", Boolean, nullable=False),  # all of it is there; false while it is written or removed
    Column("place", String(16), nullable=False),  # where its contents are: disk or database
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "tenant"),
    Index(None, "expires_at"),
)

FILE_PIECES = Table(  # contents of files that are kept in the database
    "file_pieces",
    METADATA,
    Column("file", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 0
    Column("data", LargeBinary, nullable=False),
)

TIMES = (
    *("in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at"),
)

BATCHES = Table(
    "batches",
    METADATA,
    Column("id", String(64), primary_key=True),  # batch_...
    Column("tenant", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),  # public id of the key that made it; empty for a declared one
    Column("key", String(64), nullable=False),  # its name
    Column("endpoint", String(64), nullable=False),  # /v1/chat/completions
    Column("input_file", String(64), nullable=False),
    Column("metadata", JSON(none_as_null=True)),
    Column("output_seconds", BigInteger),  # how long its output is kept; absent: as settings say
    Column("status", String(16), nullable=False),
    Column("errors", JSON(none_as_null=True)),  # list of code, line, message, param
    Column("output_file", String(64)),
    Column("error_file", String(64)),
    *(Column(name, Integer, nullable=False) for name in ("total", "completed", "failed")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # the end of its window
    *(Column(name, BigInteger) for name in TIMES),
    Column("owner", String(64), nullable=False),  # the process that runs it; empty: none
    Column("lease", BigInteger, nullable=False),  # until when the process has it
    Column("epoch", Integer, nullable=False),  # how often it was taken up; who has an older number has lost it
    Index(None, "tenant"),
    Index(None, "status"),
)

BATCH_LINES = Table(  # requests of a batch that have ended, until its output is put together
    "batch_lines",
    METADATA,
    Column("batch", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the line in the input file, from 1
    Column("good", Boolean, nullable=False),  # for the output file; else for the error file
    Column("epoch", Integer, nullable=False),  # which draft has the line, where it is on disk
    Column("start", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("line", LargeBinary),  # the line itself, where it is in the database
)

FILING = (FILES, FILE_PIECES, BATCHES, BATCH_LINES)
"""All of them."""
