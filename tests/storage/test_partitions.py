"""Days of requests on PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import text

from proxy.storage import partitions
from proxy.storage.database import Database
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import US_PER_DAY
from proxy.storage.partitions import DEFAULT, FUTURE, PAST
from tests.storage.databases import Open, Postgres
from tests.storage.ledgers import encoded, expect_right_sums, made, requests, today


@pytest.fixture
async def url(postgres: Postgres) -> str:
    return await postgres.create()


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


async def present(database: Database) -> set[int]:
    async with database.connect() as connection:
        return await partitions.present(connection)


async def where(database: Database) -> dict[str, int]:
    """Partition -> requests in it."""
    counting = text("SELECT CAST(CAST(tableoid AS regclass) AS text), count(*) FROM requests GROUP BY 1")
    async with database.connect() as connection:
        return {str(name).rpartition(".")[2]: count for name, count in await connection.execute(counting)}


DAY = today() // US_PER_DAY


def test_the_name_of_a_day() -> None:
    assert [partitions.name_of(day) for day in (0, 20_000)] == ["requests_d19700101", "requests_d20241004"]
    for day in (0, 20_000, DAY):
        assert partitions.day_of(partitions.name_of(day)) == day
    assert partitions.day_of(DEFAULT) is None
    assert partitions.day_of("requests_d2024100") is None


def test_the_days_of_rows() -> None:
    rows = [
        b'["a",1]',
        b'["a",86400000000,',
        b'["b",-1,""]',
        b'["\xc3\xa9",5,"x"]',
        b'["\\"",1,',
        b"no row",
        b"[1,2,3]",
    ]
    assert partitions.days_of(rows) == {1, -1, 0}
    assert partitions.days_of(encoded(made("req_1", started_us=DAY * US_PER_DAY + 5))) == {DAY}


async def test_a_day_has_its_partition(database: Database) -> None:
    kept = LedgerStore(database)
    for _ in range(2):
        await kept.add(encoded(*(made(f"req_{day}", started_us=(DAY - day) * US_PER_DAY) for day in (0, 1, 40))))
    assert await present(database) == {DAY, DAY - 1, DAY - 40}
    assert await where(database) == {partitions.name_of(DAY - day): 1 for day in (0, 1, 40)}


async def test_days_that_are_far_off_share_one(database: Database) -> None:
    days = (0, 1, DAY - PAST - 2, DAY + FUTURE + 2, 376_200, -1000, 10**6)  # 1970, ..., the year 3000, ...
    entries = [made(f"req_{day}", started_us=day * US_PER_DAY) for day in days]
    assert await LedgerStore(database).add(encoded(*entries)) == len(days)
    assert await present(database) == set()
    assert await where(database) == {DEFAULT: len(days)}
    await expect_right_sums(database)


async def test_a_day_that_came_near_takes_its_requests_along(database: Database, opening: Open, url: str) -> None:
    """They were written by a machine whose clock is ahead, or after the partition had been dropped."""
    kept, late = LedgerStore(database), LedgerStore(await opening(url))
    await late.add(encoded(made("req_0")))
    async with database.begin() as connection:
        await connection.execute(text(f"DROP TABLE {partitions.name_of(DAY)}"))
    await late.add(encoded(made("req_1"), made("req_far", started_us=0)))  # it does not know
    assert await where(database) == {DEFAULT: 2}
    await kept.add(encoded(made("req_2")))
    assert await where(database) == {DEFAULT: 1, partitions.name_of(DAY): 2}
    assert [entry.id for entry in await requests(database)] == ["req_far", "req_1", "req_2"]
    assert await kept.add(encoded(made("req_1"))) == 0


async def test_several_processes_make_them_at_once(opening: Open, url: str, database: Database) -> None:
    stores = [LedgerStore(await opening(url)) for _ in range(4)]
    days = [[(place * 3 + number) % 10 for number in range(10)] for place in range(4)]
    added = await asyncio.gather(
        *(
            store.add(encoded(*(made(f"req_{place}_{day}", started_us=(DAY - day) * US_PER_DAY) for day in some)))
            for place, (store, some) in enumerate(zip(stores, days, strict=True))
        )
    )
    assert added == [10] * 4
    assert await present(database) == {DAY - day for day in range(10)}
    await expect_right_sums(database)


async def test_a_partition_has_the_indices_of_the_table(database: Database) -> None:
    await LedgerStore(database).add(encoded(made("req_1")))
    async with database.connect() as connection:
        found = await connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE tablename = :name AND schemaname = current_schema()"),
            {"name": partitions.name_of(DAY)},
        )
        columns = sorted(str(row[0]).partition(" btree ")[2] for row in found)
    assert columns == ["(id, started_us)", "(started_us)", "(tenant, started_us)"]
