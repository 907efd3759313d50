from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest

from proxy.accounts.entries import MICROSECONDS, Entry
from proxy.storage import reports
from proxy.storage.database import Database
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import SUMS
from proxy.storage.reports import Question, Row, Width
from tests.storage.databases import Open
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, MINUTE, MONDAY, a_request, keep

WIDTHS: Mapping[Width, int] = {"minute": MINUTE, "hour": HOUR, "day": DAY, "all": 0}
_RANDOM = Random(20_250_609)  # noqa: S311 - for the same figures each time


def _some_request() -> Entry:
    one = _RANDOM.choice
    cost = one((None, 0, 250, 1_234_567))
    return a_request(
        MONDAY + _RANDOM.uniform(-DAY, 3 * DAY),
        seconds=_RANDOM.uniform(0.05, 20),
        first_token=one((None, 0.2, 0.7)),
        tenant=one(("acme", "beta")),
        key_id=one(("key_1", "key_2")),
        endpoint=one(("chat.completions", "embeddings")),
        model=one((KIMI, LLAMA)),
        provider=one(("telnyx", "openai")),
        status=one((200, 200, 200, 429, 499, 0)),
        stream=one((0, 1)),
        stream_end=one(("", "complete", "client_disconnected", "aborted", "truncated", "shutdown")),
        source=one(("upstream", "estimated", "none")),
        input_tokens=_RANDOM.randrange(10_000),
        cost_micros=cost,
        charged_micros=cost,
        end_user=one(("", "ab12", "cd34")),
        client=one(("openai-python", "batch")),
        changes=one(((), (("user", "dropped"),), (("user", "dropped"), ("messages[].role", "renamed")))),
    )


REQUESTS = [_some_request() for _ in range(400)]


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


@pytest.fixture
async def kept(database: Database) -> Database:
    """A ledger of four days."""
    await keep(database, REQUESTS)
    return database


async def usage(database: Database, asked: Question, limit: int | None = None) -> list[Row]:
    async with database.connect() as connection:
        return await reports.usage(connection, asked, limit)


def value_of(each: Entry, name: str) -> Any:
    return int(each.client == "batch") if name == "batch" else getattr(each, name)


def within(asked: Question) -> list[Entry]:
    return [
        each
        for each in REQUESTS
        if asked.start * MICROSECONDS <= each.started_us < asked.end * MICROSECONDS
        and all(value_of(each, name) in values for name, values in asked.only.items())
    ]


def bucket(asked: Question, each: Entry) -> int:
    width = WIDTHS[asked.width]
    return each.started_us // MICROSECONDS // width * width if width else asked.start


def added(each: Entry) -> dict[str, int]:
    """What one request adds to each sum."""
    special = {
        "requests": 1,
        "streams": each.stream,
        "aborted": int(each.stream_end in {"client_disconnected", "aborted"} or each.status == 499),
        "broken": int(each.status == 200 and each.stream_end in {"truncated", "shutdown"}),
        "unpriced": int(each.source != "none" and each.cost_micros is None),
    }
    return {name: special.get(name, getattr(each, name, 0) or 0) for name in SUMS}


def counted(asked: Question) -> list[Row]:
    """The same as `reports.usage`, counted by hand."""
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for each in within(asked):
        group = (bucket(asked, each), *(value_of(each, name) for name in asked.group_by))
        for name, value in added(each).items():
            found[group][name] += value
    names = ("bucket", *asked.group_by)
    return [dict(zip(names, group, strict=True)) | found[group] for group in sorted(found)]


RANGES = [
    (MONDAY, MONDAY + 2 * DAY),
    (MONDAY - DAY + 5 * HOUR, MONDAY + 3 * DAY - HOUR),
    (MONDAY - 17, MONDAY + 2 * DAY + 5 * HOUR + 123),
    (MONDAY + 10 * HOUR + 1, MONDAY + 10 * HOUR + 1800),
    (MONDAY + 90, MONDAY + 90),
]
ASKED: list[tuple[tuple[str, ...], dict[str, Sequence[str | int]]]] = [
    ((), {}),
    (("tenant", "model"), {}),
    (("status", "source", "provider"), {"status": [200, 429]}),
    (("end_user",), {"tenant": ["acme"]}),
    (("key_id", "endpoint"), {"model": [KIMI, "none"], "end_user": ["ab12", ""]}),
    (("tenant",), {"model": []}),
    (("batch", "tenant"), {}),
    ((), {"batch": [1]}),
    (("model",), {"batch": [0], "status": [200]}),
]


async def test_sums_are_the_same_from_whatever_table(kept: Database) -> None:
    for width, (start, end), (group_by, only) in product(WIDTHS, RANGES, ASKED):
        asked = Question(start, end, width, group_by, only)
        assert await usage(kept, asked) == counted(asked), asked


async def test_sums_outlive_the_requests(kept: Database) -> None:
    asked = [Question(MONDAY, MONDAY + 2 * DAY, width, ("model",)) for width in ("day", "hour", "all")]
    before = [await usage(kept, each) for each in asked]
    await LedgerStore(kept).prune(MONDAY + 100 * DAY, {"requests": 30, "hourly": None, "daily": None})
    assert await usage(kept, replace(asked[0], width="minute")) == []
    assert [await usage(kept, each) for each in asked] == before
    await LedgerStore(kept).prune(MONDAY + 1000 * DAY, {"requests": 30, "hourly": 90, "daily": None})
    assert [await usage(kept, each) for each in asked] == [before[0], [], before[2]]


async def test_rows_behind_a_row(kept: Database) -> None:
    for width, group_by in product(WIDTHS, ((), ("model", "status"), ("end_user", "tenant"))):
        asked = Question(MONDAY - 17, MONDAY + DAY + 5 * HOUR + 123, width, group_by)
        whole = await usage(kept, asked)
        for at in {0, len(whole) // 2, len(whole) - 1}:
            place = [whole[at][name] for name in ("bucket", *group_by)]
            async with kept.connect() as connection:
                assert await reports.usage(connection, asked, 5, place) == whole[at + 1 : at + 6], asked


async def test_no_more_rows_than_wanted(kept: Database) -> None:
    asked = Question(MONDAY, MONDAY + DAY, "hour", ("tenant",))
    assert await usage(kept, asked, 3) == (await usage(kept, asked))[:3]
    async with kept.connect() as connection:
        every = await reports.latency(connection, asked, "duration", [0.5])
        assert len(every) > 3
        assert await reports.latency(connection, asked, "duration", [0.5], limit=3) == every[:3]
        changed = await reports.changes(connection, asked)
        assert await reports.changes(connection, asked, 1) == changed[:1]


async def test_what_nobody_counts_by_is_a_fault_of_the_caller(database: Database) -> None:
    for asked in (Question(0, 1, "all", ("error_code",)), Question(0, 1, "all", (), {"client": ["x"]})):
        with pytest.raises(ValueError, match="not kept apart by"):
            await usage(database, asked)


MEASURES: tuple[reports.Measure, ...] = ("duration", "first_token")
ONLY: list[dict[str, Sequence[str | int]]] = [{}, {"tenant": ["acme"]}, {"provider": ["openai"]}]


async def test_percentiles_are_of_answered_requests(kept: Database) -> None:
    for measure, only, ((start, end), width) in product(MEASURES, ONLY, zip(RANGES[:4], WIDTHS, strict=True)):
        asked = Question(start, end, width, ("model",), only)
        expected: dict[tuple[int, str], list[float]] = defaultdict(list)
        for each in within(asked):
            took = getattr(each, f"{measure}_us")
            if each.status < 400 and each.stream_end in {"", "complete"} and took is not None:
                expected[bucket(asked, each), each.model].append(took / MICROSECONDS)
        async with kept.connect() as connection:
            found = await reports.latency(connection, asked, measure, [0.5, 1])
        assert [(row["bucket"], row["model"]) for row in found] == sorted(expected)
        for row in found:
            ordered = sorted(expected[row["bucket"], row["model"]])
            exact = [ordered[(len(ordered) - 1) // 2], ordered[-1]]
            assert row["requests"] == len(ordered)
            assert row["values"] == pytest.approx(exact, rel=0.092)


async def test_there_is_no_percentile_of_nothing(kept: Database) -> None:
    async with kept.connect() as connection:
        assert await reports.latency(connection, Question(0, DAY), "duration", [0.5]) == []
        assert await reports.latency(connection, Question(DAY, DAY), "duration", [0.5]) == []


async def test_changes_are_counted_by_hours_and_the_most_frequent_comes_first(kept: Database) -> None:
    for group_by in ((), ("tenant",), ("key_id", "model")):
        await expect_changes(kept, group_by)


async def expect_changes(kept: Database, group_by: tuple[str, ...]) -> None:
    asked = Question(MONDAY + 5, MONDAY + 2 * DAY - 5, "minute", group_by, {"model": [KIMI]})
    expected: dict[tuple[str, ...], int] = defaultdict(int)
    for each in within(replace(asked, start=MONDAY, end=MONDAY + 2 * DAY)):
        for change in each.changes:
            expected[*change, *(getattr(each, name) for name in group_by)] += 1
    async with kept.connect() as connection:
        found = await reports.changes(connection, asked)
        assert await reports.changes(connection, replace(asked, end=asked.start)) == []
        with pytest.raises(ValueError, match="endpoint"):
            await reports.changes(connection, replace(asked, group_by=("endpoint",)))
    names = ("field", "verdict", *group_by)
    assert {tuple(row[name] for name in names): row["requests"] for row in found} == expected
    assert [row["requests"] for row in found] == sorted(expected.values(), reverse=True)


async def test_requests_come_page_by_page_and_newest_first(kept: Database) -> None:
    asked = Question(MONDAY, MONDAY + 2 * DAY, only={"tenant": ["acme"]})
    expected = sorted(within(asked), key=lambda each: (each.started_us, each.id), reverse=True)
    found: list[Row] = []
    after = None
    async with kept.connect() as connection:
        while page := await reports.requests(connection, asked, 30, after):
            assert len(page) <= 30
            found += page
            after = page[-1]["started_us"], page[-1]["id"]
    assert [row["id"] for row in found] == [each.id for each in expected]
    first = expected[0]._asdict() | {"changes": [list(change) for change in expected[0].changes], "repairs": []}
    assert found[0] == first


async def test_requests_of_the_same_microsecond_are_told_apart(database: Database) -> None:
    same = [a_request(MONDAY, id=f"req_{number}") for number in range(5)]
    await keep(database, same)
    asked = Question(MONDAY, MONDAY + 1)
    async with database.connect() as connection:
        first = await reports.requests(connection, asked, 2)
        second = await reports.requests(connection, asked, 9, (first[-1]["started_us"], first[-1]["id"]))
    assert [row["id"] for row in first + second] == [each.id for each in reversed(same)]


async def test_requests_by_other_columns(kept: Database) -> None:
    asked = Question(0, MONDAY + 9 * DAY)
    async with kept.connect() as connection:
        found = await reports.requests(connection, asked, 1000, stream_end="aborted", stream=1)
        with pytest.raises(ValueError, match="client"):
            await reports.requests(connection, replace(asked, only={"client": ["x"]}), 1)
    assert len(found) == len([each for each in REQUESTS if each.stream_end == "aborted" and each.stream])


async def test_one_request_by_its_id(kept: Database) -> None:
    wanted = REQUESTS[7]
    async with kept.connect() as connection:
        found = await reports.request(connection, wanted.id)
        assert await reports.request(connection, "req_none") is None
    assert found is not None
    assert (found["started_us"], found["tags"], found["cost_micros"]) == (
        wanted.started_us,
        wanted.tags,
        wanted.cost_micros,
    )
