"""A clock that ticks in fractions of a millisecond, which the timers of event loops do not.

They round to whole milliseconds: requests at a rate of 1,500 a second and streams at random phases would travel in
convoys, another load than the one that is meant. Linux has timers that are files; elsewhere the loop has to do.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from time import monotonic

_MONOTONIC = 1
_NONBLOCK = os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0


class _Time(ctypes.Structure):
    """`struct itimerspec`: the interval, then the first expiry, as seconds and nanoseconds."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


class Ticker:
    """Calls `tick` with the number of intervals that have passed since it was last called, from `start` to `stop`.

    `start` must be called while an event loop runs; both may be called at any time, in any state.
    """

    def __init__(self, interval: float, tick: Callable[[int], None]) -> None:
        self._interval = interval
        self._tick = tick
        self._stop: Callable[[], None] | None = None

    def start(self) -> None:
        """Ticks from now on."""
        if self._stop is None:
            loop = asyncio.get_running_loop()
            self._stop = self._by_file(loop) if sys.platform == "linux" else self._by_loop(loop)

    def stop(self) -> None:
        """Ticks no more."""
        if self._stop is not None:
            stop, self._stop = self._stop, None
            stop()

    def _by_file(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        libc = ctypes.CDLL(None, use_errno=True)
        timer = libc.timerfd_create(_MONOTONIC, _NONBLOCK)
        seconds, rest = divmod(self._interval, 1)
        time = _Time(int(seconds), int(rest * 1e9), int(seconds), int(rest * 1e9))
        if timer < 0 or libc.timerfd_settime(timer, 0, ctypes.byref(time), None) < 0:
            raise OSError(ctypes.get_errno(), "no timer")

        def expired() -> None:
            try:
                passed = int.from_bytes(os.read(timer, 8), sys.byteorder)
            except BlockingIOError:
                return
            self._tick(passed)

        def stop() -> None:
            loop.remove_reader(timer)
            os.close(timer)

        loop.add_reader(timer, expired)
        return stop

    def _by_loop(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        last = monotonic()
        handle: asyncio.TimerHandle

        def expired() -> None:
            nonlocal last, handle
            passed = int((monotonic() - last) / self._interval)
            last += passed * self._interval
            handle = loop.call_later(self._interval, expired)
            if passed:
                self._tick(passed)

        def stop() -> None:
            handle.cancel()

        handle = loop.call_later(self._interval, expired)
        return stop
