"""Measures rival gateways beside ours: `python -m tests.bench.peers`, or `make bench-peers`.

Installs them where they are not yet, checks that each answers rightly, then puts all through the tests in alternating
rounds, as `python -m tests.bench` does. Needs the package registries the first time. Exit code: 0, 1 when a rival could
not be installed or answered wrongly, or one of our own targets had a bad answer or a test without figures, 2 for bad
usage.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import report, sequential
from tests.bench.__main__ import ended_in_order, names, open_streams
from tests.bench.comparison import compare, mock, tell
from tests.bench.measures import TESTS, Size
from tests.bench.peers import checks, recipes, rivals
from tests.bench.processes import pinned, processors
from tests.bench.targets import TARGETS, Build, available

ALL = (*TARGETS, *rivals.RIVALS)
ROUNDS = 2
SECONDS = 5.0  # of every test; Node compiles what is hot only after some seconds of load


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=(__doc__ or "").splitlines()[0])
    usual = [*available(), *rivals.DEFAULT]
    parser.add_argument("--rounds", type=int, help=f"of every target ({ROUNDS}; sequential {sequential.ROUNDS})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of every test (%(default)s)")
    parser.add_argument("--streams", type=int, default=Size.streams, help="open at once, 0 for none (%(default)s)")
    parser.add_argument("--targets", type=targets, default=usual, help=f"of {', '.join(ALL)} ({', '.join(usual)})")
    parser.add_argument("--tests", type=tests, help=f"of {', '.join(TESTS)} (all)")
    parser.add_argument("--cache", type=Path, default=recipes.default_cache(), help="for the rivals (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there, too")
    parser.add_argument("--sequential", action="store_true", help="only latency, one request after another")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = sequential.ROUNDS if options.sequential else ROUNDS
    if options.rounds < 1 or options.seconds <= 0 or options.streams < 0:
        parser.error("rounds and seconds must be positive, streams not negative")
    options.cache = options.cache.resolve()
    return options


def targets(text: str) -> list[str]:
    return names(text, ALL)


def tests(text: str) -> list[str]:
    return names(text, TESTS)


def prepared(wanted: Sequence[str], cache: Path, folder: Path) -> tuple[dict[str, Build], list[str]]:
    """What can be measured, in the order of the table, and why the rest cannot."""
    builds: dict[str, Build] = {}
    faults = []
    with mock(folder) as port:
        for name in wanted:
            if name in TARGETS:
                builds[name] = TARGETS[name]
                continue
            tell(f"installing where it is not yet, and checking: {name}")
            try:
                build = rivals.build(name, cache)
                fault = checks.fault_of(build(folder, port), folder)
            except recipes.NotInstallable as reason:
                fault = str(reason)
            if fault:
                faults.append(f"{name} is not measured: {fault}")
            else:
                builds[name] = build
    return builds, faults


def measure(builds: Mapping[str, Build], options: argparse.Namespace, folder: Path) -> tuple[report.Rounds, str]:
    """What the options ask for, and its table."""
    if options.sequential:
        turns = sequential.measured(builds, options.rounds, folder)
        return turns, sequential.table(turns)
    size = Size(options.rounds, options.seconds, open_streams(options.streams))
    rounds = compare(builds, size, folder, options.tests)
    return rounds, report.table(rounds)


def show(rounds: report.Rounds, table: str, faults: Sequence[str], file: Path | None) -> int:
    """Prints the table and what is missing from it; the exit code."""
    sys.stdout.write("\n".join([report.conditions(rounds), "", table, ""]))
    sys.stdout.write("".join(f"{line}\n" for line in [*faults, *report.complaints(rounds)]))
    if file:
        when = datetime.now(tz=UTC).isoformat(timespec="seconds")
        file.write_text(json.dumps({"when": when, **report.as_json(rounds)}, indent=1), encoding="utf-8")
    return 1 if faults or [*report.complaints(own(rounds))] else 0


def own(rounds: report.Rounds) -> report.Rounds:
    """Without the rivals: what these cannot do is a result, no failure of the run."""
    return {name: each for name, each in rounds.items() if name in TARGETS}


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = options_of(arguments)

    def work(stack: ExitStack, folder: Path) -> int:
        builds, faults = prepared(options.targets, options.cache, folder)
        stack.enter_context(pinned(processors()[1]))
        rounds, table = measure(builds, options, folder)
        return show(rounds, table, faults, options.json)

    return ended_in_order(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
