"""The registry of one `Metrics`, and how it is read: from this process alone, or from all that share a directory.

prometheus_client decides when it is *imported* whether values live in memory or in files that processes share, by the
environment variable PROMETHEUS_MULTIPROC_DIR. It must be set before the first import of this module, to a directory
that exists and was empty when the first process started; a process with an old one's id would go on with its values.
Whichever process is scraped then answers for all. Counts outlive their process; gauges do not, even if it was killed.
The processes must see each other's ids: one host, one container. Each of them has one registry.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, multiprocess, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from proxy.telemetry.declarations import Declaration

_collect_shared: Callable[[CollectorRegistry, str], object] = multiprocess.MultiProcessCollector
_mark_dead: Callable[[int, str], None] = multiprocess.mark_process_dead


class _WithoutCreated(Collector):
    """A registry without the `_created` gauge that prometheus_client adds to every series: it doubles the counters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def shared_directory() -> Path | None:
    """PROMETHEUS_MULTIPROC_DIR, or None where this process counts for itself.

    Raises RuntimeError if the variable was set after prometheus_client had been imported: counts would be lost.
    """
    # prometheus_client reads the variable at import, before any settings exist, so it cannot be a setting.
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # noqa: TID251 - see above
    if directory and values.ValueClass is values.MutexValue:
        raise RuntimeError("PROMETHEUS_MULTIPROC_DIR must be set before prometheus_client is imported")
    return Path(directory) if directory else None


class Exposition:
    """The metrics of this process, and their reading."""

    def __init__(self) -> None:
        self._directory = shared_directory()
        self._registry = CollectorRegistry()
        self._own = None if self._directory else self._registry  # shared values are read from the files instead
        if self._directory:
            self._directory.mkdir(parents=True, exist_ok=True)
            _collect_shared(self._registry, str(self._directory))

    def gauge(self, row: Declaration) -> Gauge:
        """The prometheus_client object of a declared gauge."""
        return Gauge(row.name, row.meaning, row.labels, registry=self._own, multiprocess_mode=row.merge)

    def counted(self, row: Declaration) -> Counter | Histogram:
        """The same of a counter or histogram."""
        if row.type == "counter":
            return Counter(row.name, row.meaning, row.labels, registry=self._own)
        return Histogram(row.name, row.meaning, row.labels, registry=self._own, buckets=row.buckets)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text and its content type: OpenMetrics where the Accept header asks for it, else Prometheus' own.

        Takes milliseconds with a hundred series and a second with many thousands; safe to call in another thread.
        """
        if self._directory:
            _forget_killed(self._directory)
        encode, content_type = choose_encoder(accept)
        return encode(_WithoutCreated(self._registry)), content_type

    def close(self) -> None:
        """Takes this process' gauges out of the sum. Nothing may be recorded afterwards."""
        if self._directory:
            _mark_dead(os.getpid(), str(self._directory))


def _forget_killed(directory: Path) -> None:
    """A killed process cannot take its gauges back: its requests would be in flight for ever."""
    for pid in {path.stem.rpartition("_")[2] for path in directory.glob("gauge_live*.db")}:
        if pid.isdecimal() and not _alive(int(pid)):
            _mark_dead(int(pid), str(directory))


def _alive(pid: int) -> bool:
    try:
        os.getpgid(pid)  # asks for nothing but existence, of anybody's process
    except ProcessLookupError:
        return False
    return True
