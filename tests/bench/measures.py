"""One target, one round: starts it, puts it through every test, ends it, and gives the figures."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from tests.bench import answers, load
from tests.bench.processes import cpu_seconds, pinned, processors, resident_mib, running, uninterrupted
from tests.bench.targets import Target

STARTING = 30.0  # seconds a target has until its first good answer
WARM_UP = 1.0  # seconds of ordinary load before anything counts: caches, connections, the interpreter's own
CONNECTIONS = 32
SLOW_STREAMS = 100
OVERDUE = 30.0  # seconds after which a load generator that should have ended by itself is ended


class NotMeasurable(Exception):
    """The target or a tool did not do its part; the message has the end of its output."""


@dataclass(frozen=True)
class Size:
    """How long and how much. `streams` 0 leaves out the test of open streams, which takes some twelve seconds."""

    rounds: int = 3
    seconds: float = 2.0
    streams: int = 1000


@dataclass
class Round:
    """What one round of one target gave."""

    figures: dict[str, float]
    """By the names in `report.FIGURES`; absent where there is nothing to measure."""
    bad: int = 0
    first_bad: str = ""


@contextmanager
def started(target: Target, folder: Path, processor: int | None) -> Iterator[psutil.Popen | None]:
    """The target, ready. None for one that needs no process. Raises NotMeasurable."""
    if not target.command:
        yield None
        return
    log = folder / f"{target.name}.log"
    with running(target.command, processor, log) as process:
        deadline = time.monotonic() + STARTING
        while not answers_well(target):
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise NotMeasurable(f"{target.name} gave no good answer. The end of its output:\n{tail}")
            time.sleep(0.1)
        yield process


def answers_well(target: Target) -> bool:
    """One question, one right answer?"""
    connection = HTTPConnection(answers.HOST, target.port, timeout=5)
    headers = {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"}
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

    def __init__(self, target: Target, process: psutil.Popen | None, size: Size) -> None:
        self.round = Round({})
        self._target = target
        self._process = process
        self._size = size

    def measure(self) -> Round:
        """Memory first, on a fresh process: what other tests leave behind would hide what a stream needs."""
        figures = self.round.figures
        if self._process:
            figures["idle_mib"] = resident_mib(self._process)
        self._load(connections=CONNECTIONS, seconds=min(WARM_UP, self._size.seconds))
        if self._process and self._size.streams:
            figures["open_kib"] = self._open_streams(self._process)
        seconds = self._size.seconds
        one = self._load(connections=1, seconds=seconds)
        figures["p50_us"] = one["latency_us"]["p50"]
        plain, figures["request_cpu_us"] = self._timed("answers", connections=CONNECTIONS, seconds=seconds)
        figures["requests_per_second"] = plain["per_second"]
        burst, figures["chunk_cpu_us"] = self._timed("chunks", connections=CONNECTIONS, seconds=seconds, stream=True)
        figures["chunks_per_second"] = burst["chunks_per_second"]
        slow, figures["slow_cpu_us"] = self._timed(
            "chunks", connections=SLOW_STREAMS, seconds=seconds, stream=True, model=answers.SLOW
        )
        figures["slow_per_second"] = slow["chunks_per_second"]
        if not self._process:
            self.round.figures = {name: value for name, value in figures.items() if not name.endswith("cpu_us")}
        return self.round

    def _timed(self, unit: str, **plan: Any) -> tuple[dict[str, Any], float]:
        """The load's summary, and the CPU time of the target in microseconds per answer or chunk."""
        before = cpu_seconds(self._process) if self._process else 0.0
        summary = self._load(**plan)
        spent = cpu_seconds(self._process) - before if self._process else 0.0
        return summary, 1e6 * spent / summary[unit]

    def _open_streams(self, process: psutil.Popen) -> float:
        """KiB that one open stream takes: the highest resident size while all are open, against that before."""
        before = highest = resident_mib(process)
        streams = self._size.streams
        with self._generator(connections=streams, stream=True, model=answers.HELD_OPEN, hold=True) as generator:
            assert generator.stdout is not None
            line = generator.stdout.readline()
            if line != "open\n":
                self._note(line)
                raise NotMeasurable(f"{self._target.name} never had {streams} streams open: {self.round.first_bad}")
            while generator.poll() is None:
                highest = max(highest, resident_mib(process))
                time.sleep(0.2)
            self._note(_last_line(generator))
        return (highest - before) * 1024 / streams

    def _load(self, **plan: Any) -> dict[str, Any]:
        with self._generator(**plan) as generator:
            return self._note(_last_line(generator))

    @contextmanager
    def _generator(self, **plan: Any) -> Iterator["subprocess.Popen[str]"]:
        """A load generator at work. It ends by itself; a timer ends it where it should not."""
        address = {"port": self._target.port, "path": self._target.path, "key": self._target.key}
        model = self._target.prefix + plan.pop("model", answers.AT_ONCE)
        options = [*flags({**address, **plan, "model": model})]
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
        elif value is not False:
            yield from (f"--{name}", str(value))
