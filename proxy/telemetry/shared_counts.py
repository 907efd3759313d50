"""The numbers of this process in the files that all processes of one host share, in prometheus_client's own format.

Each process writes files of its own, `<kind>_<process id>.db`, mapped into memory; whoever is scraped adds up all of
them. What has been written survives the process, also if it was killed. Writing costs too much to do with each request,
so what changed is written a few times a second, and before this process answers a scrape.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Protocol

from prometheus_client import mmap_dict, multiprocess
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from proxy.telemetry.series import Cell


class _File(Protocol):
    """What is used of `MmapedDict`, which has no types: numbers by key, with a time nobody needs here."""

    def read_value(self, key: str) -> tuple[float, float]: ...
    def write_value(self, key: str, value: float, timestamp: float) -> None: ...
    def close(self) -> None: ...


_open: Callable[[str], _File] = mmap_dict.MmapedDict
_key = mmap_dict.mmap_key
_sum: Callable[[None, str], Collector] = multiprocess.MultiProcessCollector
_mark_dead: Callable[[int, str], None] = multiprocess.mark_process_dead
_to_text: Callable[[float], str] = floatToGoString


class _Written:
    """One number in a file: what a former process with the same id left there, and what was added to it last."""

    __slots__ = ("before", "key", "last")

    def __init__(self, key: str, before: float) -> None:
        self.key = key
        self.before = before
        self.last = 0.0


class SharedCounts:
    """Writes the numbers of this process, reads those of all. Safe in several threads.

    Raises OSError if the directory cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = Lock()
        self._files: dict[str, _File] | None = {
            kind: _open(str(directory / f"{kind}_{os.getpid()}.db"))
            for kind in ("counter", "histogram", "gauge_livesum", "gauge_livemax")
        }
        self._written: dict[Cell, tuple[_File, list[_Written]]] = {}

    def write(self, cells: Iterable[Cell]) -> None:
        """Brings the files up to date with these cells. Does nothing after `close`."""
        with self._lock:
            if self._files is None:
                return
            for cell in cells:
                file, numbers = self._written.get(cell) or self._enter(cell, self._files)
                for number, value in zip(numbers, cell.values(), strict=True):
                    if value != number.last:
                        number.last = value
                        file.write_value(number.key, number.before + value, 0.0)

    def collector(self) -> Collector:
        """The sum over all processes. The gauges of those that were killed are taken out first."""
        _forget_killed(self._directory)
        return _sum(None, str(self._directory))

    def close(self) -> None:
        """Takes this process' gauges out of the sum and closes its files."""
        with self._lock:
            files, self._files = self._files or {}, None
            self._written.clear()
            for file in files.values():
                file.close()
        _mark_dead(os.getpid(), str(self._directory))

    def _enter(self, cell: Cell, files: dict[str, _File]) -> tuple[_File, list[_Written]]:
        row = cell.row
        gauge = row.type == "gauge"
        file = files[f"gauge_{row.merge}" if gauge else row.type]
        numbers = []
        for key in _keys(cell):
            before, _ = file.read_value(key)  # enters a zero where there is none
            if gauge:  # what an earlier process with this id left behind says nothing about now
                before = 0.0
                file.write_value(key, before, 0.0)
            numbers.append(_Written(key, before))
        entry = self._written[cell] = (file, numbers)
        return entry


def _keys(cell: Cell) -> list[str]:
    """The keys of the numbers of a cell, in the order of its `values`."""
    row, labels = cell.row, cell.labels
    family = row.name.removesuffix("_total") if row.type == "counter" else row.name
    if row.type != "histogram":
        return [_key(family, row.name, [*row.labels], [*labels], row.meaning)]
    bounds = [_to_text(bound) for bound in (*row.buckets, float("inf"))]
    buckets = [
        _key(family, f"{row.name}_bucket", [*row.labels, "le"], [*labels, bound], row.meaning) for bound in bounds
    ]
    return [*buckets, _key(family, f"{row.name}_sum", [*row.labels], [*labels], row.meaning)]


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
