"""Measures the proxy beside a bare aiohttp relay: `python -m tests.bench`, or `make bench`.

Starts a mock upstream on one processor and each target in turn on another, in alternating rounds, and prints medians
with their spread and the ratio to the relay. Loopback only; it takes minutes and ends by itself. Exit code: 0, 1 when
any answer was bad or a test gave no figures, 2 for bad usage.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from proxy.app.descriptors import raise_limit
from tests.bench import growth, report, sequential
from tests.bench.comparison import compare, tell
from tests.bench.measures import TESTS, NotMeasurable, Size
from tests.bench.processes import pinned, processors
from tests.bench.targets import TARGETS, available


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, help=f"of every target ({Size.rounds}; sequential {sequential.ROUNDS})")
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="of every test (%(default)s)")
    parser.add_argument("--streams", type=int, default=Size.streams, help="open at once, 0 for none (%(default)s)")
    parser.add_argument("--targets", type=names, default=available(), help=f"of {', '.join(TARGETS)} (all there are)")
    parser.add_argument("--tests", type=tests, help=f"of {', '.join(TESTS)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there, too")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--sequential", action="store_true", help="only latency, one request after another")
    instead.add_argument("--growth", action="store_true", help="only ours: connections, keys, models, sizes, copies")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = sequential.ROUNDS if options.sequential else Size.rounds
    if options.rounds < 1 or options.seconds <= 0 or options.streams < 0:
        parser.error("rounds and seconds must be positive, streams not negative")
    return options


def names(text: str, known: Iterable[str] = TARGETS) -> list[str]:
    """`direct,relay` -> names in the order of the table."""
    wanted, known = {name.strip() for name in text.split(",")}, list(known)
    unknown = wanted - set(known)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [name for name in known if name in wanted]


def tests(text: str) -> list[str]:
    return names(text, TESTS)


def end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def show(heading: str, table: str, complaints: Sequence[str], everything: dict[str, Any], file: Path | None) -> int:
    """Prints the table; the exit code."""
    sys.stdout.write("\n".join([heading, "", table, *complaints, ""]))
    if file:
        when = datetime.now(tz=UTC).isoformat(timespec="seconds")
        file.write_text(json.dumps({"when": when, **everything}, indent=1), encoding="utf-8")
    return 1 if complaints else 0


def measure(options: argparse.Namespace, folder: Path) -> int:
    """What the options ask for; the exit code."""
    builds = {name: TARGETS[name] for name in options.targets}
    size = Size(options.rounds, options.seconds, open_streams(options.streams))
    if options.growth:
        rows = growth.measured(size, folder)
        return show(
            report.conditions({}), growth.table(rows), growth.complaints(rows), growth.as_json(rows), options.json
        )
    if options.sequential:
        turns = sequential.measured(builds, size.rounds, folder)
        table = sequential.table(turns)
        return show(report.conditions({}), table, list(report.complaints(turns)), report.as_json(turns), options.json)
    rounds = compare(builds, size, folder, options.tests)
    complaints = list(report.complaints(rounds))
    return show(report.conditions(rounds), report.table(rounds), complaints, report.as_json(rounds), options.json)


def open_streams(wanted: int) -> int:
    """As many as the system allows: a proxy needs two connections for each."""
    possible = min(wanted, (raise_limit() - 100) // 2)
    if possible < wanted:
        tell(f"this machine allows too few open files: {possible} open streams instead of {wanted}")
    return possible


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = options_of(arguments)

    def work(stack: ExitStack, folder: Path) -> int:
        stack.enter_context(pinned(processors()[1]))
        return measure(options, folder)

    return ended_in_order(work)


def ended_in_order(work: Callable[[ExitStack, Path], int]) -> int:
    """The exit code of work that starts processes, in a folder of its own; however it ends, they end with it."""
    signal.signal(signal.SIGTERM, end)  # as Ctrl-C: what was started must be ended
    if processors()[0] is None:
        tell("nothing can be pinned here: target, mock and load share what there is, and rates mean little")
    try:
        with ExitStack() as stack:
            return work(stack, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))))
    except KeyboardInterrupt:
        tell("stopped")
        return 130
    except NotMeasurable as fault:
        tell(str(fault))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
