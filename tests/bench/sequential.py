"""The method of published comparisons: one request after another, in interleaved rounds, median of round medians.

All targets run all the time; in every round each gets its turn of requests on one connection, the order backwards every
other round. The figure of a turn is the median latency; what counts is the median of these, less that of `direct` in
the same round. It says what a single user notices and nothing about what a processor carries.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench import report
from tests.bench.comparison import mock, tell
from tests.bench.measures import Bench, NotMeasurable, Round, started
from tests.bench.processes import processors
from tests.bench.targets import Build

ROUNDS = 11
REQUESTS = 300  # of a turn
WARM_UP = 200  # requests of every target before the first round
LONGEST = 30.0  # seconds of a turn, however slow the target


def measured(
    builds: Mapping[str, Build], rounds: int, folder: Path, requests: int = REQUESTS
) -> dict[str, list[Round]]:
    """Every turn of every target. Raises NotMeasurable where one does not start or answers nothing."""
    turns: dict[str, list[Round]] = {name: [] for name in builds}
    with ExitStack() as stack:
        port = stack.enter_context(mock(folder))
        targets = {name: build(folder, port) for name, build in builds.items()}
        processes = {
            name: stack.enter_context(started(target, folder, processors()[0])) for name, target in targets.items()
        }
        benches = {name: Bench(target, processes[name]) for name, target in targets.items()}
        for bench in benches.values():
            bench.load(connections=1, requests=WARM_UP, seconds=LONGEST)
        for number in range(rounds):
            tell(f"round {number + 1}/{rounds}")
            for name in list(builds)[:: -1 if number % 2 else 1]:
                turns[name].append(turn(benches[name], requests))
    return turns


def turn(bench: Bench, requests: int) -> Round:
    """A turn of one target, with what was bad in it and before it."""
    try:
        got = bench.load(connections=1, requests=requests, seconds=LONGEST)
        bench.round.figures = {"p50_us": got["latency_us"]["p50"], "p99_us": got["latency_us"]["p99"]}
    except NotMeasurable as fault:
        bench.round.missed["sequential"] = str(fault)
    done, bench.round = bench.round, Round(version=bench.round.version)
    return done


def table(turns: report.Rounds) -> str:
    """Milliseconds: targets down."""
    rows = [["median of round medians, ms", "latency", "added over direct", f"{report.TIMES} the relay's"]]
    for name in turns:
        latency, added = (report.cell(turns, name, figure) for figure in ("p50_us", "added_us"))
        ratio = added.ratio if added else None
        shown = [cell.spread(3, unit=1000) if cell else report.TO for cell in (latency, added)]
        rows.append([name, *shown, report.TO if ratio is None else f"{ratio:.2f}"])
    return "\n".join(report.aligned(rows))
