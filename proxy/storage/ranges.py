"""Which table answers for which part of a range of time.

Sums by day where whole days are asked for, by hour where whole hours are, and single requests for the rest. Times are
Unix seconds, ends are excluded, days are UTC's.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Grain = Literal["daily", "hourly", "requests"]
Width = Literal["minute", "hour", "day", "all"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SECONDS: dict[Width, int] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
"""How long a bucket is; `all` has no length of its own."""
_LENGTHS: dict[Grain, int] = {"daily": DAY, "hourly": HOUR}
_GRAINS: dict[Width, tuple[Grain, ...]] = {
    "minute": (),
    "hour": ("hourly",),
    "day": ("daily", "hourly"),
    "all": ("daily", "hourly"),
}


class Stretch(NamedTuple):
    """A part of a range, and where its sums are."""

    grain: Grain
    start: int
    end: int


def stretches(start: int, end: int, width: Width) -> list[Stretch]:
    """The parts of a range, oldest first, each from the coarsest table that tells buckets of this width apart."""
    return list(_cover(start, end, _GRAINS[width]))


def whole_hours(start: int, end: int) -> list[Stretch]:
    """The same for all the hours that a range touches, so that no single requests are needed. Empty for no range."""
    return list(_cover(floor(start, HOUR), -floor(-end, HOUR), _GRAINS["all"])) if start < end else []


def floor(at: int, length: int) -> int:
    """The beginning of the bucket that a moment is in."""
    return at // length * length


def _cover(start: int, end: int, grains: Sequence[Grain]) -> Iterator[Stretch]:
    if start >= end:
        return
    if not grains:
        yield Stretch("requests", start, end)
        return
    length, finer = _LENGTHS[grains[0]], grains[1:]
    first, last = -floor(-start, length), floor(end, length)
    if first >= last:
        yield from _cover(start, end, finer)
        return
    yield from _cover(start, first, finer)
    yield Stretch(grains[0], first, last)
    yield from _cover(last, end, finer)
