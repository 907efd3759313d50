from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.storage.ranges import DAY, HOUR, SECONDS, Stretch, Width, floor, stretches, whole_hours

NOON = 12 * HOUR
MOMENTS = st.integers(0, 4 * DAY)


@pytest.mark.parametrize(
    ("start", "end", "width", "expected"),
    [
        (0, 2 * DAY, "day", [("daily", 0, 2 * DAY)]),
        (0, 2 * DAY, "hour", [("hourly", 0, 2 * DAY)]),
        (0, 2 * DAY, "minute", [("requests", 0, 2 * DAY)]),
        (0, 0, "all", []),
        (5, 4, "all", []),
        (1, 60, "all", [("requests", 1, 60)]),
        (NOON, DAY + NOON, "all", [("hourly", NOON, DAY + NOON)]),
        (
            NOON - 1,
            2 * DAY + HOUR + 1,
            "all",
            [
                ("requests", NOON - 1, NOON),
                ("hourly", NOON, DAY),
                ("daily", DAY, 2 * DAY),
                ("hourly", 2 * DAY, 2 * DAY + HOUR),
                ("requests", 2 * DAY + HOUR, 2 * DAY + HOUR + 1),
            ],
        ),
    ],
)
def test_each_part_is_asked_of_the_coarsest_table(
    start: int, end: int, width: Width, expected: list[tuple[str, int, int]]
) -> None:
    assert stretches(start, end, width) == expected


@given(MOMENTS, MOMENTS, st.sampled_from(["minute", "hour", "day", "all"]))
def test_the_parts_are_the_range_without_gap_or_overlap(start: int, end: int, width: Width) -> None:
    found = stretches(start, end, width)
    assert bool(found) == (start < end)
    if found:
        assert (found[0].start, found[-1].end) == (start, end)
    for one, other in pairwise(found):
        assert one.end == other.start
    for each in found:
        length = {"daily": DAY, "hourly": HOUR, "requests": 1}[each.grain]
        assert each.start < each.end
        assert (each.start % length, each.end % length) == (0, 0)
        assert each.grain == "requests" or length <= SECONDS.get(width, DAY)


@given(MOMENTS, MOMENTS)
def test_whole_hours_never_need_single_requests(start: int, end: int) -> None:
    found = whole_hours(start, end)
    assert {each.grain for each in found} <= {"daily", "hourly"}
    if start < end:
        assert (found[0].start, found[-1].end) == (floor(start, HOUR), floor(end + HOUR - 1, HOUR))
    else:
        assert found == []


def test_a_moment_is_in_the_bucket_that_begins_with_it() -> None:
    assert [floor(at, HOUR) for at in (0, HOUR - 1, HOUR)] == [0, 0, HOUR]
    assert whole_hours(1, 2) == [Stretch("hourly", 0, HOUR)]
