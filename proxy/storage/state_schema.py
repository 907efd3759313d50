"""The tables of what the Responses API keeps. Times are whole Unix seconds; documents are `state_documents`' bytes.

    responses           one row per response, its input, output and request in one document
    response_items      where an item is: its id -> the numbers of the responses whose input or output has it
    conversations       one row each; `last` is the highest position that was given to an item
    conversation_items  one row per item, in the order of their positions
    state_sizes         bytes of each tenant, the sum of its shards: one row would be a queue on PostgreSQL

Rows call one another by `number`, which grows and is short. Columns of ids hold `state_documents.key_of` an id.
`counted` is what a row adds to its tenant's bytes, of a conversation with its items; `size` the bytes of the documents
before they were compressed. The document stands last: SQLite then reads the other columns without its pages.

What PostgreSQL alone is told when a table is made, the WHERE of these indexes too, stands in the migrations only: to
check its words here SQLAlchemy would import all of its dialect, 2 MB.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    text,
)
from sqlalchemy import UniqueConstraint as Unique

from proxy.storage.schema import BIG, METADATA


def _text(name: str, length: int, *, primary: bool = False, nullable: bool = False) -> "Column[Any]":
    return Column(name, String(length), nullable=nullable, primary_key=primary)


def _big(name: str, *, primary: bool = False) -> "Column[int]":
    return Column(name, BigInteger, nullable=False, primary_key=primary, autoincrement=False)


def _number() -> "Column[int]":
    return Column("number", BIG, primary_key=True, autoincrement=True)


def _document() -> "Column[bytes]":
    return Column("document", LargeBinary, nullable=False)


COUNTED = text("counted > 0")
"""True of every row: what asks for the oldest of a tenant says so, and an index of its own is used for that alone. Else
PostgreSQL, as long as it takes a tenant for a small one, may look for an id among all that the tenant has."""

RESPONSES = Table(
    "responses",
    METADATA,
    _number(),
    _text("tenant", 64),
    _text("id", 128),
    _big("created_at"),
    _text("status", 16),  # what holds, whatever the document says; `deleted` for what is a link of a chain only
    _text("previous", 128, nullable=True),
    _text("conversation", 128, nullable=True),
    Column("background", Boolean, nullable=False),
    _text("key_id", 128),
    _text("worker", 128, nullable=True),  # as long as it is being made
    _big("lease"),  # until when its worker is taken to be alive; 0 where there is none
    Column("appended", Boolean, nullable=False),  # its items have been added to the conversation
    Column("saves", Integer, nullable=False),  # how often it was saved: 1 tells that a row is new
    _big("counted"),
    _big("size"),
    _document(),
    Unique("id", "tenant"),  # in this order, or PostgreSQL follows a chain through all of a tenant, see COUNTED
    Index(None, "tenant", "created_at", sqlite_where=COUNTED),
)
_MADE = RESPONSES.c.worker.is_not(None)
Index(None, RESPONSES.c.worker, sqlite_where=_MADE)

RESPONSE_ITEMS = Table(
    "response_items",
    METADATA,
    _text("tenant", 64, primary=True),
    _text("id", 128, primary=True),
    _big("number", primary=True),
    Index(None, "number"),
    sqlite_with_rowid=False,
)

CONVERSATIONS = Table(
    "conversations",
    METADATA,
    _number(),
    _text("tenant", 64),
    _text("id", 128),
    _big("created_at"),
    _big("used_at"),  # when something was last added to it or changed
    _big("last"),
    _big("counted"),
    _big("size"),
    _document(),
    Unique("tenant", "id"),
    Index(None, "tenant", "used_at", sqlite_where=COUNTED),
)

CONVERSATION_ITEMS = Table(
    "conversation_items",
    METADATA,
    _big("conversation", primary=True),
    _big("position", primary=True),
    _text("tenant", 64),
    _text("id", 128),
    _big("added_at"),
    _big("counted"),
    _big("size"),
    _document(),
    Unique("tenant", "id", "conversation"),
)

STATE_SIZES = Table(
    "state_sizes",
    METADATA,
    _text("tenant", 64, primary=True),
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    _big("bytes"),
)

STATE = (RESPONSES, RESPONSE_ITEMS, CONVERSATIONS, CONVERSATION_ITEMS, STATE_SIZES)
"""Every table of it."""
