import pytest

from proxy.admin.dashboard.ranges import TimeRange, range_of, stamp
from proxy.errors import InvalidRequest
from proxy.storage.ranges import DAY, HOUR, MINUTE
from tests.admin.bureau import NOW

LATER = NOW + 90
"""A minute and a half after a whole hour."""


@pytest.mark.parametrize(
    ("name", "length", "end", "width", "buckets"),
    [
        ("1h", HOUR, NOW + 2 * MINUTE, "minute", 60),
        ("24h", DAY, NOW + HOUR, "hour", 24),
        ("7d", 7 * DAY, NOW + HOUR, "hour", 168),
        ("30d", 30 * DAY, NOW + HOUR, "day", 31),
    ],
)
def test_named_ranges_end_with_the_present_minute_or_hour(
    name: str, length: int, end: int, width: str, buckets: int
) -> None:
    when = range_of({"range": [name]}, LATER)
    assert (when.end, when.end - when.start, when.width) == (end, length, width)
    assert len(when.buckets()) == buckets
    assert when.buckets()[0] <= when.start < when.end
    assert when.query() == {"range": name}
    assert when.words.startswith("last ")


@pytest.mark.parametrize("query", [{}, {"range": [""]}])
def test_the_last_day_is_what_is_shown_first(query: dict[str, list[str]]) -> None:
    assert range_of(query, NOW).name == "24h"


def test_the_span_before_ends_where_it_begins() -> None:
    when = range_of({}, NOW)
    assert when.before.end == when.start
    assert when.before.end - when.before.start == DAY


def test_how_much_of_it_is_over() -> None:
    when = TimeRange("24h", NOW, NOW + 100)
    assert when.passed(NOW + 25) == 0.25
    assert when.passed(NOW + 500) == 1.0
    assert when.passed(NOW - 5) == 1.0  # a clock that jumped; nothing is divided by it


def test_any_two_moments() -> None:
    query = {"range": ["custom"], "from": ["2027-01-14T08:00"], "to": ["2027-01-15T08:00"]}
    when = range_of(query, NOW)
    assert (when.start, when.end) == (NOW - DAY, NOW)
    assert range_of({name: [value] for name, value in when.query().items()}, NOW) == when
    assert when.words == "2027-01-14 08:00 to 2027-01-15 08:00 UTC"
    assert range_of({**query, "from": ["2027-01-14T09:00+01:00"]}, NOW) == when
    assert range_of({**query, "to": [""]}, NOW).end == NOW + 1


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"range": "9d"}, "range"),
        ({"range": "custom"}, "from"),
        ({"range": "custom", "from": "yesterday"}, "from"),
        ({"range": "custom", "from": "2027-01-14T08:00", "to": "9999-99-99"}, "to"),
        ({"range": "custom", "from": "2027-01-14T08:00", "to": "2027-01-14T08:00"}, "from"),
        ({"range": "custom", "from": "0001-01-01T00:00+23:59"}, "from"),
        ({"range": "custom", "from": "1970-01-01T00:00"}, "from"),
    ],
)
def test_what_is_no_span(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        range_of({name: [value] for name, value in query.items()}, NOW)
    assert caught.value.param == param


def test_a_question_to_the_ledger() -> None:
    asked = TimeRange("1h", 10, 20).asks("minute", ("tenant",), {"tenant": ["acme"]})
    assert (asked.start, asked.end, asked.width, asked.group_by) == (10, 20, "minute", ("tenant",))
    assert asked.only == {"tenant": ["acme"]}


def test_moments_for_people() -> None:
    assert stamp(NOW) == "2027-01-15 08:00"
