"""The contract of the ledger, on SQLite and on PostgreSQL: exactly once, and sums that are those of the requests."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from proxy import codec
from proxy.accounts.entries import COLUMNS, Entry
from proxy.errors import StoreUnavailable
from proxy.pace import Pace
from proxy.storage import ledger
from proxy.storage.database import Database
from proxy.storage.ledger import BadRow, LedgerStore
from proxy.storage.ledger_schema import PRICES, REQUESTS
from proxy.storage.refusals import StorageRefused
from proxy.storage.rollups import ROLL_UPS
from tests.storage.databases import NOW, Open, Postgres
from tests.storage.ledgers import (
    HOUR_US,
    PLAIN,
    encoded,
    expect_right_sums,
    invented,
    kept_sums,
    listed,
    made,
    requests,
    rows_of,
    shuffled,
    today,
)
from tests.trying import examples


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


@pytest.fixture
def kept(database: Database) -> LedgerStore:
    return LedgerStore(database)


@pytest.fixture
async def other(url: str, database: Database, opening: Open) -> LedgerStore:
    """As another process has it."""
    return LedgerStore(await opening(url))


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(map(listed, entries), key=lambda entry: (entry.started_us, entry.id))


async def test_a_request_comes_back_as_it_was_written(kept: LedgerStore) -> None:
    entry = made(
        "req_1",
        tags={"team": "é😀", "": "a\"b'c\\", "n": ""},
        model='o\'hara "x" \\ ; -- %s :rows ?',
        end_user="0123456789abcdef",
        input_tokens=2**53,
        output_tokens=2**63 - 1,
        cost_micros=None,
        charged_micros=None,
        repairs=("tool_choice", "b"),
        changes=(("messages[0].name", "dropped"),),
        first_token_us=0,
        first_token_bin=0,
    )
    assert await kept.add(encoded(entry)) == 1
    assert await requests(kept.database) == [listed(entry)]


async def test_nothing_is_nothing(kept: LedgerStore) -> None:
    assert await kept.add([]) == 0


async def test_what_is_there_is_not_added_again(kept: LedgerStore) -> None:
    entries = invented(50)
    rows = encoded(*entries)
    assert await kept.add(rows) == 50
    before = await kept_sums(kept.database)
    assert await kept.add(rows) == 0
    assert await kept.add([*rows[:10], *encoded(made("req_new"))]) == 1
    assert await kept.add(encoded(made("req_new"))) == 0
    assert await requests(kept.database) == in_order([*entries, made("req_new")])
    await expect_right_sums(kept.database)
    assert await kept_sums(kept.database) != before


async def test_rows_as_they_were_made_and_rows_as_json_are_the_same(kept: LedgerStore) -> None:
    """A whole batch of both, and again with some that are new: sums are made in two ways, which are to agree."""
    entries = invented(300)
    rows = encoded(*entries)
    mixed = [tuple(entry) if number % 2 else rows[number] for number, entry in enumerate(entries)]
    assert await kept.add(mixed[:200]) == 200
    await expect_right_sums(kept.database)
    assert await kept.add(mixed[150:]) == 100
    assert await requests(kept.database) == in_order(entries)
    await expect_right_sums(kept.database)


async def test_requests_around_the_hour_and_before_1970_are_summed_where_they_belong(kept: LedgerStore) -> None:
    around = [today() + HOUR_US * hour + off for hour in (0, 1) for off in (-1, 0, 1)]
    before = [-1, 0, 1, -HOUR_US, -HOUR_US - 1, -24 * HOUR_US, -24 * HOUR_US - 1]
    entries = [made(f"req_{number}", started_us=at) for number, at in enumerate((*around, *before))]
    assert await kept.add([tuple(entry) for entry in entries]) == len(entries)
    await expect_right_sums(kept.database)


async def test_a_request_that_is_in_a_batch_twice_counts_once_and_as_it_came_first(kept: LedgerStore) -> None:
    first, second = made("req_1", stream_end="complete"), made("req_1", stream_end="aborted")
    assert await kept.add(encoded(first, second, first)) == 1
    assert await kept.add(encoded(second)) == 0
    assert await requests(kept.database) == [listed(first)]
    await expect_right_sums(kept.database)


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_and_any_batches_give_the_same_tables(kept: LedgerStore, other: LedgerStore, seed: int) -> None:
    """Also where two processes have the same requests to add at the same moment."""
    entries = invented(400, seed)

    async def ship(store: LedgerStore, rows: Sequence[bytes], size: int) -> int:
        return sum([await store.add(batch) for batch in batches(rows, size)])

    rows = encoded(*entries)
    halves = shuffled(rows, seed)[:250], shuffled(rows, seed + 1)[:250], rows[::-1]
    added = await asyncio.gather(
        ship(kept, halves[0], 7), ship(other, halves[1], 31), ship(kept, halves[2], 97), ship(other, halves[0], 250)
    )
    assert sum(added) == 400
    assert await requests(kept.database) == in_order(entries)
    await expect_right_sums(kept.database)


def batches(rows: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


TEXT = st.text(max_size=20)
NUMBER = st.integers(0, 2**53)
ENTRIES = st.builds(
    PLAIN._replace,
    id=st.uuids().map(str),
    started_us=st.integers(-(2**60), 2**60) | st.integers(0, 10**12).map(lambda ago: today() - ago),
    tenant=TEXT,
    model=TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    repairs=st.lists(TEXT, max_size=2),
    changes=st.lists(st.tuples(TEXT, TEXT).map(list), max_size=3),
    status=st.sampled_from([0, 200, 404, 499, 502]),
    stream=st.integers(0, 1),
    stream_end=st.sampled_from(["", "complete", "aborted", "client_disconnected", "truncated"]),
    source=st.sampled_from(["upstream", "estimated", "none"]),
    cost_micros=st.none() | NUMBER,
    input_tokens=NUMBER,
    first_token_bin=st.none() | st.integers(0, 160),
    duration_bin=st.integers(0, 160),
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, min_size=1, max_size=8, unique_by=lambda entry: entry.id))
async def test_whatever_is_written_is_read_and_summed(database: Database, entries: list[Entry]) -> None:
    async with database.begin() as connection:
        for table in (REQUESTS, *(rollup.table for rollup in ROLL_UPS)):
            await connection.execute(delete(table))
    kept = LedgerStore(database)
    rows = encoded(*entries)
    assert await kept.add(rows) == len(entries)
    assert await kept.add(rows[::-1]) == 0
    expected = [Entry(*codec.decode(row.replace(rb"\u0000", b"\xef\xbf\xbd"))) for row in rows]
    assert await requests(database) == in_order(expected)
    await expect_right_sums(database)


async def test_what_a_database_cannot_keep_is_kept_without_it(kept: LedgerStore) -> None:
    rows = encoded(made("req_1", model="a\0b"), made("req_2", model="half"), made("req_3", model="\\u0000"))
    assert await kept.add([rows[0], rows[1].replace(b"half", rb"\ud83d"), rows[2]]) == 3
    assert [entry.model for entry in await requests(kept.database)] == ["a\ufffdb", "\ufffd", "\\u0000"]


async def test_what_is_too_long_is_cut(kept: LedgerStore) -> None:
    entry = made("req_" + "9" * 100, model="é" * 300, key_id="k" * 200, stream_end="😀" * 40)
    assert await kept.add(encoded(entry)) == 1
    (found,) = await requests(kept.database)
    assert (found.id, found.model, found.key_id, found.stream_end) == (
        entry.id[:64], "é" * 256, "k" * 128, "😀" * 32,
    )  # fmt: skip
    assert await kept.add(encoded(entry)) == 0
    await expect_right_sums(kept.database)


BAD = {
    "no JSON": b'["req_bad",1,',
    "half a row": b'["req_bad",1,"acme"]',
    "no row": b"17",
    "no number": codec.encode([*made("req_bad")._replace(input_tokens="many")]),  # type: ignore[arg-type]
    "no whole number": codec.encode([*made("req_bad")._replace(input_tokens=1.5)]),  # type: ignore[arg-type]
    "no number of 64 bits": codec.encode([*made("req_bad")._replace(input_tokens=2**63)]),
    "no text": codec.encode([*made("req_bad")._replace(tenant=None)]),  # type: ignore[arg-type]
    "no map": codec.encode([*made("req_bad")._replace(tags=None)]),  # type: ignore[arg-type]
}


async def test_a_row_that_is_refused_is_told_and_nothing_of_its_batch_is_added(kept: LedgerStore) -> None:
    good = encoded(*invented(5))
    for name, bad in BAD.items():
        with pytest.raises(BadRow, match="refuses one of these rows") as raised:
            await kept.add([*good[:3], bad, *good[3:]])
        assert raised.value.__cause__ is None, name
        assert await requests(kept.database) == [], name
    assert set(map(len, (await kept_sums(kept.database)).values())) == {0}
    assert await kept.add(good) == 5
    await expect_right_sums(kept.database)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_value_of_another_kind_is_refused_in_every_column(kept: LedgerStore, name: str) -> None:
    """SQLite itself would keep it; also where it is the only one of many rows."""
    good = [tuple(made(f"req_{number}")) for number in range(3)]
    values: list[Any] = [1.5, True, [["x"]], [{}], [[1, 2]], b"x"]
    for value in values:
        bad = [*made("bad")]
        bad[COLUMNS.index(name)] = value
        with pytest.raises(BadRow):
            await kept.add([*good, tuple(bad)])
    assert await requests(kept.database) == []


async def test_sums_beyond_64_bits_are_refused(kept: LedgerStore) -> None:
    huge = [made(f"req_{number}", bytes_in=2**62) for number in range(4)]
    assert await kept.add(encoded(huge[0])) == 1
    with pytest.raises(BadRow):
        await kept.add(encoded(huge[1], huge[2]))  # their sum and what is there
    with pytest.raises(BadRow):
        await kept.add(encoded(*huge[1:]))  # their sum alone
    await expect_right_sums(kept.database)


async def test_wrong_sql_is_no_fault_of_a_row(kept: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "INSERT INTO requests SELECT FROM WHERE :rows"
    monkeypatch.setattr(ledger, "ADDING_TO_SQLITE", dict.fromkeys(ledger.ADDING_TO_SQLITE, wrong))
    monkeypatch.setattr(ledger, "ADDING_TO_POSTGRESQL", text(wrong))
    with pytest.raises(DBAPIError, match="syntax error"):
        await kept.add(encoded(made("req_1")))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_bug_of_ours_is_no_fault_of_a_row(kept: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every row would be halved down to, and set aside, for a slip in this program."""

    async def slip(*_: object) -> int:
        raise ValueError("a slip")

    monkeypatch.setattr(ledger, "_add_to_sqlite", slip)
    with pytest.raises(ValueError, match="a slip") as raised:
        await kept.add(encoded(made("req_1")))
    assert not isinstance(raised.value, BadRow)


async def test_an_outage_is_told_as_one_and_what_was_not_added_can_be(opening: Open, postgres: Postgres) -> None:
    kept = LedgerStore(await opening(await postgres.create(), patience=5))
    assert await kept.add(encoded(made("req_1"))) == 1
    await postgres.stop()
    try:
        with pytest.raises(StoreUnavailable):
            await kept.add(encoded(made("req_2")))
    finally:
        await postgres.start()
    assert await kept.add(encoded(made("req_1"), made("req_2"))) == 1
    await expect_right_sums(kept.database)


class Counted(Pace):
    """How often others could have had their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    async def give_way(self) -> None:
        self.times += 1
        await super().give_way()


@pytest.mark.parametrize("read", [True, False], ids=["as JSON", "as they were remembered"])
async def test_others_have_their_turn_between_slices_of_a_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, read: bool
) -> None:
    monkeypatch.setattr(ledger, "READ_AT_ONCE", 2)
    monkeypatch.setattr(ledger, "AT_ONCE", 4)
    pace = Counted()
    entries = [made(f"req_{number}", key_id=f"key_{number}") for number in range(9)]
    given: Sequence[ledger.Given] = encoded(*entries) if read else [tuple(entry) for entry in entries]
    assert await LedgerStore(database, pace).add(given) == 9
    summed = sum(-(-len(rows) // 4) for rows in (await kept_sums(database)).values())
    assert summed >= 4 * 3, "by hour and by day, of nine keys"
    put_in_groups = 3 if database.location.path else 0
    looked_at = 5 if read or not database.location.path else 3
    assert pace.times == looked_at + put_in_groups + (summed if database.location.path else 0)


async def test_tables_that_are_gone_are_an_outage(kept: LedgerStore) -> None:
    async with kept.database.begin() as connection:
        await connection.execute(text("DROP TABLE usage_daily"))
    with pytest.raises(StoreUnavailable, match="tables are not those"):
        await kept.add(encoded(made("req_1")))
    assert await requests(kept.database) == []


async def test_versions_of_prices_are_noted_once(kept: LedgerStore, other: LedgerStore) -> None:
    def price(version: str, seen_at: int = NOW) -> dict[str, Any]:
        return {"version": version, "model": "a/b", "figures": {"input": 1, "from": "é"}, "seen_at": seen_at}

    await kept.note_prices([])
    await asyncio.gather(kept.note_prices([price("b"), price("a")]), other.note_prices([price("a"), price("b")]))
    await kept.note_prices([price("a", NOW + 1), price("c")])
    found = await rows_of(kept.database, PRICES)
    assert found == [(version, "a/b", {"input": 1, "from": "é"}, NOW) for version in "abc"]


def test_a_sqlite_that_is_too_old_is_refused() -> None:
    ledger.expect_sqlite(sqlite3.sqlite_version_info)
    with pytest.raises(StorageRefused, match=r"SQLite 3\.34\.1, and the ledger needs 3\.35\.0"):
        ledger.expect_sqlite((3, 34, 1))
