"""A tally: everything that requests of one kind count in, found together and once.

Requests of one kind differ in figures only (durations, tokens): the same tenant, model, endpoint, status and so on, so
that each counts in the same series. Beyond the numbers themselves there is nothing to look up for the second of them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from proxy.telemetry.series import Cell, Count, Distribution

Figures = tuple[float, ...]
"""What a request adds to the numbers; the constants below say which stands where."""

ONE, DURATION, OVERHEAD, INPUT, OUTPUT, CACHED_INPUT, REASONING, VIOLATIONS, FIRST_TOKEN, PACE = range(10)
COST, CHARGED = 10, 11


class Tally:
    """The cells of one kind of request, each with the figure it gets.

    Attributes:
        counts: counters, and the places of the figures that they are raised by.
        noted: whether it is known that something changed since the cells were last written for other processes; true
            from the beginning to the end where nobody asks.
    """

    __slots__ = ("_distributions", "counts", "noted")

    def __init__(self, *, noted: bool) -> None:
        self.counts: list[tuple[Count, int]] = []
        self._distributions: list[tuple[Distribution, tuple[float, ...], list[int], int]] = []
        self.noted = noted

    def observe(self, distribution: Distribution, place: int) -> None:
        """From now on the figure in this place is observed in a histogram."""
        self._distributions.append((distribution, distribution.bounds, distribution.counts, place))

    def add(self, requests: Iterable[Figures]) -> None:
        """Counts requests, one at least. A value falls into the first bucket whose bound is not below it."""
        columns = tuple(zip(*requests, strict=True))
        for count, place in self.counts:
            count.value = sum(columns[place], count.value)
        for distribution, bounds, counts, place in self._distributions:
            total = distribution.sum
            for figure in columns[place]:
                total += figure
                counts[bisect_left(bounds, figure)] += 1
            distribution.sum = total

    def cells(self) -> Iterator[Cell]:
        """All that it counts in."""
        for count, _ in self.counts:
            yield count
        for distribution, *_ in self._distributions:
            yield distribution
