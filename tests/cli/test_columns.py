from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.admin.requests import Request
from proxy.admin.usage import UsageRow
from proxy.cli.columns import OF_REQUESTS, OF_SUMS, Field, moment

DERIVED = {"cached_share", "mean_seconds", "mean_overhead_seconds"}
"""What follows from other columns."""


def names(fields: tuple[Field, ...]) -> set[str]:
    return {field.name for field in fields} - {"cost_micros", "charged_micros"}


def test_everything_that_the_api_tells_is_exported() -> None:
    assert names(OF_REQUESTS) == set(Request.model_fields) - {"object"}
    assert names(OF_SUMS) == set(UsageRow.model_fields) - DERIVED - {"end_user"}


@pytest.mark.parametrize("fields", [OF_REQUESTS, OF_SUMS])
def test_no_column_stands_there_twice(fields: tuple[Field, ...]) -> None:
    assert len({field.name for field in fields}) == len(fields)


def test_times_are_exact_to_the_microsecond() -> None:
    assert moment(1_749_427_200.262467) == datetime(2025, 6, 9, 0, 0, 0, 262467, UTC)
    assert moment(1_749_427_200) == datetime(2025, 6, 9, tzinfo=UTC)


def test_money_is_whole_micros_and_dollars_or_not_known() -> None:
    row = {"cost_usd": "1.000001", "charged_usd": None}
    values = {field.name: field.value(row) for field in OF_SUMS if field.name.startswith(("cost", "charged"))}
    assert values == {
        "cost_micros": 1_000_001,
        "cost_usd": Decimal("1.000001"),
        "charged_micros": None,
        "charged_usd": None,
    }
