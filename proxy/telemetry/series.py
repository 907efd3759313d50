"""Series: one metric, its label sets, and the bound on how many of them there may be.

The numbers are plain Python numbers that a reader copies at a scrape. An increment of prometheus_client's takes a lock,
and its histograms are walked bucket by bucket, which a request with a dozen of them would pay for each time.

The bound is there because of how metrics endpoints die: names that clients invent become series, which stay for ever,
until a scrape has hundreds of megabytes.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Generic, TypeVar

from proxy.telemetry.declarations import LABELS, Declaration

OTHER = "other"
"""The label value for everything that is not known, or beyond the limit."""


class Count:
    """A number under one label set: what a counter has reached, or a gauge stands at.

    Attributes:
        row: the metric it belongs to.
        labels: label values in the declared order.
        value: the number. One thread changes it; any thread may read it.
    """

    __slots__ = ("labels", "row", "value")

    def __init__(self, row: Declaration, labels: tuple[str, ...]) -> None:
        self.row = row
        self.labels = labels
        self.value: float = 0

    def add(self, amount: float) -> None:
        """Counts `amount`."""
        self.value += amount

    def values(self) -> list[float]:
        """Everything there is to tell: the one number."""
        return [self.value]


class Distribution:
    """A histogram under one label set.

    Attributes:
        row, labels: as with `Count`.
        bounds: upper bounds of the buckets, without the last, which has none.
        counts: observations per bucket (not summed up), the last being those above every bound.
        sum: of all observations. One thread changes these two; any thread may read them.
    """

    __slots__ = ("bounds", "counts", "labels", "row", "sum")

    def __init__(self, row: Declaration, labels: tuple[str, ...]) -> None:
        self.row = row
        self.labels = labels
        self.bounds = row.buckets
        self.counts = [0] * (len(row.buckets) + 1)
        self.sum = 0.0

    def add(self, amount: float) -> None:
        """Observes `amount`, which falls into the first bucket whose bound is not below it."""
        self.sum += amount
        self.counts[bisect_left(self.bounds, amount)] += 1

    def values(self) -> list[float]:
        """Everything there is to tell: the observations per bucket, then their sum."""
        return [*self.counts, self.sum]


Cell = Count | Distribution
"""The numbers of one label set."""

CellT = TypeVar("CellT", Count, Distribution)


class Series(Generic[CellT]):
    """The label sets of one metric, at most `limit` of them.

    Beyond the limit an observation goes to the set in which every free label is `other`, and counts as dropped. There
    are few such sets, since the values of the other labels come from the code.

    Args:
        row: the metric.
        make: `Distribution` for a histogram, else `Count`.
        limit: label sets it may have.
        dropped: gives the counter of this metric's observations that went to `other`; asked when there is one.

    Attributes:
        cells: by label set, in the order in which they came.
    """

    __slots__ = ("_dropped", "_free", "_left", "_make", "cells", "row")

    def __init__(self, row: Declaration, make: type[CellT], limit: int, dropped: Callable[[str], Count]) -> None:
        self.row = row
        self.cells: dict[tuple[str, ...], CellT] = {}
        self._make: type[CellT] = make
        self._left = limit
        self._dropped = dropped
        self._free = tuple(LABELS[label].free for label in row.labels)

    def cell(self, labels: tuple[str, ...], dropped: list[Count]) -> CellT:
        """Where to count under these label values, which stand in the declared order.

        The answer stays right for as long as the process lives. If the limit sent the labels elsewhere, the counter to
        be raised by one with each observation is appended to `dropped`.
        """
        cell = self.cells.get(labels)
        if cell is not None:
            return cell
        if self._left > 0:
            self._left -= 1
        else:
            spilled = tuple(OTHER if free else value for free, value in zip(self._free, labels, strict=True))
            if spilled != labels:
                dropped.append(self._dropped(self.row.name))
            labels = spilled
            cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = self._make(self.row, labels)
        return cell
