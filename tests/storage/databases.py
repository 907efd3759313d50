"""Databases for tests: SQLite files, and schemas of a real PostgreSQL.

`conftest.py` hands the fixtures on to the tests of this folder; `postgres` is everybody's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.clock import Clock
from proxy.storage.database import Database, open_database
from proxy.storage.store import KEY, Row, Session, Store
from tests.storage.postgres import Postgres, server
from tests.storage.ready import lay_out

__all__ = ["Postgres", "server"]  # many take them from here

PATIENCE = 30.0
"""Seconds for anything that is waited for: many times what it takes on a slow machine."""
NOW = 1_750_000_000
ACTOR = COMMAND_LINE
KINDS = ("sqlite", "postgres")


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database; one on PostgreSQL is migrated, as an operator has to do."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/proxy.db"
    running: Postgres = request.getfixturevalue("postgres")
    return await running.create()


class Hand:
    """A clock that is turned by hand."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.clock = Clock(wall=lambda: self.now, steady=lambda: self.now)


@pytest.fixture
def hand() -> Hand:
    return Hand()


Open = Callable[..., Awaitable[Database]]


@pytest.fixture
async def opening() -> AsyncIterator[Open]:
    """Opens databases that are closed at the end: `await opening(url, patience=0.1)`."""
    async with AsyncExitStack() as stack:

        async def make(url: str, *, patience: float = PATIENCE, **others: Any) -> Database:
            options: dict[str, Any] = {"folder": Path(), "migrate": True, "patience": patience} | others
            if options["migrate"]:
                lay_out(url)
            database = await open_database(url, **options)
            stack.push_async_callback(database.close)
            return database

        yield make


@pytest.fixture
async def store(url: str, opening: Open, hand: Hand) -> Store:
    return Store(await opening(url), hand.clock)


@pytest.fixture
async def second(url: str, store: Store, opening: Open, hand: Hand) -> Store:
    """Another store on the same database, as in another process."""
    return Store(await opening(url), hand.clock)


def key_row(name: str, /, **others: Any) -> Row:
    """A key in all the columns that have no default."""
    row: Row = {"id": f"key_{name}", "tenant": "acme", "name": name, "digest": name.encode().ljust(32, b"-")[:32]}
    return row | {"last4": "abcd", "tags": {}, "endpoints": [], "models": [], "networks": []} | others


async def add_key(session: Session, name: str, /, **others: Any) -> Row:
    return await session.add(KEY, key_row(name, **others))


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a condition of whatever kind
            await asyncio.sleep(0.005)
