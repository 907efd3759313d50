"""Deadlines by the thousand: one timer of the event loop for all of them.

A deadline that never comes should cost nothing, and nearly all of them never come: each request sets several and takes
them back. So a `Timer` is an entry in a set, the set of its tick, and one timer of the loop waits for the next set that
there is. The price is precision: a timer fires up to a tick late, never early.
"""

import asyncio
from collections.abc import Callable

TICK = 0.05
"""Seconds. Deadlines are seconds to minutes; nobody notices a twentieth."""
COARSE = 10.0
"""Seconds; a deadline further away is rounded up to a whole STRIDE, so that there are few slots."""
STRIDE = 20
"""Ticks: a second."""


class Timer:
    """One deadline. Ends by firing or by `cancel`; neither can be undone."""

    __slots__ = ("_callback", "_slot")

    def __init__(self, callback: Callable[[], None], slot: "set[Timer]") -> None:
        self._callback: Callable[[], None] | None = callback
        self._slot = slot
        slot.add(self)

    def cancel(self) -> None:
        """Take the deadline back. May be called at any moment."""
        self._callback = None
        self._slot.discard(self)

    def fire(self) -> None:
        """Call back, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Wheel:
    """Deadlines of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._time = self._loop.time
        self._slots: dict[int, set[Timer]] = {}
        self._next: int | None = None  # the slot that the loop's timer waits for
        self._handle: asyncio.TimerHandle | None = None

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in `seconds`, at most a tick later (a second where they are more than COARSE).

        It must not raise: the loop's exception handler would be the only one to know.
        """
        number = int((self._time() + seconds) / TICK) + 1
        if seconds > COARSE:
            number += -number % STRIDE
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = set()
            if self._next is None or number < self._next:
                self._wait(number)
        return Timer(callback, slot)

    def close(self) -> None:
        """Stop; no timer fires any more."""
        self._slots.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _wait(self, number: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = number
        self._handle = self._loop.call_at(number * TICK, self._turn)

    def _turn(self) -> None:
        now = max(int(self._time() / TICK), self._next or 0)  # the quotient may fall a hair short of the tick
        self._next = self._handle = None
        due = sorted(number for number in self._slots if number <= now)
        timers = [timer for number in due for timer in self._slots.pop(number)]
        for number in [number for number, slot in self._slots.items() if not slot]:
            del self._slots[number]  # every deadline of it was taken back
        for timer in timers:
            timer.fire()
        first = min(self._slots, default=None)
        if first is not None and (self._next is None or first < self._next):
            self._wait(first)
