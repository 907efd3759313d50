import asyncio

import pytest

from proxy.storage import retention
from proxy.storage.database import Database
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import US_PER_DAY
from proxy.storage.rollups import ROLL_UPS
from tests.storage.databases import Open
from tests.storage.ledgers import DAY, HOUR_US, encoded, expect_right_sums, kept_sums, made, requests, today

NOON = today() // 1_000_000 + 12 * 3600
FOR_EVER = {"requests": None, "hourly": None, "daily": None}


@pytest.fixture
async def kept(url: str, opening: Open) -> LedgerStore:
    """Four days with three requests each, at midnight, in the morning, at the last moment, and one of 1970."""
    store = LedgerStore(await opening(url))
    times = [today() - day * US_PER_DAY + at for day in range(4) for at in (0, 5 * HOUR_US, US_PER_DAY - 1)]
    entries = [made(f"req_{at}", started_us=at, changes=(("n", "dropped"),)) for at in (0, *times)]
    assert await store.add(encoded(*entries)) == 13
    return store


async def days(database: Database) -> list[int]:
    """How many days ago the requests were that are there."""
    return [(today() - entry.started_us // US_PER_DAY * US_PER_DAY) // US_PER_DAY for entry in await requests(database)]


async def oldest(database: Database) -> dict[str, int]:
    return {
        name: NOON // DAY - min(row[0] for row in rows) // DAY for name, rows in (await kept_sums(database)).items()
    }


def by_partitions(store: LedgerStore) -> bool:
    return store.database.location.path is None


async def test_what_is_kept_for_ever_stays(kept: LedgerStore) -> None:
    nothing = {"requests": 0, "partitions": 0, "hourly": 0, "daily": 0}
    assert await kept.prune(NOON, FOR_EVER) == nothing
    assert await kept.prune(NOON, {}) == nothing
    assert await kept.prune(NOON, {"requests": 36_500, "hourly": 36_500, "daily": 36_500}) == nothing
    assert len(await days(kept.database)) == 13


async def test_requests_go_by_whole_days(kept: LedgerStore) -> None:
    gone = await kept.prune(NOON, FOR_EVER | {"requests": 2})
    expected = {"requests": 1, "partitions": 1} if by_partitions(kept) else {"requests": 4, "partitions": 0}
    assert gone == expected | {"hourly": 0, "daily": 0}
    assert await days(kept.database) == [2, 2, 2, 1, 1, 1, 0, 0, 0]
    assert set(await kept.prune(NOON, {"requests": 2})) == set(gone)
    assert set((await kept.prune(NOON, {"requests": 2})).values()) == {0}


async def test_each_kind_of_sums_has_its_own_time(kept: LedgerStore) -> None:
    gone = await kept.prune(NOON, {"requests": None, "hourly": 1, "daily": 3})
    assert gone == {"requests": 0, "partitions": 0, "hourly": 3 * (2 * 3 + 1), "daily": 3}
    ago = await oldest(kept.database)
    assert {name: days for name, days in ago.items() if name.endswith("hourly")} == dict.fromkeys(
        ("usage_hourly", "latency_hourly", "changes_hourly"), 1
    )
    assert {name: days for name, days in ago.items() if name.endswith("daily")} == dict.fromkeys(
        ("usage_daily", "latency_daily", "changes_daily"), 3
    )


async def test_it_goes_a_little_at_a_time(kept: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "BUCKETS", 1)
    everything = {"requests": 0, "hourly": 0, "daily": 0}
    await kept.prune(NOON + DAY, everything)
    assert await requests(kept.database) == []
    assert await kept_sums(kept.database) == {rollup.table.name: [] for rollup in ROLL_UPS}


async def test_several_processes_may_do_it_while_requests_are_added(
    kept: LedgerStore, opening: Open, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    others = [LedgerStore(await opening(url)) for _ in range(3)]
    limits = {"requests": 1, "hourly": 5000, "daily": None}
    some = encoded(*(made(f"req_new_{number}") for number in range(20)))
    *_, added = await asyncio.gather(*(store.prune(NOON, limits) for store in others), kept.add(some))
    assert added == 20
    assert sorted(await days(kept.database)) == [0] * 23 + [1] * 3


async def test_a_day_that_was_dropped_and_comes_again_is_a_day_like_any_other(kept: LedgerStore) -> None:
    await kept.prune(NOON, {"requests": 1})
    late = made("req_late", started_us=today() - 3 * US_PER_DAY)
    assert await kept.add(encoded(late)) == 1
    assert 3 in await days(kept.database)
    gone = await kept.prune(NOON, {"requests": 1})
    assert gone["requests"] + gone["partitions"] == 1
    assert 3 not in await days(kept.database)


async def test_sums_outlive_their_requests(kept: LedgerStore) -> None:
    await expect_right_sums(kept.database)
    before = await kept_sums(kept.database)
    await kept.prune(NOON, {"requests": 0, "hourly": None, "daily": None})
    assert await kept_sums(kept.database) == before
