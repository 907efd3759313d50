"""Measures the proxy beside a bare aiohttp relay: `python -m tests.bench`, or `make bench`.

Starts a mock upstream on one processor and each target in turn on another, in alternating rounds, and prints medians
with their spread and the ratio to the relay. Loopback only; it takes minutes and ends by itself. Exit code: 0, 1 when
any answer was bad, 2 for bad usage.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from tests.bench import report
from tests.bench.measures import Bench, NotMeasurable, Round, Size, started
from tests.bench.processes import free_port, pinned, processors, raise_file_limit
from tests.bench.targets import TARGETS, Target, available


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=Size.rounds, help="of every target (%(default)s)")
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="of every test (%(default)s)")
    parser.add_argument("--streams", type=int, default=Size.streams, help="open at once, 0 for none (%(default)s)")
    parser.add_argument("--targets", type=names, default=available(), help=f"of {', '.join(TARGETS)} (all there are)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there, too")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.seconds <= 0 or options.streams < 0:
        parser.error("rounds and seconds must be positive, streams not negative")
    return options


def names(text: str) -> list[str]:
    """`direct,relay` -> names in the order of the table."""
    wanted = {name.strip() for name in text.split(",")}
    unknown = wanted - set(TARGETS)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    return [name for name in TARGETS if name in wanted]


def measure(targets: Sequence[str], size: Size, folder: Path) -> dict[str, list[Round]]:
    """All rounds of all targets. Every other round goes backwards, so that a machine that warms up favours nobody."""
    theirs, tools = processors()
    port = free_port()
    mock = TARGETS["direct"](folder, port)
    command = (sys.executable, "-m", "tests.bench.mock", "--port", str(port))
    results: dict[str, list[Round]] = {name: [] for name in targets}
    with started(Target("mock", port, command, mock.path, mock.key, mock.prefix), folder, tools):
        for number in range(size.rounds):
            for name in list(targets)[:: -1 if number % 2 else 1]:
                tell(f"round {number + 1}/{size.rounds}: {name}")
                target = TARGETS[name](folder, port)
                with started(target, folder, theirs) as process:
                    results[name].append(Bench(target, process, size).measure())
    return results


def tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def show(rounds: report.Rounds, file: Path | None) -> int:
    """Prints the table; the exit code."""
    complaints = list(report.complaints(rounds))
    conditions = ", ".join(f"{name} {value}" for name, value in report.machine().items())
    sys.stdout.write("\n".join([conditions, "", report.table(rounds), *complaints, ""]))
    if file:
        when = datetime.now(tz=UTC).isoformat(timespec="seconds")
        file.write_text(json.dumps({"when": when, **report.as_json(rounds)}, indent=1), encoding="utf-8")
    return 1 if complaints else 0


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = options_of(arguments)
    signal.signal(signal.SIGTERM, end)  # as Ctrl-C: what was started must be ended
    streams = min(options.streams, (raise_file_limit() - 100) // 2)  # a proxy needs two connections for each
    if streams < options.streams:
        tell(f"this machine allows too few open files: {streams} open streams instead of {options.streams}")
    if processors()[0] is None:
        tell("nothing can be pinned here: target, mock and load share what there is, and rates mean little")
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, pinned(processors()[1]):
            size = Size(options.rounds, options.seconds, streams)
            return show(measure(options.targets, size, Path(folder)), options.json)
    except KeyboardInterrupt:
        tell("stopped")
        return 130
    except NotMeasurable as fault:
        tell(str(fault))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
