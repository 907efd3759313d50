"""Time, as something that is handed in: the pure rooms take `now`, the others a Clock, and tests turn it by hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Two readings of time.

    Attributes:
        wall: Unix time in seconds, for people and protocols; it may jump.
        steady: seconds since some moment, for durations; it never goes back.
    """

    wall: Callable[[], float] = time.time  # noqa: TID251 - the clock is where time comes from
    steady: Callable[[], float] = time.monotonic


SYSTEM = Clock()
