import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli import durations
from proxy.cli.durations import DATED, LONGEST, Expiry

NOW = 1_800_000_000.0
DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * DAY), ("24h", DAY), ("90m", 5400), ("3600s", 3600), ("1w", 7 * DAY), ("0s", 0), ("1h30m", 5400)],
)
def test_durations_are_numbers_with_units(text: str, seconds: int) -> None:
    assert durations.seconds(text) == seconds
    assert durations.expiry(text) == Expiry(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "d", "1y", "-1d", "1.5h", "1 d", "\u0661d", "1d\n", "9999999999d", "24H"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        durations.seconds(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T10:00", 1_801_389_600),
        ("2027-01-31T10:00:00Z", 1_801_389_600),
        ("2027-01-31T10:00:00+02:00", 1_801_382_400),
    ],
)
def test_an_end_can_be_a_date_in_utc(text: str, at: int) -> None:
    assert durations.expiry(text) == Expiry(at=at)


@pytest.mark.parametrize("text", ["", "tomorrow", "30", "2027-02-30", "31.01.2027", "0001-01-01T00:00+14:00x"])
def test_an_end_that_is_neither_is_explained(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="30d or 24h, nor a date such as 2027-01-31"):
        durations.expiry(text)


def test_a_duration_of_centuries_is_a_slip() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="longer than 100 years"):
        durations.expiry("99999999w")
    assert durations.seconds(f"{LONGEST}s") == LONGEST


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (0, "now"),
        (-4, "now"),
        (-5, "5 seconds ago"),
        (59, "in 59 seconds"),
        (60, "in 1 minute"),
        (-180, "3 minutes ago"),
        (3599, "in 1 hour"),
        (3 * 3600 - 1, "in 3 hours"),
        (DAY, "in 1 day"),
        (29 * DAY + 100, "in 29 days"),
        (30 * DAY - 1, "in 30 days"),
        (-2 * DAY, "2 days ago"),
        (DATED, "2027-04-15"),
        (-DATED, "2026-10-17"),
    ],
)
def test_times_are_told_from_now(away: float, words: str) -> None:
    assert durations.relative(NOW + away, NOW) == words


def test_no_time_is_no_words() -> None:
    assert durations.relative(None, NOW) == durations.both(None, NOW) == ""


def test_a_time_is_told_both_ways_where_both_help() -> None:
    assert durations.both(NOW + 60, NOW) == "2027-01-15T08:01:00Z (in 1 minute)"
    assert durations.both(NOW + DATED, NOW) == "2027-04-15T08:00:00Z"


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 4e9))
def test_any_number_is_some_time(at: float, now: float) -> None:
    assert durations.relative(at, now)
    assert durations.both(at, now)
