"""How SQLite and PostgreSQL are connected to, so that both keep the same promises.

SQLite: a write-ahead log, so that nobody who reads waits for who writes. `synchronous` is FULL: in that mode a change
that was acknowledged survives a loss of power, where NORMAL would only survive the end of the process. A revoked key
that works again after an outage, and an audit log that has forgotten it, cost more than a flush of some milliseconds
on changes that people make by hand; the traffic of the proxy writes a few times a minute.

A transaction for changing begins with BEGIN IMMEDIATE: it takes the one write lock at once and waits for it, where a
deferred one would fail in the middle when somebody else wrote since it first read. The driver's own transactions are
off, because they do not begin before the first change and end before CREATE TABLE
(https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#transactions-with-sqlite-and-the-sqlite3-driver).

Its threads give way to the event loop (PATIENT): on a machine with few processors, what is shipped into the ledger
would else make requests wait for a whole turn of the scheduler, which is milliseconds.

PostgreSQL: readers see one state (REPEATABLE READ, READ ONLY), and nothing waits for ever.
"""

import importlib.util
import os
import sqlite3
import sys
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Table, create_engine, event

from proxy import codec
from proxy.storage.connections import AsyncEngine
from proxy.storage.location import Location
from proxy.storage.refusals import BadAddress, MissingDriver

CONNECTIONS = 5
"""Kept and at most: the store is not on the path of requests, and each of SQLite's is a thread."""
STATEMENT_TIMEOUT = 10.0
"""Seconds a statement may take on PostgreSQL: the largest one reads all keys."""
IDLE_TIMEOUT = 60.0
"""Seconds PostgreSQL lets a transaction idle: one of a machine that vanished must not keep its locks."""
PATIENT = 10
"""How nice SQLite's threads are: a tenth of the processor's time where the event loop wants it, too, all of it where
not (setpriority(2): on Linux, of one thread)."""
CHANGING = "telnyx_proxy_changing"

COMMON: dict[str, Any] = {
    "pool_size": CONNECTIONS,
    "max_overflow": 0,
    "hide_parameters": True,  # digests and sealed keys do not stand in exceptions
    "json_serializer": codec.encode_text,
    "json_deserializer": codec.decode,
}


sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]  # typeshed has None bound, not adapted
"""Of None it makes None. Without it the driver looks for an adapter each time that it binds one, in four places and in
vain, which takes longer than binding ten texts."""


class PatientConnection(sqlite3.Connection):
    """A connection whose thread, the one that makes it and does all its work, gives way to others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if sys.platform == "linux":
            thread = threading.get_native_id()
            with suppress(OSError):  # where that is forbidden, it goes on as it is
                os.setpriority(os.PRIO_PROCESS, thread, max(PATIENT, os.getpriority(os.PRIO_PROCESS, thread)))
        super().__init__(*args, **options)


def sqlite_engine(location: Location, patience: float) -> AsyncEngine:
    """For a SQLite file. `patience`: seconds to wait for a lock."""
    engine = create_engine(
        URL.create("sqlite+aiosqlite", database=sqlite_uri(location), query={"uri": "true"}),
        connect_args={"timeout": patience, "isolation_level": None, "factory": PatientConnection},
        pool_timeout=patience,
        **COMMON,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return AsyncEngine(engine)


def sqlite_uri(location: Location) -> str:
    """The file as SQLite's own kind of URI; one that has gone is not made anew and empty."""
    return f"file:{quote(str(location.path))}?mode=rw"


def _prepare(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    for name, value in (("foreign_keys", "ON"), ("synchronous", "FULL")):
        cursor.execute(f"PRAGMA {name}={value}")
    cursor.close()


def _begin(connection: Connection) -> None:
    changing = connection.get_execution_options().get(CHANGING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changing else "BEGIN")


def postgres_engine(location: Location, patience: float, *, timed: bool = True) -> AsyncEngine:
    """For a PostgreSQL database. Raises MissingDriver.

    `patience`: seconds to wait for a connection or a lock. `timed=False`: statements may take any time.
    """
    if importlib.util.find_spec("asyncpg") is None:
        raise MissingDriver(
            "storage.url names a PostgreSQL database, whose driver is not installed: "
            "pip install 'telnyx-openai-proxy[postgres]'"
        )
    import asyncpg  # type: ignore[import-untyped]

    bounds = {
        "statement_timeout": STATEMENT_TIMEOUT,
        "lock_timeout": patience,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
    }
    settings = {name: str(int(seconds * 1000)) for name, seconds in bounds.items()} if timed else {}

    async def connect() -> Any:
        try:
            return await asyncpg.connect(
                location.dsn,
                timeout=patience,
                command_timeout=STATEMENT_TIMEOUT + patience if timed else None,  # for a server that has vanished
                server_settings={"application_name": "telnyx-proxy", **settings},
            )
        except (asyncpg.ClientConfigurationError, ValueError):
            # the driver's message may repeat the address with its password
            raise BadAddress(f"storage.url is no address that PostgreSQL's driver can use: {location}") from None

    def creator() -> Any:
        return dialect.connect(async_creator_fn=connect)

    engine = create_engine(
        "postgresql+asyncpg://", creator=creator, pool_pre_ping=True, pool_timeout=patience, **COMMON
    )
    dialect: Any = engine.dialect.dbapi
    return AsyncEngine(engine)


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """The same connections for transactions that see one state and change nothing."""
    if engine.dialect.name == "sqlite":
        return engine  # a deferred transaction sees the state of its first statement
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def for_changing(engine: AsyncEngine) -> AsyncEngine:
    """The same connections for transactions that change something."""
    return engine.execution_options(**{CHANGING: True})


def upsert(kept: Table, *, sqlite: bool) -> Any:
    """An INSERT that can be told what to do on a conflict, which each dialect has in its own way."""
    if sqlite:
        from sqlalchemy.dialects.sqlite import insert

        return insert(kept)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert

    return postgresql_insert(kept)
