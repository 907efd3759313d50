"""How the metrics are read: from this process alone, or from all that share a directory.

Where the environment variable PROMETHEUS_MULTIPROC_DIR names a directory when `Metrics` is made, whichever process is
scraped answers for all that were given the same one. It must have been empty when the first of them started; a process
with an old one's id would go on with its values. Counts outlive their process; gauges do not, even if it was killed.
The processes must see each other's ids: one host, one container. Each of them has one `Metrics`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from proxy.telemetry.series import Cell, Count, Distribution, Series
from proxy.telemetry.shared_counts import SharedCounts

Numbers = Mapping[tuple[str, ...], float]
"""Label values, in the declared order, and the number."""

_to_text: Callable[[float], str] = floatToGoString  # it has no types


def shared_directory() -> Path | None:
    """PROMETHEUS_MULTIPROC_DIR, or None where this process counts for itself."""
    # The variable is prometheus_client's, which looks at it too: it cannot be a setting.
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # noqa: TID251 - see above
    return Path(directory) if directory else None


class Exposition(Collector):
    """What a scrape is answered with. Raises OSError for a shared directory that cannot be written to.

    Args:
        series: all metrics, in the order of the text.
    """

    def __init__(self, series: Sequence[Series[Count] | Series[Distribution]]) -> None:
        self._series = series
        directory = shared_directory()
        self._shared = SharedCounts(directory) if directory else None

    @property
    def shared(self) -> bool:
        """Whether several processes answer as one; then `write` must be told what changed."""
        return self._shared is not None

    def write(self, changed: Iterable[Cell]) -> None:
        """Lets the other processes see these cells. Safe in several threads; does nothing where nothing is shared."""
        if self._shared:
            self._shared.write(changed)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its content type: OpenMetrics where the Accept header asks for it, else Prometheus' own.

        Takes milliseconds with a hundred series and a second with many thousands; safe to call in another thread.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self._shared.collector() if self._shared else self), content_type

    def numbers(self, names: Collection[str]) -> Mapping[str, Numbers]:
        """The counters and gauges of these names, by metric and label values. As slow as `render` if shared."""
        found: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in names}
        if self._shared is None:
            for series in self._series:
                if series.row.name in found:
                    cells: tuple[Cell, ...] = tuple(series.cells.values())  # at once: as in `collect`
                    found[series.row.name] = {cell.labels: cell.values()[0] for cell in cells}
            return found
        order = {series.row.name: series.row.labels for series in self._series}
        for family in self._shared.collector().collect():
            for sample in family.samples:
                if sample.name in found:
                    labels = tuple(sample.labels[label] for label in order[sample.name])
                    found[sample.name][labels] = sample.value
        return found

    def collect(self) -> Iterator[Metric]:
        """This process' own numbers, in prometheus_client's terms."""
        for series in self._series:
            row = series.row
            name = row.name.removesuffix("_total") if row.type == "counter" else row.name
            family = Metric(name, row.meaning, row.type)
            cells: tuple[Cell, ...] = tuple(series.cells.values())  # at once: another thread may be adding to them
            for cell in cells:
                _tell(family, cell)
            yield family

    def close(self) -> None:
        """Takes this process' gauges out of the sum. Nothing may be recorded afterwards."""
        if self._shared:
            self._shared.close()


def _tell(family: Metric, cell: Cell) -> None:
    name = cell.row.name
    labels = dict(zip(cell.row.labels, cell.labels, strict=True))
    if isinstance(cell, Count):
        family.add_sample(name, labels, cell.value)
        return
    counts = list(accumulate(cell.counts))  # a copy is made at once; the sum may be a moment younger
    for bound, count in zip((*cell.bounds, float("inf")), counts, strict=True):
        family.add_sample(f"{name}_bucket", {**labels, "le": _to_text(bound)}, count)
    family.add_sample(f"{name}_count", labels, counts[-1])
    family.add_sample(f"{name}_sum", labels, cell.sum)
