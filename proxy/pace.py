"""Work that nobody waits for is done in slices, and requests that are under way go on between them.

Handing over to the event loop after each slice is not enough: a request waits for Telnyx between two of its own turns,
and work that comes back at once would fill every such gap, so that whatever arrives meets a busy loop. So such work
gives way for a while, and then takes a SHARE of the time that others had: a slice after a millisecond where requests
are few, several after the long turn of a loop that is full of them, which it must keep up with. Where no request has
come for some time, nothing is waited for.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

PAUSE = 0.001
"""Seconds that others have at least: the shortest time a timer of the event loop knows."""
SHARE = 0.15
"""Of the time that others had. It is exceeded by a part of a slice."""
BEHIND = 0.5
"""The same while more waits to be done than should: else it would be more and more."""
MOST = 0.01
"""Seconds of work at most before others have a turn, however long theirs was: the process may have been stopped."""
LULL = 0.1
"""Seconds without a request seen after which none is expected: a gap between two of a stream of them is shorter."""


class Gauge(Protocol):
    """A number that changes."""

    value: float


class Idle:
    """Nothing is under way, ever."""

    value = 0.0


class Pace:
    """How fast one process does what can wait.

    Attributes:
        share: of the time that others had; SHARE or BEHIND.
    """

    __slots__ = ("_now", "_quiet_at", "_under_way", "_until", "share")

    def __init__(self, under_way: Gauge | None = None, now: Callable[[], float] = time.monotonic) -> None:
        """`under_way`: how many requests are; `now`: seconds of a clock that only goes forward."""
        self._under_way: Gauge = under_way or Idle()
        self._now = now
        self._quiet_at = self._until = now()
        self.share = SHARE

    async def give_way(self) -> None:
        """After a slice: let others have their turn, if it is theirs."""
        now = self._now()
        if self._under_way.value:
            self._quiet_at = now + LULL
        if now < self._until:
            return
        await asyncio.sleep(PAUSE if now < self._quiet_at else 0)
        back = self._now()
        self._until = back + min(MOST, (back - now) * self.share)
