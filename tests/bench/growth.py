"""What grows with what: CPU per request of ours over connections, keys, models and sizes, and copies of a large body.

Flat is good; over sizes, flat per megabyte. Every round starts ours afresh for every configuration, so that nothing
learned in one is there in the next; and no point pays for the rows that the one before it left to be shipped.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.bench import report
from tests.bench.comparison import mock, tell
from tests.bench.measures import CONNECTIONS, Bench, NotMeasurable, Size, started
from tests.bench.processes import MIB, forget_peak, peak_mib, processors, resident_mib
from tests.bench.targets import ours

OVER_CONNECTIONS = (1, CONNECTIONS, 256, 1000)
FEW = 250  # connections up to which no longer time is needed: all of them are answered in step, many times over
MANY_KEYS = 10_000
MANY_MODELS = 200
OVER_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
COPIED = 10_000_000  # bytes of the body whose copies are counted

AXES = ("connections", "keys", "models", "bytes")
CPU = "CPU µs per request"
PER_MEGABYTE = "CPU µs per MB beyond the first kilobyte"
MEASURABLE = 100_000  # bytes from which on a body costs visibly more than a small one
IDLE = "memory idle, MiB"
COPIES = "copies of the body at the peak"
MEASURES = (CPU, PER_MEGABYTE, IDLE, COPIES)


class Point(NamedTuple):
    """What was measured at one place of one axis."""

    axis: str
    at: int
    measure: str


@dataclass
class Row:
    """All rounds of one point."""

    values: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Rows = dict[Point, Row]


def measured(size: Size, folder: Path) -> Rows:
    """All rounds. Raises NotMeasurable where ours or the mock does not start."""
    rows: Rows = {}
    for number in range(size.rounds):
        tell(f"round {number + 1}/{size.rounds}")
        one(rows, size, folder)
        many(rows, size, folder, "keys", MANY_KEYS)
        many(rows, size, folder, "models", MANY_MODELS)
    return rows


def one(
    rows: Rows,
    size: Size,
    folder: Path,
    over_connections: Sequence[int] = OVER_CONNECTIONS,
    over_sizes: Sequence[int] = OVER_SIZES,
) -> None:
    """With one key and one model: copies first, on a process that has never seen a large body."""
    with _ours(size, folder) as (bench, process):
        for axis in ("keys", "models"):
            _note(rows, Point(axis, 1, IDLE), resident_mib(process))
        _copies(rows, bench, process)
        for number in over_connections:
            seconds = size.seconds * max(1.0, number / FEW)
            cpu = _cpu(rows, bench, Point("connections", number, CPU), connections=number, seconds=seconds)
            if number == CONNECTIONS and cpu is not None:  # the others are measured at the same
                _note(rows, Point("keys", 1, CPU), cpu)
                _note(rows, Point("models", 1, CPU), cpu)
        _sizes(rows, bench, over_sizes)


def many(rows: Rows, size: Size, folder: Path, axis: str, number: int) -> None:
    """With so many `keys` or `models`, all of them in use; each of them for the second time at least."""
    with _ours(size, folder, **{axis: number}) as (bench, process):
        _note(rows, Point(axis, number, IDLE), resident_mib(process))
        bench.load(connections=CONNECTIONS, requests=number, **{axis: number})
        _cpu(rows, bench, Point(axis, number, CPU), connections=CONNECTIONS, **{axis: number})


def _sizes(rows: Rows, bench: Bench, numbers: Sequence[int]) -> None:
    first: float | None = None
    for number in numbers:
        cpu = _cpu(rows, bench, Point("bytes", number, CPU), connections=1, size=number)
        if number == numbers[0]:
            first = cpu
        elif first is not None and cpu is not None and number >= MEASURABLE:
            _note(rows, Point("bytes", number, PER_MEGABYTE), (cpu - first) * 1_000_000 / (number - numbers[0]))


def _copies(rows: Rows, bench: Bench, process: psutil.Popen) -> None:
    """How many times a large body is in memory at the worst moment."""
    point = Point("bytes", COPIED, COPIES)
    before, bad = resident_mib(process), bench.round.bad
    forget_peak(process)  # where there is no forgetting, the peak of its start is hardly above what it has now
    try:
        bench.load(connections=1, requests=1, size=COPIED)
    except NotMeasurable as fault:
        rows.setdefault(point, Row()).complaints.append(str(fault))
        return
    peak = peak_mib(process)
    if peak is not None and bench.round.bad == bad:
        _note(rows, point, (peak - before) * MIB / COPIED)


def _note(rows: Rows, point: Point, value: float) -> None:
    rows.setdefault(point, Row()).values.append(value)


@contextmanager
def _ours(size: Size, folder: Path, keys: int = 1, models: int = 1) -> Iterator[tuple[Bench, psutil.Popen]]:
    """Ours with so many keys and models, warm, beside a mock that lists these models."""
    with ExitStack() as stack:
        target = ours(folder, stack.enter_context(mock(folder, models)), keys=keys, models=models)
        process = stack.enter_context(started(target, folder, processors()[0]))
        assert process is not None
        bench = Bench(target, process, size)
        bench.load(connections=CONNECTIONS, seconds=min(1.0, size.seconds))
        yield bench, process


def _cpu(rows: Rows, bench: Bench, point: Point, **plan: float) -> float | None:
    """Measures one point and notes it; the CPU time per request, None where there is none."""
    row, bad = rows.setdefault(point, Row()), bench.round.bad
    try:
        bench.wait_until_idle()
        row.values.append(bench.settled(**plan))
    except NotMeasurable as fault:
        row.complaints.append(str(fault))
        return None
    if bench.round.bad > bad:
        row.complaints.append(f"{bench.round.bad - bad} bad answers, the first: {bench.round.first_bad}")
    return row.values[-1]


def table(rows: Rows) -> str:
    """Points down, in the order of the axes; the ratio is to the first point of the same measure."""
    lines = [["over", "", "", f"median [min{report.TO}max] {report.TIMES}ratio to the first"]]
    firsts: dict[tuple[str, str], float] = {}
    for point, row in sorted(
        rows.items(), key=lambda item: (AXES.index(item[0].axis), MEASURES.index(item[0].measure), item[0].at)
    ):
        if row.values:
            median = statistics.median(row.values)
            first = firsts.setdefault((point.axis, point.measure), median)
            cell = report.Cell(median, min(row.values), max(row.values), None if median is first else median / first)
            lines.append([point.measure, f"{point.at:,}", point.axis, cell.text(1)])
    return "\n".join(report.aligned(lines))


def complaints(rows: Rows) -> list[str]:
    """What was bad, and what gave no figure."""
    return [f"{point.at:,} {point.axis}: {why}" for point, row in rows.items() for why in row.complaints]


def as_json(rows: Rows) -> dict[str, Any]:
    """Everything measured, for programs."""
    return {"machine": report.machine(), "points": [{**point._asdict(), **vars(row)} for point, row in rows.items()]}
