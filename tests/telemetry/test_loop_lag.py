import asyncio
import time

import pytest

from proxy.telemetry.loop_lag import watch


class Clock:
    """A clock moved by hand: each sleep takes what was asked for, and the delay that comes next."""

    def __init__(self, *delays: float) -> None:
        self.now = 100.0
        self.delays = list(delays)

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if not self.delays:
            raise asyncio.CancelledError
        self.now += seconds + self.delays.pop(0)


async def seen(clock: Clock, window: int) -> list[float]:
    lags: list[float] = []
    with pytest.raises(asyncio.CancelledError):
        await watch(lags.append, interval=0.25, window=window, clock=clock.read, sleep=clock.sleep)
    return lags


async def test_a_late_wake_up_is_the_lag() -> None:
    assert await seen(Clock(0.0, 0.5, 0.0), 1) == [0.0, 0.5, 0.0]


async def test_the_longest_lag_stays_until_it_leaves_the_window() -> None:
    """One long pause between two scrapes must still be there at the second."""
    assert await seen(Clock(0.25, 0.5, 0.0, 0.125, 0.0), 3) == [0.25, 0.5, 0.5, 0.5, 0.125]


async def test_a_clock_that_is_a_little_early_gives_zero() -> None:
    assert await seen(Clock(-0.001), 1) == [0.0]


async def test_a_blocked_loop_is_seen() -> None:
    enough = asyncio.Event()
    blocked = 0.05

    def observe(lag: float) -> None:
        if lag >= blocked / 2:
            enough.set()
        else:
            asyncio.get_running_loop().call_soon(time.sleep, blocked)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(observe, interval=0.001))
        await enough.wait()
        watching.cancel()
