"""Several targets, several rounds: who comes when, beside which mock, on which processor."""

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measures import Bench, NotMeasurable, Round, Size, started
from tests.bench.processes import free_port, processors
from tests.bench.targets import Build, Target, direct


def compare(
    builds: Mapping[str, Build], size: Size, folder: Path, tests: Collection[str] | None = None
) -> dict[str, list[Round]]:
    """All rounds of all targets, by name. Raises NotMeasurable where the mock does not start.

    Every other round goes backwards, so that a machine that warms up favours nobody. A target that does not start or
    answers nothing has a round in which everything is missed.
    """
    results: dict[str, list[Round]] = {name: [] for name in builds}
    with mock(folder) as port:
        for number in range(size.rounds):
            for name in list(builds)[:: -1 if number % 2 else 1]:
                tell(f"round {number + 1}/{size.rounds}: {name}")
                results[name].append(measured(builds[name](folder, port), size, folder, tests))
    return results


def measured(target: Target, size: Size, folder: Path, tests: Collection[str] | None = None) -> Round:
    """One round of one target in a fresh process."""
    try:
        with started(target, folder, processors()[0]) as process:
            bench = Bench(target, process, size)
            try:
                return bench.measure(tests)
            except NotMeasurable as fault:
                bench.round.missed["everything"] = str(fault)
                return bench.round
    except NotMeasurable as fault:
        return Round(missed={"everything": str(fault)}, version=target.version)


@contextmanager
def mock(folder: Path, models: int = 1) -> Iterator[int]:
    """A mock upstream on the processor of the tools, which lists so many models of each kind; its port."""
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.mock", "--port", str(port), "--models", str(models))
    at = direct(folder, port)
    with started(Target("mock", port, command, at.path, at.key, at.prefix), folder, processors()[1]):
        yield port


def tell(text: str) -> None:
    """What is being done, for a person who waits."""
    sys.stderr.write(text + "\n")
