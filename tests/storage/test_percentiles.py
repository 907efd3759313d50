from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.entries import MICROSECONDS, bin_of, bounds_of
from proxy.storage.percentiles import middle, percentiles

DURATIONS = st.lists(st.integers(1, 3_600 * MICROSECONDS), min_size=1, max_size=60)


@given(DURATIONS, st.floats(0, 1))
def test_they_are_at_most_nine_per_cent_off(durations: list[int], part: float) -> None:
    ordered = sorted(durations)
    rank = max(1, -int(-part * len(ordered) // 1))
    exact = ordered[min(rank, len(ordered)) - 1] / MICROSECONDS
    (found,) = percentiles(Counter(map(bin_of, durations)), [part])
    assert exact / 1.091 <= found <= exact * 1.091


@given(DURATIONS)
def test_a_higher_one_is_never_shorter(durations: list[int]) -> None:
    found = percentiles(Counter(map(bin_of, durations)), [0, 0.5, 0.9, 0.99, 1])
    assert found == sorted(found)
    assert len(found) == 5


@pytest.mark.parametrize(("part", "number"), [(0, 3), (0.5, 3), (0.51, 9), (1, 9)])
def test_the_nearest_rank_decides(part: float, number: int) -> None:
    assert percentiles({9: 5, 3: 5}, [part]) == [middle(number)]


def test_the_middle_is_within_its_bin() -> None:
    low, high = bounds_of(80)
    assert low < middle(80) * MICROSECONDS < high
