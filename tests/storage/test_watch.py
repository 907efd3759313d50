import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import text

from proxy.errors import StoreUnavailable
from proxy.storage.store import Store
from proxy.storage.watch import watch
from tests.storage.databases import ACTOR, Hand, Open, Postgres, add_key, until


class Watcher:
    """What a watch has told."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.health: list[bool] = []
        self.failing: Exception | None = None

    async def see(self, generation: int) -> None:
        if self.failing is not None:
            raise self.failing
        self.seen.append(generation)


@asynccontextmanager
async def watching(store: Store, poll: float | None = None) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch(store, watcher.see, watcher.health.append, poll=poll))
        try:
            await until(lambda: watcher.health)
            yield watcher
        finally:
            task.cancel()


async def change(store: Store, name: str) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, name)


LONG = 3600.0
"""A poll that never comes: what is seen then was told."""


async def test_changes_of_others_are_seen(store: Store, second: Store) -> None:
    async with watching(store) as watcher:
        assert (watcher.seen, watcher.health) == ([0], [True])
        await change(second, "a")
        await until(lambda: watcher.seen == [0, 1])
        await change(second, "b")
        await until(lambda: watcher.seen == [0, 1, 2])
        await change(store, "c")
        await until(lambda: watcher.seen == [0, 1, 2, 3])
    assert watcher.health == [True]


async def test_what_is_no_change_of_the_generation_is_not_told(store: Store, second: Store) -> None:
    async with watching(store, 0.01) as watcher:
        await second.add_spent({("a", 0): 1})
        await change(second, "a")
        await until(lambda: watcher.seen == [0, 1])


async def test_postgresql_tells_by_itself(postgres: Postgres, opening: Open) -> None:
    url = await postgres.create()
    store, other = [Store(await opening(url), Hand().clock) for _ in "12"]
    async with watching(store, LONG) as watcher:
        await change(other, "a")
        await until(lambda: watcher.seen == [0, 1])


async def test_a_change_that_was_not_told_is_found(postgres: Postgres, opening: Open) -> None:
    store = Store(await opening(await postgres.create()), Hand().clock)
    async with watching(store, 0.05) as watcher:
        async with store.database.begin() as connection:
            await connection.execute(text("UPDATE meta SET value = '7' WHERE name = 'generation'"))
        await until(lambda: watcher.seen == [0, 7])


async def test_what_could_not_be_taken_in_is_told_again(store: Store, second: Store) -> None:
    async with watching(store, 0.01) as watcher:
        for fault in (StoreUnavailable("down"), ValueError("a bug")):
            seen, health = list(watcher.seen), list(watcher.health)
            watcher.failing = fault
            await change(second, f"k{len(seen)}")
            await until(lambda: watcher.health == [*health, False])  # noqa: B023 - awaited within the round
            watcher.failing = None
            await until(lambda: watcher.health == [*health, False, True])  # noqa: B023 - likewise
            assert watcher.seen == [*seen, seen[-1] + 1]


async def test_a_sqlite_file_that_goes_and_comes_back(tmp_path: Path, opening: Open) -> None:
    """It is held by a transaction that nobody can read through, as a restore of a file system would."""
    path = tmp_path / "proxy.db"
    store = Store(await opening(f"sqlite:///{path}", patience=0.05), Hand().clock)
    await store.database.engine.dispose()  # its mode can change while nobody has the file open
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        async with watching(store, 0.01) as watcher:
            other.execute("BEGIN EXCLUSIVE")
            await until(lambda: watcher.health[-1] is False)
            other.execute("UPDATE meta SET value = '5' WHERE name = 'generation'")
            other.execute("COMMIT")
            await until(lambda: watcher.seen == [0, 5])
            await until(lambda: watcher.health[-1] is True)


async def test_postgresql_goes_and_comes_back(postgres: Postgres, opening: Open) -> None:
    url = await postgres.create()
    # An attempt while the server starts may be taken and never answered.
    store, other = [Store(await opening(url, patience=1), Hand().clock) for _ in "12"]
    async with watching(store, LONG) as watcher:
        try:
            await postgres.stop()
            await until(lambda: watcher.health == [True, False])
        finally:
            await postgres.start()
        await until(lambda: watcher.health == [True, False, True])
        await change(other, "a")
        await until(lambda: watcher.seen == [0, 1])


async def test_it_may_begin_while_the_database_is_down(tmp_path: Path, opening: Open) -> None:
    path = tmp_path / "proxy.db"
    store = Store(await opening(f"sqlite:///{path}"), Hand().clock)
    await store.database.close()
    away = path.rename(tmp_path / "away")
    async with watching(store, 0.01) as watcher:
        assert (watcher.seen, watcher.health) == ([], [False])
        away.rename(path)
        await until(lambda: watcher.health == [False, True])
        assert watcher.seen == [0]
    await store.database.close()


@pytest.mark.parametrize("moment", [0, 1, 2, 5, 10])
async def test_it_can_be_ended_at_any_moment(store: Store, moment: int) -> None:
    watcher = Watcher()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch(store, watcher.see, watcher.health.append, poll=0.001))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert await store.generation() == 0


async def test_a_bug_of_whoever_takes_changes_over_does_not_pass_for_an_outage(
    store: Store, second: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(store) as watcher:
        watcher.failing = ZeroDivisionError("a bug")
        await change(second, "a")
        await until(lambda: watcher.health[-1:] == [False])
        watcher.failing = None
        await until(lambda: watcher.health[-1:] == [True])
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]


async def test_an_outage_is_told_without_a_traceback(
    store: Store, second: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(store) as watcher:
        watcher.failing = StoreUnavailable("gone")
        await change(second, "a")
        await until(lambda: watcher.health[-1:] == [False])
        watcher.failing = None
        await until(lambda: watcher.health[-1:] == [True])
    assert [record for record in caplog.records if record.exc_info] == []
