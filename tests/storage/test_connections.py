"""Connections for asyncio: what they give back, whatever happens to whoever uses them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import run
from sys import executable

import pytest
from sqlalchemy import column, insert, select, table, text
from sqlalchemy.exc import IntegrityError

from proxy.storage import engines
from proxy.storage.connections import AsyncConnection, AsyncEngine
from proxy.storage.location import locate

ROW = table("row", column("n"), column("name"))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    (tmp_path / "x.db").touch()
    made = engines.for_changing(engines.sqlite_engine(locate("sqlite:///x.db", tmp_path), 1))
    async with made.connect() as connection:
        await connection.exec_driver_sql("CREATE TABLE row (n INTEGER PRIMARY KEY, name TEXT)")
        await connection.execute(insert(ROW), [{"n": n, "name": f"row {n}"} for n in range(5)])
        await connection.commit()
    yield made
    await made.dispose()


async def _count(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM row"))).scalar_one())


async def _add(connection: AsyncConnection, *numbers: int) -> None:
    async with connection.begin_nested():
        for number in numbers:
            await connection.execute(insert(ROW).values(n=number))


async def test_what_is_not_committed_is_undone(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.begin()
        await connection.execute(insert(ROW).values(n=9))
    assert await _count(engine) == 5
    async with engine.connect() as connection:
        await connection.begin()
        await connection.execute(insert(ROW).values(n=9))
        await connection.commit()
    assert await _count(engine) == 6


async def test_what_fails_within_a_savepoint_undoes_nothing_else(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.begin()
        await _add(connection, 8)
        with pytest.raises(IntegrityError):
            await _add(connection, 9, 0)
        await connection.commit()
    assert await _count(engine) == 6


async def test_rows_come_some_at_a_time(engine: AsyncEngine) -> None:
    query = select(ROW.c.n, ROW.c.name).order_by(ROW.c.n)
    async with engine.connect() as connection:
        async with connection.stream(query) as result:
            assert result.keys() == ["n", "name"]
            assert [len(some) async for some in result.partitions(2)] == [2, 2, 1]
        async with connection.stream(query) as result:
            assert [each async for some in result.scalars().partitions(3) for each in some] == [0, 1, 2, 3, 4]
        async with connection.stream(query) as result:
            async for some in result.mappings().partitions(1):
                assert dict(some[0]) == {"n": 0, "name": "row 0"}
                break  # the rest is not fetched, and in nobody's way
        assert (await connection.execute(select(ROW.c.n))).scalars().all() == [0, 1, 2, 3, 4]


async def test_a_connection_comes_back_before_whoever_was_cancelled_goes_on(engine: AsyncEngine) -> None:
    pool = engine.sync_engine.pool
    inside = asyncio.Event()

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.begin()
            await connection.execute(insert(ROW).values(n=9))
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    await asyncio.sleep(0)  # it has been told, and is giving the connection back
    task.cancel()  # told again: nobody waits for a grace that is cut short, but for the connection
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.status().endswith("Current Checked out connections: 0")
    assert await _count(engine) == 5


async def test_one_that_is_invalidated_is_made_anew(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        first = (await connection.get_raw_connection()).driver_connection
        await connection.invalidate()
    async with engine.connect() as connection:
        assert (await connection.get_raw_connection()).driver_connection is not first


def test_a_server_imports_nothing_large_that_an_idle_one_has_no_use_for() -> None:
    unused = ["sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "alembic", "asyncpg", "jsonschema_rs", "jinja2"]
    look = f"import sys, proxy.app.running, proxy.storage.database; print(sys.modules.keys() & {unused})"
    told = run([executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "set()\n"
