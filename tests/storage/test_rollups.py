"""Sums by hand, on both databases; that they are always those of the requests is in `test_ledger`."""

from typing import Any

import pytest

from proxy.accounts.entries import ABORTED, Entry
from proxy.accounts.ledger import COMPLETE, LEFT, STREAM_ENDS
from proxy.storage.database import Database
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import (
    CHANGES_DAILY,
    CHANGES_HOURLY,
    DIMENSIONS,
    LATENCY_DAILY,
    LATENCY_HOURLY,
    SUMS,
    USAGE_DAILY,
    USAGE_HOURLY,
)
from proxy.storage.rollups import ROLL_UPS
from tests.storage.databases import Open
from tests.storage.ledgers import DAY, HOUR_US, encoded, made, rows_of, today


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


async def add(database: Database, *entries: Entry) -> None:
    assert await LedgerStore(database).add(encoded(*entries)) == len(entries)


async def totals(database: Database) -> dict[str, int]:
    """The one row of usage by day, where it is one."""
    (row,) = await rows_of(database, USAGE_DAILY)
    return dict(zip(SUMS, row[1 + len(DIMENSIONS) :], strict=True))


async def by_model(database: Database) -> dict[str, dict[str, int]]:
    """Usage by day, where each model has one row."""
    place = 1 + DIMENSIONS.index("model")
    rows = await rows_of(database, USAGE_DAILY)
    return {row[place]: dict(zip(SUMS, row[1 + len(DIMENSIONS) :], strict=True)) for row in rows}


def test_every_sum_is_a_column() -> None:
    for rollup in ROLL_UPS:
        assert ("bucket", *rollup.keys, *rollup.sums) == tuple(rollup.table.c.keys()), rollup.table.name
        assert ("bucket", *rollup.keys) == tuple(rollup.table.primary_key.columns.keys())


async def test_everything_is_added_up(database: Database) -> None:
    figures = {name: 10 + place for place, name in enumerate(SUMS[5:])}
    await add(database, made("req_1", **figures), made("req_2", stream=1, stream_end="complete", **figures))
    expected = {"requests": 2, "streams": 1, "aborted": 0, "broken": 0, "unpriced": 0}
    assert await totals(database) == expected | {name: 2 * value for name, value in figures.items()}


async def test_a_later_request_is_added_to_what_is_there(database: Database) -> None:
    for number in range(3):
        await add(database, made(f"req_{number}", bytes_in=number))
    found = await totals(database)
    assert (found["requests"], found["bytes_in"]) == (3, 3)


async def test_buckets_are_hours_and_days(database: Database) -> None:
    start = today()
    times = (start, start + HOUR_US - 1, start + HOUR_US, start - 1)
    await add(database, *(made(f"req_{number}", started_us=at) for number, at in enumerate(times)))
    day = start // 1_000_000
    counts = {table: [(row[0], row[1 + len(DIMENSIONS)]) for row in await rows_of(database, table)]
              for table in (USAGE_HOURLY, USAGE_DAILY)}  # fmt: skip
    assert counts == {
        USAGE_HOURLY: [(day - 3600, 1), (day, 2), (day + 3600, 1)],
        USAGE_DAILY: [(day - DAY, 1), (day, 3)],
    }


async def test_whatever_differs_is_kept_apart(database: Database) -> None:
    others: list[dict[str, Any]] = [{name: 429 if name == "status" else "other"} for name in DIMENSIONS]
    await add(database, made("req_1"), made("req_2"), *(made(f"req_{other}", **other) for other in others))
    for table in (USAGE_HOURLY, USAGE_DAILY):
        counts = [row[1 + len(DIMENSIONS)] for row in await rows_of(database, table)]
        assert sorted(counts) == [*[1] * len(DIMENSIONS), 2]


async def test_who_was_aborted(database: Database) -> None:
    cases = {
        (ABORTED, 0): 1,
        ("client_disconnected", 200): 1,
        ("", 499): 1,
        (ABORTED, 499): 1,
        ("", 200): 0,
        ("complete", 200): 0,
        ("truncated", 502): 0,
    }
    entries = [made(f"req_{case}", stream_end=case[0], status=case[1], model=str(case)) for case in cases]
    await add(database, *entries)
    found = {model: sums["aborted"] for model, sums in (await by_model(database)).items()}
    assert found == {str(case): aborted for case, aborted in cases.items()}


async def test_whose_stream_broke(database: Database) -> None:
    """Every end that is neither a good one nor the client's, after a good status: another status tells by itself."""
    cases = {(end, 200): int(end not in {COMPLETE, LEFT}) for end in STREAM_ENDS}
    cases |= {("truncated", status): 0 for status in (0, 429, 499, 502)}
    cases |= {("", 200): 0, (ABORTED, 200): 0, ("truncated", 206): 1}
    entries = [made(f"req_{case}", stream_end=case[0], status=case[1], model=str(case)) for case in cases]
    await add(database, *entries)
    found = {model: sums["broken"] for model, sums in (await by_model(database)).items()}
    assert found == {str(case): broken for case, broken in cases.items()}


async def test_a_price_that_is_not_known_is_counted_and_is_not_zero(database: Database) -> None:
    cases = {
        ("upstream", None): (1, 0),
        ("estimated", None): (1, 0),
        ("none", None): (0, 0),
        ("upstream", 5): (0, 5),
        ("none", 0): (0, 0),
    }
    entries = [
        made(f"req_{case}", source=case[0], cost_micros=case[1], charged_micros=case[1], model=str(case))
        for case in cases
    ]
    await add(database, *entries)
    found = await by_model(database)
    for case, (unpriced, micros) in cases.items():
        sums = found[str(case)]
        assert (sums["unpriced"], sums["cost_micros"], sums["charged_micros"]) == (unpriced, micros, micros), case


async def test_the_time_of_answers_is_measured(database: Database) -> None:
    await add(
        database,
        made("req_1", duration_bin=70),
        made("req_2", duration_bin=70, stream=1, stream_end="complete", first_token_us=9, first_token_bin=40),
        made("req_3", duration_bin=71),
        made("req_4", duration_bin=1, status=429),
        made("req_5", duration_bin=1, stream_end="truncated", first_token_us=9, first_token_bin=1),
        made("req_6", duration_bin=1, stream_end=ABORTED),
    )
    for table in (LATENCY_HOURLY, LATENCY_DAILY):
        found = [row[5:] for row in await rows_of(database, table)]
        assert found == [("duration", 70, 2), ("duration", 71, 1), ("first_token", 40, 1)]


async def test_a_field_is_counted_once_for_each_request(database: Database) -> None:
    long = "x" * 300
    await add(
        database,
        made("req_1", changes=(("messages[0].name", "dropped"), ("messages[12].name", "dropped"), ("n", "dropped"))),
        made("req_2", changes=(("messages[3].name", "dropped"), ("messages[3].name", "renamed"))),
        made("req_3", changes=((f"{long}[1]", long),)),
        made("req_4"),
    )
    for table in (CHANGES_HOURLY, CHANGES_DAILY):
        found = [row[4:] for row in await rows_of(database, table)]
        assert found == [
            ("messages[].name", "dropped", 2),
            ("messages[].name", "renamed", 1),
            ("n", "dropped", 1),
            ("x" * 256, "x" * 32, 1),
        ]
