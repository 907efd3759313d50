"""Hearing of changes that other processes made, within a fraction of a second.

PostgreSQL tells (LISTEN), and is asked from time to time in case a word was lost. SQLite tells nobody, but says for a
few microseconds of work whether the file has changed (`PRAGMA data_version`), so it is asked often.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiosqlite

from proxy.errors import StoreUnavailable
from proxy.storage import engines
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import CHANNEL, Database
from proxy.storage.failures import LOST, in_our_words, unavailable
from proxy.storage.store import Store

SQLITE_POLL = 0.2
"""Seconds between looks at a SQLite file: a revocation must work within one second in every process."""
POSTGRES_POLL = 5.0
"""Seconds between questions to PostgreSQL, which tells by itself; it also finds out that a connection is dead."""
RETRY = 0.5
"""Seconds until the next attempt while the database does not answer."""

Wait = Callable[[], Awaitable[None]]
"""Returns when there may be something new. Raises where it cannot tell any more."""


async def watch(
    store: Store,
    seen: Callable[[int], Awaitable[None]],
    health: Callable[[bool], None],
    *,
    poll: float | None = None,
) -> None:
    """Tell generations as they come, until cancelled: the present one first, then whenever it has moved.

    `seen` is told again what it failed to take in. `health` hears when the database goes down and comes up. `poll`:
    seconds between looks, None for what suits the database. Never raises.
    """
    told: int | None = None
    up: bool | None = None
    while True:
        try:
            async with _listening(store.database, poll) as wait:
                while True:
                    generation = await store.generation()
                    if generation != told:
                        await seen(generation)
                        told = generation
                    if up is not True:
                        up = True
                        health(up)
                    await wait()
        except Exception as fault:  # whoever stops watching never hears of a revocation again
            if up is not False:
                if not isinstance(fault, StoreUnavailable):  # a bug, which must not pass for an outage
                    logging.getLogger(__name__).exception("a change of the database could not be taken over")
                up = False
                health(up)
        await asyncio.sleep(min(RETRY, poll or RETRY))


@asynccontextmanager
async def _listening(database: Database, poll: float | None) -> AsyncIterator[Wait]:
    if database.location.path is None:
        async with _postgres(database, poll or POSTGRES_POLL) as wait:
            yield wait
    else:
        async with _sqlite(database, poll or SQLITE_POLL) as wait:
            yield wait


@asynccontextmanager
async def _sqlite(database: Database, poll: float) -> AsyncIterator[Wait]:
    """The number changes on a connection when any other one, in whatever process, has changed the file."""
    uri = engines.sqlite_uri(database.location)
    async with aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=database.patience) as connection:
        version = await _data_version(connection)

        async def wait() -> None:
            nonlocal version
            before = version
            while version == before:
                await asyncio.sleep(poll)
                version = await _data_version(connection)

        yield wait


async def _data_version(connection: aiosqlite.Connection) -> Any:
    async with connection.execute("PRAGMA data_version") as cursor:
        return await cursor.fetchone()


@asynccontextmanager
async def _postgres(database: Database, poll: float) -> AsyncIterator[Wait]:
    """A connection that listens. What it hears is a hint; the generation is read from the table."""
    heard = asyncio.Event()

    def hear(*_: object) -> None:
        heard.set()

    async with AsyncExitStack() as stack:
        with in_our_words(connecting=True):
            connection = await stack.enter_async_context(database.engine.connect())
            stack.push_async_callback(connection.invalidate)  # it listens, so nobody else shall get it
            driver = await _driver(connection)
            driver.add_termination_listener(hear)
            await driver.add_listener(CHANNEL, hear)

        async def wait() -> None:
            try:
                async with asyncio.timeout(poll):
                    await heard.wait()
            except TimeoutError:
                # A connection that a firewall forgot looks alive until something is sent.
                await driver.fetchval("SELECT 1", timeout=database.patience)
            heard.clear()
            if driver.is_closed():
                raise unavailable(LOST) from None

        yield wait


async def _driver(connection: AsyncConnection) -> Any:
    """The connection as asyncpg knows it."""
    return (await connection.get_raw_connection()).driver_connection
