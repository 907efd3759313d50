"""Connections of SQLAlchemy's Core for asyncio, without its ORM.

Its own package for them, `sqlalchemy.ext.asyncio`, imports the whole ORM: 7 MB in every process, of which nothing is
used here.

Names and promises are those of that package. `greenlet_spawn` runs what is written for one that waits; where its
driver has to wait for the database, the event loop goes on.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

T = TypeVar("T")

Rows = CursorResult[*tuple[Any, ...]]
STREAMED = {"stream_results": True}


class AsyncEngine:
    """A pool of connections, by whichever driver for asyncio `sync_engine` has."""

    def __init__(self, sync_engine: Engine) -> None:
        self.sync_engine = sync_engine

    @property
    def dialect(self) -> Dialect:
        """What the database speaks."""
        return self.sync_engine.dialect

    @asynccontextmanager
    async def connect(self) -> "AsyncIterator[AsyncConnection]":
        """A connection of the pool. It goes back, without what was not committed, however the block ends."""
        connection = AsyncConnection(await greenlet_spawn(self.sync_engine.connect))
        try:
            yield connection
        finally:
            await _to_the_end(connection.close())

    def execution_options(self, **options: Any) -> "AsyncEngine":
        """The same pool with other ways for its transactions."""
        return AsyncEngine(self.sync_engine.execution_options(**options))

    async def dispose(self) -> None:
        """Close every connection that is not in use; those that are, when they come back."""
        await greenlet_spawn(self.sync_engine.dispose)


class AsyncConnection:
    """A connection in use by one task. Raises what Core raises."""

    def __init__(self, sync_connection: Connection) -> None:
        self.sync_connection = sync_connection

    @property
    def dialect(self) -> Dialect:
        """What the database speaks."""
        return self.sync_connection.dialect

    async def begin(self) -> None:
        """Begin a transaction."""
        await greenlet_spawn(self.sync_connection.begin)

    async def commit(self) -> None:
        """Keep what was done since it began."""
        await greenlet_spawn(self.sync_connection.commit)

    async def close(self) -> None:
        """Give it back to the pool, without what was not committed."""
        await greenlet_spawn(self.sync_connection.close)

    async def invalidate(self) -> None:
        """Close it for good: the pool shall make a new one."""
        await greenlet_spawn(self.sync_connection.invalidate)

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """A savepoint: what fails in the block is undone, and nothing else."""
        savepoint = await greenlet_spawn(self.sync_connection.begin_nested)
        savepoint.__enter__()
        try:
            yield
        except BaseException:
            await greenlet_spawn(savepoint.__exit__, *sys.exc_info())
            raise
        await greenlet_spawn(savepoint.__exit__, None, None, None)

    async def execute(self, statement: Executable, parameters: Any = None) -> Rows:
        """Run a statement, and wait for all its rows."""
        return await greenlet_spawn(self.sync_connection.execute, statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Rows:
        """Run a statement that is not Core's."""
        return await greenlet_spawn(self.sync_connection.exec_driver_sql, statement, parameters)

    @asynccontextmanager
    async def stream(self, statement: Executable) -> "AsyncIterator[Stream]":
        """Run a statement whose rows are fetched as they are asked for."""
        run = self.sync_connection.execute
        result = await greenlet_spawn(run, statement, execution_options=STREAMED)
        try:
            yield Stream(result)
        finally:
            await _to_the_end(greenlet_spawn(result.close))

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Do what is written for a connection that waits."""
        return await greenlet_spawn(work, self.sync_connection)

    async def get_raw_connection(self) -> PoolProxiedConnection:
        """The connection as the pool knows it."""
        return await greenlet_spawn(lambda: self.sync_connection.connection)


class Stream:
    """The rows of a statement, some at a time."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def scalars(self) -> "Stream":
        """Of each row the first value."""
        return Stream(self._result.scalars())

    def mappings(self) -> "Stream":
        """Each row by the names of its columns."""
        return Stream(self._result.mappings())

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._result.keys())

    async def partitions(self, size: int) -> AsyncIterator[Sequence[Any]]:
        """All rows, at most `size` of them at a time."""
        while some := await greenlet_spawn(self._result.fetchmany, size):
            yield some


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it even if whoever waits is cancelled meanwhile: a connection half returned is lost to the pool."""
    task = asyncio.create_task(work)  # noqa: TID251 - it is waited for right here
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as fault:
            cancelled = fault
    task.result()
    if cancelled is not None:
        raise cancelled
