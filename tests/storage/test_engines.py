import os
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from proxy.storage import engines
from proxy.storage.location import locate
from tests.storage.databases import Open, Postgres


async def test_sqlite_begins_as_it_is_told(tmp_path: Path, opening: Open) -> None:
    database = await opening(f"sqlite:///{tmp_path}/proxy.db")
    async with database.begin() as first, database.connect() as second:
        locked = (await first.execute(text("SELECT 1"))).scalar_one(), (await second.execute(text("SELECT 1"))).scalar()
    assert locked == (1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_the_threads_of_sqlite_give_way_to_the_event_loop(tmp_path: Path, opening: Open) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    database = await opening(f"sqlite:///{tmp_path}/proxy.db")
    async with database.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.create_function("niceness", 0, niceness)
        assert (await connection.execute(text("SELECT niceness()"))).scalar_one() == max(before, engines.PATIENT)
    assert niceness() == before


def test_the_file_of_sqlite_is_a_uri(tmp_path: Path) -> None:
    location = locate("sqlite:///a b?".rstrip("?"), tmp_path)
    assert engines.sqlite_uri(location) == f"file:{tmp_path}/a%20b?mode=rw"


async def test_bounds_of_postgresql(postgres: Postgres, opening: Open) -> None:
    database = await opening(await postgres.create(), patience=5)
    async with database.connect() as connection:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        found = [(await connection.execute(text(f"SHOW {name}"))).scalar_one() for name in names]
        level = (await connection.execute(text("SHOW transaction_isolation"))).scalar_one()
    assert found == ["10s", "5s", "1min", "telnyx-proxy"]
    assert level == "repeatable read"
    async with database.begin() as connection:
        assert (await connection.execute(text("SHOW transaction_isolation"))).scalar_one() == "read committed"
        assert (await connection.execute(text("SHOW transaction_read_only"))).scalar_one() == "off"


async def test_migrations_may_take_their_time(postgres: Postgres) -> None:
    location = locate(await postgres.create(), Path())
    engine = engines.postgres_engine(location, 5, timed=False)
    try:
        async with engine.connect() as connection:
            assert (await connection.execute(text("SHOW statement_timeout"))).scalar_one() == "0"
    finally:
        await engine.dispose()


def test_parameters_do_not_stand_in_exceptions(tmp_path: Path) -> None:
    engine = engines.sqlite_engine(locate("sqlite:///x.db", tmp_path), 1)
    assert engine.sync_engine.hide_parameters
