"""Opening and using databases that are well, and databases that are not."""

# ruff: noqa: ASYNC240 - small files on a disk of the test

import asyncio
import importlib.util
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from proxy.errors import StoreUnavailable
from proxy.storage import migrating, schema
from proxy.storage.database import Database, migrate_database, open_database
from proxy.storage.refusals import BadAddress, MissingDriver, SchemaMismatch
from proxy.storage.store import Store
from tests.storage.databases import ACTOR, Hand, Open, Postgres, add_key


@contextmanager
def holding_the_lock(path: Path) -> Iterator[None]:
    """Another process in the middle of a change."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def every_connection(database: Database, *pragmas: str) -> None:
    @event.listens_for(database.engine.sync_engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


async def pragma(database: Database, name: str) -> Any:
    async with database.connect() as connection:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()


async def test_a_sqlite_file_is_made_for_its_owner_alone(tmp_path: Path, opening: Open) -> None:
    database = await opening("sqlite:///data/proxy.db", folder=tmp_path)
    folder = tmp_path / "data"
    async with database.begin() as connection:
        await connection.execute(insert(schema.META).values(name="a", value="b"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"data": 0o700} | {f"proxy.db{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}


async def test_how_sqlite_is_used(tmp_path: Path, opening: Open) -> None:
    database = await opening(f"sqlite:///{tmp_path}/proxy.db", patience=5)
    assert await pragma(database, "journal_mode") == "wal"
    assert await pragma(database, "foreign_keys") == 1
    assert await pragma(database, "synchronous") == 2  # FULL
    assert await pragma(database, "busy_timeout") == 5000


async def test_a_name_with_odd_characters_is_a_name(tmp_path: Path, opening: Open) -> None:
    await opening(f"sqlite:///{tmp_path}/a b%41é#x&mode=ro.db")
    assert (tmp_path / "a b%41é#x&mode=ro.db").stat().st_size > 0


async def test_in_memory_is_refused() -> None:
    with pytest.raises(BadAddress, match="in memory"):
        await open_database("sqlite://", folder=Path(), migrate=True)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StoreUnavailable, match="is no SQLite database"):
        await open_database(f"sqlite:///{path}", folder=tmp_path, migrate=True)


async def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "proxy.db").mkdir()
    with pytest.raises(IsADirectoryError):
        await open_database("sqlite:///proxy.db", folder=tmp_path, migrate=True)


async def test_a_file_that_is_not_there_is_made_with_migrate_only(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await open_database("sqlite:///proxy.db", folder=tmp_path, migrate=False)
    assert not list(tmp_path.iterdir())


async def test_a_file_that_has_gone_is_not_made_anew(tmp_path: Path, opening: Open) -> None:
    path = tmp_path / "proxy.db"
    store = Store(await opening(f"sqlite:///{path}"), Hand().clock)
    await store.database.engine.dispose()  # the connections that still have it
    path.unlink()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await store.generation()
    assert not path.exists()


async def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, opening: Open) -> None:
    url = f"sqlite:///{tmp_path}/proxy.db"
    store = Store(await opening(url), Hand().clock)
    every_connection(store.database, "max_page_count=100")
    await store.database.engine.dispose()

    async def fill() -> None:
        async with store.changing(ACTOR) as session:
            await add_key(session, "kept")
        for number in range(10_000):
            async with store.changing(ACTOR) as session:
                await add_key(session, f"k{number}", tags={"large": "x" * 20_000})

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await fill()
    again = Store(await opening(url), Hand().clock)
    kept = await again.snapshot()
    assert "kept" in [row["name"] for row in kept.rows["key"]]
    assert kept.generation == len(kept.rows["key"])
    async with again.changing(ACTOR) as session:
        await add_key(session, "later")


async def test_a_locked_file_is_waited_for_and_then_told(tmp_path: Path, opening: Open) -> None:
    path = tmp_path / "proxy.db"
    store = Store(await opening(f"sqlite:///{path}", patience=0.05), Hand().clock)
    with holding_the_lock(path):
        with pytest.raises(StoreUnavailable, match="holds it locked"):
            await store.add_spent({("a", 0): 1})
        assert await store.generation() == 0  # who reads does not wait
    await store.add_spent({("a", 0): 1})


async def test_who_waits_behind_a_long_transaction_of_the_same_process_is_told(tmp_path: Path, opening: Open) -> None:
    store = Store(await opening(f"sqlite:///{tmp_path}/proxy.db", patience=0.05), Hand().clock)
    async with store.changing(ACTOR):
        with pytest.raises(StoreUnavailable, match="holds it locked"):
            await store.add_spent({("a", 0): 1})
    await store.add_spent({("a", 0): 1})


async def test_too_many_readers_at_once(url: str, opening: Open) -> None:
    database = await opening(url, patience=0.3)
    entered, leave = asyncio.Queue[None](), asyncio.Event()

    async def read() -> None:
        async with database.connect():
            entered.put_nowait(None)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(read())
        for _ in range(5):
            await entered.get()
        with pytest.raises(StoreUnavailable, match="too many transactions"):
            async with database.connect():
                pass
        leave.set()


async def test_a_read_only_file(tmp_path: Path, opening: Open) -> None:
    store = Store(await opening(f"sqlite:///{tmp_path}/proxy.db"), Hand().clock)
    every_connection(store.database, "query_only=ON")
    await store.database.engine.dispose()
    with pytest.raises(StoreUnavailable, match="it is read-only"):
        await store.add_spent({("a", 0): 1})


async def test_errors_of_whoever_uses_it_pass(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        async with store.reading():
            Path("/nowhere/at/all").read_text()


async def test_without_the_driver_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDriver, match=r"pip install 'telnyx-openai-proxy\[postgres\]'"):
        await open_database("postgresql://u@db/proxy", folder=Path(), migrate=True)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("host=/nowhere", "nothing listens"),
        ("host=localhost&port=1", "nothing listens"),
    ],
)
async def test_a_server_that_is_not_there(query: str, words: str) -> None:
    with pytest.raises(StoreUnavailable, match=words) as raised:
        await open_database(f"postgresql://u:hunter2@/proxy?{query}", folder=Path(), migrate=True)
    assert "hunter2" not in str(raised.value)


async def test_an_address_the_driver_does_not_understand() -> None:
    with pytest.raises(BadAddress) as raised:
        await open_database("postgresql://u:hunter2@db/proxy?sslmode=odd", folder=Path(), migrate=True)
    assert "hunter2" not in str(raised.value)


async def test_a_database_that_is_not_on_the_server(postgres: Postgres) -> None:
    with pytest.raises(StoreUnavailable, match="no such database"):
        await open_database(postgres.url("absent"), folder=Path(), migrate=True)


async def test_postgresql_is_migrated_by_hand(postgres: Postgres, opening: Open) -> None:
    url = await postgres.create(migrated=False)
    for migrate in (True, False):
        with pytest.raises(SchemaMismatch, match=r"has no tables yet.*run 'telnyx-proxy migrate --config FILE'"):
            await open_database(url, folder=Path(), migrate=migrate)
    done = await migrate_database(url, folder=Path())
    assert (done.before, done.after) == (None, migrating.VERSIONS[-1])
    await opening(url)


async def test_postgresql_ends_what_takes_too_long(postgres: Postgres, opening: Open) -> None:
    database = await opening(await postgres.create())
    async with database.begin() as connection:
        await connection.execute(text("SET statement_timeout = 1"))
        await connection.commit()
    with pytest.raises(StoreUnavailable, match="took too long"):
        async with database.begin() as connection:
            await connection.execute(text("SELECT pg_sleep(600)"))


async def test_who_reads_postgresql_cannot_write(postgres: Postgres, opening: Open) -> None:
    database = await opening(await postgres.create())
    with pytest.raises(StoreUnavailable, match="read-only"):
        async with database.connect() as connection:
            await connection.execute(insert(schema.META).values(name="a", value="b"))


async def test_a_lock_on_postgresql_is_waited_for_and_then_told(postgres: Postgres, opening: Open) -> None:
    url = await postgres.create()
    first, other = [Store(await opening(url, patience=0.3), Hand().clock) for _ in "12"]
    async with first.changing(ACTOR):
        with pytest.raises(StoreUnavailable, match="holds it locked"):
            async with other.changing(ACTOR):
                pass


async def lose_the_server(store: Store, postgres: Postgres) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "lost")
        await postgres.stop()
        await add_key(session, "lost, too")


async def test_postgresql_goes_and_comes_back(postgres: Postgres, opening: Open) -> None:
    store = Store(await opening(await postgres.create()), Hand().clock)
    async with store.changing(ACTOR) as session:
        await add_key(session, "before")
    try:
        with pytest.raises(StoreUnavailable):
            await lose_the_server(store, postgres)
        for work in (store.generation, store.snapshot):
            with pytest.raises(StoreUnavailable):
                await work()
    finally:
        await postgres.start()
    async with store.changing(ACTOR) as session:
        await add_key(session, "after")
    assert [row["name"] for row in (await store.snapshot()).rows["key"]] == ["after", "before"]


def test_who_runs_these_tests_can_make_private_files(tmp_path: Path) -> None:
    """Permissions are looked at above; a file system without them would make those tests say nothing."""
    path = tmp_path / "x"
    os.close(os.open(path, os.O_CREAT, 0o600))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
