"""The database: its connections, its transactions, and foreign exceptions in our words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy import func, select

from proxy.storage import engines, files, migrating, schema
from proxy.storage.connections import AsyncConnection, AsyncEngine
from proxy.storage.failures import in_our_words, unavailable
from proxy.storage.location import Location, locate
from proxy.storage.migrating import Migration

PATIENCE = 5.0
"""Seconds to wait for a connection, or for a lock that another transaction holds."""
CHANNEL = "telnyx_proxy"
"""PostgreSQL's NOTIFY: every change says its generation here."""
GENERATION = "generation"


class Database:
    """An open database.

    Attributes:
        engine: SQLAlchemy's; its transactions neither queue nor speak our words.
        location: where it is.
        patience: seconds to wait for a connection or a lock.
    """

    def __init__(self, engine: AsyncEngine, location: Location, patience: float = PATIENCE) -> None:
        self.engine = engine
        self.location = location
        self.patience = patience
        self._reading = engines.for_reading(engine)
        self._changing = engines.for_changing(engine)
        # SQLite has one write lock and wakes nobody who waits for it: within this process, we queue in order.
        self._turn = asyncio.Lock() if location.path is not None else None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for reading, which sees one state. Raises StoreUnavailable."""
        async with _transaction(self._reading) as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for changing, kept when the block ends well. Raises StoreUnavailable."""
        async with self._my_turn(), _transaction(self._changing) as connection:
            yield connection
            with in_our_words(connecting=True):
                await connection.commit()

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if self._turn is None:
            yield
            return
        try:
            async with asyncio.timeout(self.patience):
                await self._turn.acquire()
        except TimeoutError:
            raise unavailable("another transaction holds it locked") from None
        try:
            yield
        finally:
            self._turn.release()

    async def lock(self, connection: AsyncConnection) -> None:
        """Wait until nobody else, in whatever process, is changing what people manage.

        SQLite has done so already. On PostgreSQL the row of the generation is the lock: what a transaction has read
        stays true until it ends, and two can never wait for each other.
        """
        if self._turn is None:
            meta = schema.META
            await connection.execute(select(meta.c.value).where(meta.c.name == GENERATION).with_for_update())

    async def announce(self, connection: AsyncConnection, generation: int) -> None:
        """Tell other processes of a change that is about to be kept; they hear of it once it is."""
        if self._turn is None:
            await connection.execute(select(func.pg_notify(CHANNEL, str(generation))))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that is rolled back unless it was committed."""
    async with AsyncExitStack() as stack:
        with in_our_words(connecting=True):
            connection = await stack.enter_async_context(engine.connect())
            await connection.begin()
        with in_our_words():
            yield connection


async def open_database(
    url: str, *, folder: Path, migrate: bool, password: str | None = None, patience: float = PATIENCE
) -> Database:
    """Open a database and see to it that its tables are those of this program.

    With `migrate` a SQLite file is made and brought up to date; PostgreSQL is by `migrate_database` only, because
    several machines may work on it. Relative paths start at `folder`; `password` is PostgreSQL's, if not in the URL.
    Raises StorageRefused, OSError for a file that cannot be made, StoreUnavailable.
    """
    database = await _connected(locate(url, folder, password), patience, timed=True, make=migrate)
    try:
        if migrate and database.location.path is not None:
            await _migrate(database)
        else:
            async with database.connect() as connection:
                await connection.run_sync(migrating.expect_current)
    except BaseException:
        await database.close()
        raise
    return database


async def migrate_database(
    url: str, *, folder: Path, password: str | None = None, patience: float = PATIENCE
) -> Migration:
    """Bring a database up to date, SQLite or PostgreSQL, and close it. Raises as `open_database`."""
    database = await _connected(locate(url, folder, password), patience, timed=False, make=True)
    try:
        return await _migrate(database)
    finally:
        await database.close()


async def _connected(location: Location, patience: float, *, timed: bool, make: bool) -> Database:
    if location.path is None:
        return Database(engines.postgres_engine(location, patience, timed=timed), location, patience)
    if make:
        await asyncio.to_thread(files.make_database_file, location.path)
    with in_our_words():
        await asyncio.to_thread(files.write_ahead, location.path, patience)
    return Database(engines.sqlite_engine(location, patience), location, patience)


async def _migrate(database: Database) -> Migration:
    newest = migrating.VERSIONS[-1]
    async with database.connect() as connection:  # first without the write lock, which a busy server may hold
        if await connection.run_sync(migrating.version) == newest:
            return Migration(newest, newest)
    async with database.begin() as connection:
        return await connection.run_sync(migrating.migrate)
