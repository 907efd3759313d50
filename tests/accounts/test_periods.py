"""Budgets begin anew at midnight, on Monday, on the first of the month; in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import Period
from proxy.accounts.periods import period_end, period_start


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("per", "now", "start", "end"),
    [
        ("day", "2026-11-21T00:00:00", "2026-11-21", "2026-11-22"),
        ("day", "2026-12-31T23:59:59", "2026-12-31", "2027-01-01"),
        ("day", "2028-02-29T12:00:00", "2028-02-29", "2028-03-01"),
        ("week", "2026-11-23T00:00:00", "2026-11-23", "2026-11-30"),  # a Monday
        ("week", "2026-11-22T23:59:59", "2026-11-16", "2026-11-23"),  # a Sunday
        ("week", "2027-01-01T08:00:00", "2026-12-28", "2027-01-04"),
        ("month", "2026-11-01T00:00:00", "2026-11-01", "2026-12-01"),
        ("month", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("month", "2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_period_of_the_calendar(per: Period, now: str, start: str, end: str) -> None:
    assert period_start(per, unix(now) + 0.5) == unix(start)
    assert period_end(per, unix(now) + 0.5) == unix(end)


def test_what_is_given_in_total_never_ends() -> None:
    assert period_start("total", 1_800_000_000) == 0
    assert period_end("total", 1_800_000_000) is None


@given(st.sampled_from(["day", "week", "month"]), st.floats(0, 4_000_000_000))
def test_every_moment_is_in_exactly_one_period(per: Period, now: float) -> None:
    start, end = period_start(per, now), period_end(per, now)
    assert end is not None
    assert start <= now < end or (per == "week" and start < 0)  # the epoch was a Thursday
    assert period_start(per, end) == end
    assert period_start(per, end - 1) == start
