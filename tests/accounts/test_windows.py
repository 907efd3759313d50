"""A sliding window admits no more than its limit in any span, and says exactly when the next amount fits."""

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import DAY, MINUTE
from proxy.accounts.windows import STAYS, Window

NOON = 1_800_000_000.0
SPANS = st.sampled_from([MINUTE, DAY])
STEPS = st.lists(
    st.tuples(
        st.floats(0, 1.2).map(lambda part: part**4),  # of the span: mostly short, sometimes more than all of it
        st.integers(0, 30),  # reserved
        st.integers(0, 40),  # used
    ),
    max_size=40,
)


def most_within(span: float, events: Sequence[tuple[float, int]]) -> int:
    """The largest sum of amounts in any closed interval of that length."""
    return max((sum(amount for at, amount in events if begin <= at <= begin + span) for begin, _ in events), default=0)


def test_what_is_used_counts_until_its_slot_has_left() -> None:
    window = Window(MINUTE)
    assert window.add(NOON + 0.9, 3) == int(NOON)
    assert window.used(NOON + 60.999) == 3
    assert window.used(NOON + 61) == 0
    assert not window.counts


def test_room_is_what_is_left_and_never_below_zero() -> None:
    window = Window(MINUTE)
    window.add(NOON, 7)
    assert (window.room(NOON, 10), window.room(NOON, 7), window.room(NOON, 5)) == (3, 0, 0)


def test_a_day_has_slots_of_24_minutes() -> None:
    window = Window(DAY)
    start = int(NOON // 1440) * 1440.0
    slot = window.add(start + 1439, 1)
    assert window.leaves(slot) == start + STAYS * 1440
    assert window.used(start + STAYS * 1440 - 0.001) == 1
    assert window.used(start + STAYS * 1440) == 0


def test_an_amount_larger_than_the_limit_waits_for_ever() -> None:
    assert Window(MINUTE).wait(NOON, 11, 10) == math.inf


def test_the_wait_is_for_as_many_old_slots_as_are_needed() -> None:
    window = Window(MINUTE)
    for second in range(3):
        window.add(NOON + second, 4)
    now = NOON + 2.5
    assert [window.wait(now, amount, 12) for amount in (0, 1, 4, 5, 9)] == [0, 58.5, 58.5, 59.5, 60.5]


def test_reset_is_when_the_newest_amount_has_left() -> None:
    window = Window(MINUTE)
    assert window.reset(NOON) == 0
    window.add(NOON, 1)
    slot = window.add(NOON + 5, 1)
    assert window.reset(NOON + 5.25) == 60.75
    window.settle(NOON + 6, slot, -1)
    assert window.reset(NOON + 6) == 55


def test_time_that_goes_back_stands_still() -> None:
    window = Window(MINUTE)
    late = window.add(NOON + 30, 1)
    assert window.add(NOON, 1) == late
    assert window.used(NOON - 3600) == 2


def test_settling_corrects_the_slot_of_the_reservation() -> None:
    window = Window(MINUTE)
    slot = window.add(NOON, 10)
    window.add(NOON + 20, 1)
    window.settle(NOON + 30, slot, -4)
    assert window.used(NOON + 60.5) == 7
    assert window.used(NOON + 61) == 1


@pytest.mark.parametrize(("difference", "counted"), [(5, 6), (-5, 1), (0, 1)])
def test_settling_what_has_left_counts_only_what_came_on_top(difference: int, counted: int) -> None:
    window = Window(MINUTE)
    slot = window.add(NOON, 10)
    window.add(NOON + 100, 1)
    window.settle(NOON + 100, slot, difference)
    assert window.used(NOON + 100) == counted


def test_a_slot_never_falls_below_zero() -> None:
    window = Window(MINUTE)
    slot = window.add(NOON, 3)
    window.settle(NOON, slot, -5)
    assert window.used(NOON) == 0
    window.add(NOON, 2)
    assert window.used(NOON) == 2


@given(SPANS, st.integers(1, 60), STEPS)
def test_no_span_admits_more_than_the_limit(span: int, limit: int, steps: list[tuple[float, int, int]]) -> None:
    """Actual use is at most what was reserved; requests are settled one step later."""
    window, now, events, open_ = Window(span), NOON, [], (0, 0)
    for step, reserved, used in steps:
        now += step * span
        window.settle(now, *open_)
        amount, open_ = min(reserved, limit), (0, 0)
        if not window.wait(now, amount, limit):
            actual = min(used, amount)
            open_ = window.add(now, amount), actual - amount
            events.append((now, actual))
        assert 0 <= window.total <= limit
        assert window.total == sum(window.counts.values())
        assert len(window.counts) <= STAYS
    assert most_within(span, events) <= limit


@given(SPANS, st.integers(1, 60), STEPS)
def test_what_is_used_beyond_its_reservation_exceeds_by_that_request_only(
    span: int, limit: int, steps: list[tuple[float, int, int]]
) -> None:
    window, now, events, overrun = Window(span), NOON, [], 0
    for step, reserved, used in steps:
        now += step * span
        amount = min(reserved, limit)
        if not window.wait(now, amount, limit):
            window.settle(now, window.add(now, amount), used - amount)
            events.append((now, used))
            overrun = max(overrun, used - amount)
        assert window.total >= 0
    assert most_within(span, events) <= limit + overrun


@given(SPANS, st.integers(1, 60), STEPS, st.integers(0, 60))
def test_the_wait_is_exact(span: int, limit: int, steps: list[tuple[float, int, int]], amount: int) -> None:
    window, now = Window(span), NOON
    for step, _, used in steps:
        now += step * span
        window.add(now, used)
    wait = window.wait(now, min(amount, limit), limit)
    assert 0 <= wait <= span * STAYS / 60
    if wait:
        before, then = copy.deepcopy(window), copy.deepcopy(window)
        assert before.used(math.nextafter(now + wait, 0)) + min(amount, limit) > limit
        assert then.used(now + wait) + min(amount, limit) <= limit
    reset = window.reset(now)
    assert window.used(now + reset) == 0


@given(SPANS, st.integers(1, 60), STEPS)
def test_it_counts_what_a_plain_list_of_amounts_would(
    span: int, limit: int, steps: list[tuple[float, int, int]]
) -> None:
    window, now, events = Window(span), NOON, list[tuple[int, int]]()
    for step, amount, _ in steps:
        now += step * span
        events.append((int(now // window.slot), amount))
        window.add(now, amount)
        current = int(now // window.slot)
        assert window.used(now) == sum(held for slot, held in events if slot > current - STAYS)
    assert all(first < second for first, second in pairwise(window.counts))
