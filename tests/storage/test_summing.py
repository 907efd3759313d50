"""What is added to the roll-ups, by hand; that it is what SQL finds for whatever requests is in `test_ledger`."""

import pytest

from proxy.storage.groups import Row, groups
from proxy.storage.ledger_schema import CHANGES_DAILY, LATENCY_HOURLY, USAGE_DAILY, USAGE_HOURLY
from proxy.storage.rollups import COUNTED, HOUR, ROLL_UPS
from proxy.storage.summing import Sums, addition
from tests.storage.ledgers import HOUR_US, made, today

TABLES = {rollup.table: rollup for rollup in ROLL_UPS}


def sums_of(*rows: Row) -> Sums:
    sums = Sums()
    for group in groups(rows):
        sums.add(group)
    return sums


def test_hours_are_added_up_to_days() -> None:
    rows = [tuple(made(f"req_{number}", started_us=today() + number * HOUR_US)) for number in range(3)]
    sums = sums_of(*rows, tuple(made("req_9")))
    first = 1 + len(TABLES[USAGE_HOURLY].keys)
    assert [row[first] for row in sums.rows(TABLES[USAGE_HOURLY])] == [2, 1, 1]
    assert [row[first] for row in sums.rows(TABLES[USAGE_DAILY])] == [4]


def test_requests_that_differ_in_their_key_and_hour_only_are_summed_for_each() -> None:
    alike = {"bytes_in": 1, "changes": (("n", "dropped"),)}
    rows = [
        tuple(made(f"req_{number}", key_id=f"key_{number % 3}", started_us=today() + number % 2 * HOUR_US, **alike))
        for number in range(30)
    ]
    assert len(groups(rows)) == 1
    sums, start = sums_of(*rows), today() // 1_000_000
    for table, count, hours in ((USAGE_HOURLY, 5, 2), (LATENCY_HOURLY, 5, 2), (CHANGES_DAILY, 10, 1)):
        names = ("bucket", *TABLES[table].keys, *TABLES[table].sums)
        found = [dict(zip(names, row, strict=True)) for row in sums.rows(TABLES[table])]
        told = {(row["bucket"], row["key_id"]): row["requests"] for row in found if row.get("measure") != "first_token"}
        assert told == {(start + hour * HOUR, f"key_{key}"): count for hour in range(hours) for key in range(3)}


def test_rows_of_every_table_are_what_its_statement_binds() -> None:
    sums = sums_of(tuple(made("req_1", changes=(("messages[3].name", "dropped"),))))
    for rollup in ROLL_UPS:
        (row,) = sums.rows(rollup)
        assert len(row) == len(rollup.table.columns)
        assert [addition(rollup, number).count("?") for number in (1, 16)] == [len(row), 16 * len(row)]
    assert next(sums.rows(TABLES[CHANGES_DAILY]))[-3:] == ("messages[].name", "dropped", 1)


def test_what_was_not_measured_has_no_bin() -> None:
    for keys in (1, 2):  # one of them or several
        rows = [
            tuple(made(f"req_{number}", key_id=f"key_{number % keys}", first_token_bin=bin_))
            for number, bin_ in enumerate((None, None, 0, 0, 4, 4))
        ]
        found = [row[-3:] for row in sums_of(*rows).rows(TABLES[LATENCY_HOURLY])]
        told = [("first_token", bin_, 2 // keys) for bin_ in (0, 4)]
        assert [row for row in found if row[0] == "first_token"] == told * keys


@pytest.mark.parametrize("keys", [1, 7])
def test_groups_that_differ_in_what_a_table_does_not_tell_are_in_one_row(keys: int) -> None:
    rows = [
        tuple(made(f"req_{number}", key_id=f"key_{number % keys}", client=f"c{number % 2}", cost_micros=number or None))
        for number in range(28)
    ]
    assert len(groups(rows)) == 2
    usage = TABLES[USAGE_HOURLY]
    names = ("bucket", *usage.keys, *usage.sums)
    found = [dict(zip(names, row, strict=True)) for row in sums_of(*rows).rows(usage)]
    assert [row["requests"] for row in found] == [28 // keys] * keys
    assert sum(row["cost_micros"] for row in found) == sum(range(28))
    assert [row["unpriced"] for row in sorted(found, key=lambda row: row["key_id"])] == [1, *[0] * (keys - 1)]


def test_what_is_counted_comes_in_the_order_of_the_table() -> None:
    names = tuple(TABLES[USAGE_HOURLY].sums)
    assert names[: len(COUNTED)] == tuple(COUNTED)
