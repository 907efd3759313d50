"""Deadlines: in time, never early, and free of charge where they are taken back."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from proxy.timers import COARSE, STRIDE, TICK, Wheel


class Handle:
    """What `call_at` gives."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop of which only the time goes on: `call_at` is remembered, and due when the test says what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[tuple[float, Handle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        self.calls.append((when, handle))
        return handle

    def sleep(self, seconds: float) -> None:
        """Let time pass, in order."""
        end = self.now + seconds
        while self.calls and min(when for when, _ in self.calls) <= end:
            self.calls.sort(key=lambda call: call[0])
            when, handle = self.calls.pop(0)
            self.now = max(self.now, when)
            if not handle.cancelled:
                handle.callback()
        self.now = end

    def stall(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing."""
        self.now += seconds
        self.sleep(0)


def turning(loop: Loop) -> Wheel:
    return Wheel(cast("asyncio.AbstractEventLoop", loop))


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 3)), max_size=20))
def test_a_timer_fires_once_in_time_and_never_early(plan: list[tuple[float, float]]) -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[tuple[float, float, float]] = []

    def note(due: float, seconds: float) -> None:
        fired.append((due, seconds, loop.now))

    for seconds, pause in plan:
        due = loop.now + seconds
        wheel.after(seconds, partial(note, due, seconds))
        loop.sleep(pause)
    loop.sleep(50)
    assert len(fired) == len(plan)
    for due, seconds, at in fired:
        late = TICK + (STRIDE * TICK if seconds > COARSE else 0)
        assert due <= at <= due + late + 1e-6


@given(st.lists(st.floats(0, 30), min_size=1, max_size=20), st.floats(0, 60))
def test_a_loop_that_stood_still_fires_all_that_is_due_and_nothing_else(plan: list[float], stall: float) -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[float] = []
    start = loop.now
    for seconds in plan:
        wheel.after(seconds, partial(fired.append, start + seconds))
    loop.stall(stall)
    assert all(due <= loop.now for due in fired)
    assert len(fired) >= sum(seconds + TICK + STRIDE * TICK <= stall for seconds in plan)
    loop.sleep(70)
    assert len(fired) == len(plan)


def test_a_timer_taken_back_does_not_fire() -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[str] = []
    kept = wheel.after(1, lambda: fired.append("kept"))
    wheel.after(1, lambda: fired.append("gone")).cancel()
    loop.sleep(2)
    assert fired == ["kept"]
    kept.cancel()  # too late, and harmless


def test_a_timer_can_take_back_another_one_that_is_due_at_the_same_tick() -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[str] = []

    def first() -> None:
        fired.append("one")
        for other in timers:
            other.cancel()

    timers = [wheel.after(1, first), wheel.after(1, first)]
    loop.sleep(2)
    assert fired == ["one"]


def test_a_timer_may_set_the_next_one() -> None:
    loop = Loop()
    wheel = turning(loop)
    beats: list[float] = []

    def beat() -> None:
        beats.append(loop.now)
        if len(beats) < 3:
            wheel.after(1, beat)

    wheel.after(1, beat)
    loop.sleep(10)
    assert len(beats) == 3


def test_a_timer_that_sets_a_later_one_does_not_delay_those_between() -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[float] = []

    def again() -> None:
        wheel.after(8, lambda: fired.append(loop.now))

    wheel.after(1, again)
    wheel.after(3, lambda: fired.append(loop.now))
    loop.sleep(20)
    assert [round(at - 1000) for at in fired] == [3, 9]


def test_a_wheel_stops_when_every_deadline_was_taken_back() -> None:
    loop = Loop()
    wheel = turning(loop)
    for _ in range(100):
        wheel.after(300, lambda: None).cancel()
    loop.sleep(302)
    assert not loop.calls


def test_the_loop_is_woken_for_what_is_there_and_not_at_every_tick() -> None:
    loop = Loop()
    wheel = turning(loop)
    woken: list[float] = []
    wheel.after(5, lambda: woken.append(loop.now))
    wheel.after(300, lambda: woken.append(loop.now))
    wheel.after(1, lambda: woken.append(loop.now))
    assert len([handle for _, handle in loop.calls if not handle.cancelled]) == 1
    loop.sleep(310)
    assert [round(at - 1000) for at in woken] == [1, 5, 301]


def test_a_closed_wheel_fires_nothing() -> None:
    loop = Loop()
    wheel = turning(loop)
    fired: list[str] = []
    wheel.after(1, lambda: fired.append("too late"))
    wheel.close()
    loop.sleep(5)
    assert fired == []
    turning(loop).close()  # one that never turned


async def test_on_a_real_loop() -> None:
    wheel = Wheel()
    rung = asyncio.Event()
    wheel.after(0.01, rung.set)
    async with asyncio.timeout(5):
        await rung.wait()
