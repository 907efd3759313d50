"""Series: one metric, its label sets, and the bound on how many of them there may be.

`.labels()` of prometheus_client checks every label and takes a lock on each call. Here the bound method of each child
is kept under its tuple of label values, so counting is one `dict.get` and the increment.

The bound is there because of how metrics endpoints die: names that clients invent become series, which stay for ever,
until a scrape has hundreds of megabytes.
"""

from collections.abc import Callable

from prometheus_client import Counter, Histogram

from proxy.telemetry.declarations import LABELS, Declaration

OTHER = "other"
"""The label value for everything that is not known, or beyond the limit."""

Add = Callable[[float], None]
"""Counts (counter) or observes (histogram)."""


class Series:
    """The label sets of one metric, at most `limit` of them.

    Beyond the limit an observation goes to the set in which every free label is `other`, and `dropped` is told the name
    of the metric. There are few such sets, since the values of the other labels come from the code.
    """

    __slots__ = ("_children", "_dropped", "_free", "_limit", "_metric", "_name", "_overflow")

    def __init__(
        self, row: Declaration, metric: Counter | Histogram, limit: int, dropped: Callable[[str], None]
    ) -> None:
        self._name = row.name
        self._metric = metric
        self._limit = limit
        self._dropped = dropped
        self._free = tuple(LABELS[label].free for label in row.labels)
        self._children: dict[tuple[str, ...], Add] = {}
        self._overflow: dict[tuple[str, ...], Add] = {}

    def add(self, labels: tuple[str, ...] = (), amount: float = 1) -> None:
        """Counts or observes `amount` under these label values, which stand in the declared order."""
        child = self._children.get(labels)
        if child is None:
            child = self._child(labels)
        child(amount)

    def _child(self, labels: tuple[str, ...]) -> Add:
        if len(self._children) < self._limit:
            child = self._children[labels] = self._make(labels)
            return child
        spilled = tuple(OTHER if free else value for free, value in zip(self._free, labels, strict=True))
        if spilled != labels:
            self._dropped(self._name)
        overflow = self._overflow.get(spilled)
        if overflow is None:
            overflow = self._overflow[spilled] = self._make(spilled)
        return overflow

    def _make(self, labels: tuple[str, ...]) -> Add:
        child = self._metric.labels(*labels) if labels else self._metric
        return child.observe if isinstance(child, Histogram) else child.inc
