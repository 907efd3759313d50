"""What a database could not do, in our words: never with SQL, values, addresses or passwords.

Foreign exceptions end here. What the database cannot do for now becomes `errors.StoreUnavailable`; a statement it would
never take (a broken constraint, wrong SQL) is a bug of ours and stays what it is.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InvalidatePoolError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from proxy.errors import StoreUnavailable
from proxy.storage.refusals import StorageRefused

LOST = "the connection was lost"
NO_TABLES = "its tables are not those of this program"
UNDONE = "the disk is full, or cannot be written"
"""For want of room SQLite itself ends the whole transaction (https://www.sqlite.org/lang_transaction.html, 3.1), and
what is heard of it is that there is no savepoint any more to go back to."""

SQLITE_CAUSES = {  # primary result codes, https://www.sqlite.org/rescode.html
    sqlite3.SQLITE_BUSY: "another process holds it locked",
    sqlite3.SQLITE_LOCKED: "another transaction holds it locked",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "permission denied",
    sqlite3.SQLITE_AUTH: "permission denied",
    sqlite3.SQLITE_IOERR: "its file cannot be read or written",
    sqlite3.SQLITE_CORRUPT: "its file is damaged; restore a backup",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
    sqlite3.SQLITE_PROTOCOL: "another process holds it locked",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
}

POSTGRES_CAUSES = {  # SQLSTATE or its class, https://www.postgresql.org/docs/current/errcodes-appendix.html
    "08": LOST,
    "25006": "it is read-only",
    "28": "it refuses the user or the password",
    "3D000": "there is no such database on the server",
    "40": "it was changed by others at the same moment; try again",
    "42501": "the user may not do this",
    "42P01": NO_TABLES,
    "42703": NO_TABLES,
    "53100": "the disk of the server is full",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left",
    "53": "the server has too little left of something",
    "55P03": "another transaction holds it locked",
    "57014": "a statement took too long",
    "57P": "the server is stopping or starting",
    "25P03": LOST,
    "58": "the server has trouble with its system",
    "XX": "the server has an internal error",
}
INSUFFICIENT = 3
"""Characters of an SQLSTATE by which causes are looked up, too: `57P` stands for stopping, crashed and starting."""


def unavailable(cause: str) -> StoreUnavailable:
    """The error for a cause, which completes the sentence "...: ___"."""
    return StoreUnavailable(f"The database cannot be used at the moment: {cause}.")


@contextmanager
def in_our_words(*, connecting: bool = False) -> Iterator[None]:
    """Raises StoreUnavailable for what a database raises. `connecting`: OSErrors are the database's, too."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as fault:
        cause = _cause(fault, connecting=connecting)
        if cause is None:
            raise
        raise unavailable(cause) from None


def _cause(fault: Exception, *, connecting: bool) -> str | None:
    if isinstance(fault, PoolTimeout):
        return "too many transactions are under way"
    if isinstance(fault, DBAPIError):
        return cause_of(fault)
    if isinstance(fault, sqlite3.Error):
        return _sqlite(fault)
    if isinstance(fault, OSError):
        ours = isinstance(fault, StorageRefused)
        return _system(fault) if not ours and (connecting or isinstance(fault, ConnectionError)) else None
    return LOST if isinstance(fault, PendingRollbackError | InvalidatePoolError) else None


def cause_of(fault: DBAPIError) -> str | None:
    """Why the database could not do it; None where the statement is at fault."""
    origin = fault.orig
    if isinstance(origin, sqlite3.Error):
        return _sqlite(origin)
    state = getattr(origin, "sqlstate", None)
    if state:
        known = (POSTGRES_CAUSES.get(state[:length]) for length in (len(state), INSUFFICIENT, 2))
        return next(filter(None, known), None)
    # No answer of the server, so these are the driver's own words. It says "connection is closed" and the like; a
    # value that it cannot send is a fault of the statement.
    return LOST if fault.connection_invalidated or "connection" in str(origin) else None


def _sqlite(origin: sqlite3.Error) -> str | None:
    code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_OK)
    if code == sqlite3.SQLITE_ERROR and str(origin).startswith("no such savepoint"):
        return UNDONE
    if code == sqlite3.SQLITE_ERROR and str(origin).startswith("no such "):
        return NO_TABLES
    if code == sqlite3.SQLITE_OK and isinstance(origin, sqlite3.OperationalError):
        return LOST  # aiosqlite's own: the connection was closed
    return SQLITE_CAUSES.get(code & 0xFF)


def _system(fault: OSError) -> str:
    if isinstance(fault, TimeoutError):
        return "it does not answer"
    if isinstance(fault, ConnectionRefusedError | FileNotFoundError):
        return "nothing listens at its address"
    if isinstance(fault, ConnectionError):
        return LOST
    return f"it cannot be reached ({fault.strerror})" if fault.strerror else "it cannot be reached"
