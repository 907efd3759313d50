"""One target, one round: starts it, puts it through every test, ends it, and gives the figures."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from tests.bench import answers, load
from tests.bench.processes import cpu_seconds, pinned, processors, resident_mib, running, uninterrupted
from tests.bench.targets import Target

WARM_UP = 1.0  # seconds of ordinary load before anything counts: caches, connections, the interpreter's own
CONNECTIONS = 32
SLOW_STREAMS = 100
RATE_CONNECTIONS = 64
RATE = 1500.0  # requests a second, open loop: what a busy deployment has, and what any target of interest carries
UNSENT = 0.01  # share of these that may find no connection before the rate counts as not carried
LARGE = 1_000_000  # bytes of a large prompt
FUNCTIONS = 64  # an agent with many tools
PATIENCE = 10.0  # seconds that a target has to come to rest
LOOK = 0.25  # seconds from one look at it to the next
AT_REST = 0.08  # share of the processor up to which it is at rest: two ticks of Linux's clock in that time
OVERDUE = 30.0  # seconds after which a load generator that should have ended by itself is ended


class NotMeasurable(Exception):
    """The target or a tool did not do its part; the message has the end of its output."""


@dataclass(frozen=True)
class Size:
    """How long and how much. `streams` 0 leaves out the test of open streams, which lasts as long as one of `held`."""

    rounds: int = 3
    seconds: float = 2.0
    streams: int = 1000
    held: str = answers.HELD_OPEN


NORMAL = Size()


@dataclass
class Round:
    """What one round of one target gave.

    Attributes:
        figures: by the names in `report.FIGURES`; absent where there is nothing to measure.
        bad, first_bad: answers that were not right.
        missed: test -> why it gave no figures.
        version: of the target.
    """

    figures: dict[str, float] = field(default_factory=dict)
    bad: int = 0
    first_bad: str = ""
    missed: dict[str, str] = field(default_factory=dict)
    version: str = ""


@contextmanager
def started(target: Target, folder: Path, processor: int | None) -> Iterator[psutil.Popen | None]:
    """The target, ready. None for one that needs no process. Raises NotMeasurable."""
    if not target.command:
        yield None
        return
    log = folder / f"{target.name}.log"
    with running(target.command, processor, log, target.environment) as process:
        deadline = time.monotonic() + target.starting
        while not answers_well(target):
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise NotMeasurable(f"{target.name} gave no good answer. The end of its output:\n{tail}")
            time.sleep(0.1)
        yield process


def answers_well(target: Target) -> bool:
    """One question, one right answer?"""
    connection = HTTPConnection(answers.HOST, target.port, timeout=5)
    headers = {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json", **target.headers}
    body = answers.question(target.prefix + answers.AT_ONCE, stream=False)
    try:
        connection.request("POST", target.path, body, headers)
        response = connection.getresponse()
        return response.status == 200 and answers.fault_of(response.read(), stream=False) is None
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Bench:
    """Puts one running target through the tests, each with a load generator in a fresh process."""

    def __init__(self, target: Target, process: psutil.Popen | None, size: Size = NORMAL) -> None:
        self.round = Round(version=target.version)
        self._target = target
        self._process = process
        self._size = size

    def measure(self, tests: Collection[str] | None = None) -> Round:
        """The tests asked for, or all, in the order of TESTS. Raises NotMeasurable where it answers nothing at all.

        Memory comes first, on a fresh process: what other tests leave behind would hide what a stream needs.
        """
        if self._process:
            self.round.figures["idle_mib"] = resident_mib(self._process)
        self.load(connections=CONNECTIONS, seconds=min(WARM_UP, self._size.seconds))
        for name, test in TESTS.items():
            if tests is None or name in tests:
                try:
                    self.round.figures |= test(self)
                except NotMeasurable as fault:
                    self.round.missed[name] = str(fault)
        if self._process:
            self.round.figures["after_mib"] = resident_mib(self._process)
        else:  # nothing of the mock's is of interest
            self.round.figures = {name: value for name, value in self.round.figures.items() if "_cpu_" not in name}
        return self.round

    def open_streams(self) -> dict[str, float]:
        if not self._process or not self._size.streams:
            return {}
        return {"open_kib": self._memory_of_streams(self._process)}

    def one(self) -> dict[str, float]:
        got, cpu = self.timed("answers", connections=1)
        return {"p50_us": got["latency_us"]["p50"], "one_cpu_us": cpu}

    def plain(self) -> dict[str, float]:
        got, cpu = self.timed("answers", connections=CONNECTIONS)
        return {
            "requests_per_second": got["per_second"],
            "plain_p50_us": got["latency_us"]["p50"],
            "request_cpu_us": cpu,
        }

    def rate(self) -> dict[str, float]:
        """Raises NotMeasurable where the target does not carry the rate: its latencies are only that of a queue."""
        got, _ = self.timed("answers", connections=RATE_CONNECTIONS, rate=RATE)
        if got["unsent"] > UNSENT * (got["answers"] + got["unsent"]):
            raise NotMeasurable(f"{self._target.name} carries {got['per_second']:.0f} of {RATE:.0f} requests/s")
        return {"rate_p50_us": got["latency_us"]["p50"], "rate_p99_us": got["latency_us"]["p99"]}

    def burst(self) -> dict[str, float]:
        got, cpu = self.timed("chunks", connections=CONNECTIONS, stream=True)
        return {"chunks_per_second": got["chunks_per_second"], "chunk_cpu_us": cpu}

    def slow(self) -> dict[str, float]:
        got, cpu = self.timed("chunks", connections=SLOW_STREAMS, stream=True, model=answers.SLOW)
        return {"slow_per_second": got["chunks_per_second"], "slow_cpu_us": cpu}

    def large(self) -> dict[str, float]:
        got, cpu = self.timed("answers", connections=1, size=LARGE)
        return {"large_p50_us": got["latency_us"]["p50"], "large_cpu_us": cpu}

    def tools(self) -> dict[str, float]:
        got, cpu = self.timed("answers", connections=CONNECTIONS, functions=FUNCTIONS)
        return {"tools_per_second": got["per_second"], "tools_cpu_us": cpu}

    def timed(self, unit: str, **plan: Any) -> tuple[dict[str, Any], float]:
        """The load's summary, and the CPU time of the target in microseconds per answer or chunk (`unit`)."""
        before = cpu_seconds(self._process) if self._process else 0.0
        summary = self.load(**{"seconds": self._size.seconds, **plan})
        spent = cpu_seconds(self._process) - before if self._process else 0.0
        return summary, 1e6 * spent / summary[unit]

    def wait_until_idle(self) -> None:
        """Until the target has done what earlier loads left it to do, PATIENCE seconds at most."""
        assert self._process is not None
        before = cpu_seconds(self._process)
        for _ in range(int(PATIENCE / LOOK)):
            time.sleep(LOOK)
            now = cpu_seconds(self._process)
            if now - before <= AT_REST * LOOK:
                return
            before = now

    def settled(self, **plan: Any) -> float:
        """The CPU time of one plain answer in microseconds, without that of opening and closing the connections."""
        assert self._process is not None
        with self._generator(**{"seconds": self._size.seconds, **plan, "settle": True}) as generator:
            self._expect("open", generator, plan["connections"])
            before = cpu_seconds(self._process)
            self._expect("over", generator, plan["connections"])
            spent = cpu_seconds(self._process) - before
            summary = self._note(_last_line(generator))
            return 1e6 * spent / int(summary["answers"])

    def _memory_of_streams(self, process: psutil.Popen) -> float:
        """KiB that one open stream takes: the highest resident size while all are open, against that before."""
        before = highest = resident_mib(process)
        streams = self._size.streams
        with self._generator(connections=streams, stream=True, model=self._size.held, hold=True) as generator:
            self._expect("open", generator, streams)
            while generator.poll() is None:
                highest = max(highest, resident_mib(process))
                time.sleep(0.2)
            self._note(_last_line(generator))
        return (highest - before) * 1024 / streams

    def _expect(self, word: str, generator: "subprocess.Popen[str]", connections: int) -> None:
        """Waits until everything is `open` or `over`. Raises NotMeasurable where that does not come about."""
        assert generator.stdout is not None
        line = generator.stdout.readline()
        if line.strip() != word:
            self._note(line)
            why = self.round.first_bad or "time was up before"
            raise NotMeasurable(f"{self._target.name} with {connections} connections was never {word}: {why}")

    def load(self, **plan: Any) -> dict[str, Any]:
        """A load with these fields of `load.Plan`; its summary. Raises NotMeasurable where nothing was answered."""
        with self._generator(**plan) as generator:
            return self._note(_last_line(generator))

    @contextmanager
    def _generator(self, **plan: Any) -> Iterator["subprocess.Popen[str]"]:
        """A load generator at work. It ends by itself; a timer ends it where it should not."""
        target = self._target
        address = {"port": target.port, "path": target.path, "key": target.key, "rewrites": target.rewrites}
        headers = tuple(f"{name}: {value}" for name, value in target.headers.items())
        model = target.prefix + plan.pop("model", answers.AT_ONCE)
        options = [*flags({**address, **plan, "headers": headers, "model": model})]
        command = [sys.executable, "-m", "tests.bench.load", *options]
        with ExitStack() as stack:
            with uninterrupted(), pinned(processors()[1]):
                generator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
                stack.enter_context(generator)
                stack.callback(generator.kill)  # does nothing once it has ended
            yield generator

    def _note(self, output: str) -> dict[str, Any]:
        """Reads a load generator's last line. Raises NotMeasurable where nothing at all was answered."""
        summary: dict[str, Any] = json.loads(output) if output.startswith("{") else {"answers": 0, "bad": 1}
        self.round.bad += summary["bad"]
        self.round.first_bad = self.round.first_bad or summary.get("first_bad", "")
        if not summary["answers"]:
            raise NotMeasurable(f"{self._target.name} gave no good answer under load: {self.round.first_bad or output}")
        return summary


TESTS: Mapping[str, Callable[[Bench], dict[str, float]]] = MappingProxyType(
    {
        "open": Bench.open_streams,
        "one": Bench.one,
        "plain": Bench.plain,
        "rate": Bench.rate,
        "burst": Bench.burst,
        "slow": Bench.slow,
        "large": Bench.large,
        "tools": Bench.tools,
    }
)
"""In the order they are run."""


def _last_line(generator: "subprocess.Popen[str]") -> str:
    """What is left of its output when it has ended. Not `communicate`, which forgets what `readline` read ahead."""
    assert generator.stdout is not None
    try:
        generator.wait(load.Plan.seconds + load.GRACE + OVERDUE)
    except subprocess.TimeoutExpired:
        raise NotMeasurable("the load generator does not end") from None
    return generator.stdout.read()


def flags(plan: Mapping[str, Any]) -> Iterator[str]:
    """Keyword arguments of `load.Plan` as its command line takes them."""
    for name, value in plan.items():
        if value is True:
            yield f"--{name}"
        elif isinstance(value, tuple):
            yield from (part for each in value for part in (f"--{name}", each))
        elif value is not False:
            yield from (f"--{name}", str(value))
