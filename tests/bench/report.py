"""Medians, spreads and ratios as a table."""

import platform
import statistics
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tests.bench.measures import Round

YARDSTICK = "relay"
ZERO = "direct"
FLOOR = "nginx"
TO = "\u2013"  # en dash
TIMES = "\u00d7"  # multiplication sign
Rounds = Mapping[str, Sequence[Round]]
"""By target, in the order they were measured; round i of every target belongs together."""


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    name: str
    title: str
    digits: int = 0


FIGURES = (
    Figure("p50_us", "latency p50, 1 connection, µs"),
    Figure("added_us", "added latency p50 against direct, µs"),
    Figure("one_cpu_us", "CPU µs per request, 1 connection", 1),
    Figure("requests_per_second", "requests/s, 32 connections"),
    Figure("plain_p50_us", "latency p50, 32 connections, µs"),
    Figure("request_cpu_us", "CPU µs per request, 32 connections", 1),
    Figure("rate_p50_us", "latency p50 at 1,500 requests/s, µs"),
    Figure("rate_p99_us", "latency p99 at 1,500 requests/s, µs"),
    Figure("rate_added_us", "p99 added there over nginx (else direct), µs"),
    Figure("chunks_per_second", "chunks/s, 100 at once, 32 streams"),
    Figure("chunk_cpu_us", "CPU µs per chunk of these", 2),
    Figure("slow_per_second", "chunks/s, 100 streams 5 ms apart"),
    Figure("slow_cpu_us", "CPU µs per chunk of these", 1),
    Figure("large_p50_us", "latency p50, prompt of 1 MB, µs"),
    Figure("large_cpu_us", "CPU µs per prompt of 1 MB"),
    Figure("tools_per_second", "requests/s, 64 functions, 32 connections"),
    Figure("tools_cpu_us", "CPU µs per request with 64 functions"),
    Figure("idle_mib", "memory idle, MiB", 1),
    Figure("open_kib", "memory per open stream, KiB", 1),
    Figure("after_mib", "memory after all of it, MiB", 1),
)


@dataclass(frozen=True)
class Cell:
    """One figure of one target over all rounds. `ratio` is to the yardstick, None where there is none."""

    median: float
    low: float
    high: float
    ratio: float | None = None

    def spread(self, digits: int, unit: float = 1.0) -> str:
        """`median [lowest-highest]`, each over `unit`."""
        median, low, high = (f"{value / unit:,.{digits}f}" for value in (self.median, self.low, self.high))
        return f"{median} [{low}{TO}{high}]"

    def text(self, digits: int) -> str:
        return self.spread(digits) if self.ratio is None else f"{self.spread(digits)} {TIMES}{self.ratio:.2f}"


def values(rounds: Rounds, target: str, name: str) -> list[float]:
    """A figure of every round. What a proxy adds is the difference within one round, so that drift cancels out."""
    if name == "added_us":
        return added(rounds, target, ZERO, "p50_us")
    if name == "rate_added_us":
        return added(rounds, target, FLOOR if FLOOR in rounds else ZERO, "rate_p99_us")
    return [each.figures[name] for each in rounds[target] if name in each.figures]


def added(rounds: Rounds, target: str, zero: str, name: str) -> list[float]:
    """How much more a figure is than that of `zero` in the same round; nothing for `zero` itself and for no proxy."""
    if target in {zero, ZERO} or zero not in rounds:
        return []
    pairs = zip(rounds[target], rounds[zero], strict=False)
    return [a.figures[name] - b.figures[name] for a, b in pairs if name in a.figures and name in b.figures]


def cell(rounds: Rounds, target: str, name: str) -> Cell | None:
    mine = values(rounds, target, name)
    if not mine:
        return None
    yardstick = values(rounds, YARDSTICK, name) if YARDSTICK in rounds and target not in {YARDSTICK, ZERO} else []
    median = statistics.median(mine)
    ratio = median / statistics.median(yardstick) if yardstick and statistics.median(yardstick) > 0 else None
    return Cell(median, min(mine), max(mine), ratio)


def table(rounds: Rounds) -> str:
    """A Markdown table that reads well on a terminal, too: figures down, targets across, bad answers last."""
    rows = [[f"median [min{TO}max] {TIMES}ratio to the relay", *rounds]]
    for figure in FIGURES:
        cells = [cell(rounds, target, figure.name) for target in rounds]
        if any(cells):
            rows.append([figure.title, *(TO if each is None else each.text(figure.digits) for each in cells)])
    rows.append(["bad answers", *(str(sum(each.bad for each in rounds[target])) for target in rounds)])
    return "\n".join(aligned(rows))


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        first, *rest = zip(row, widths, strict=True)
        yield "| " + " | ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]) + " |"
        if number == 0:
            yield "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"


def complaints(rounds: Rounds) -> Iterator[str]:
    """The first bad answer of every round that had any, and every test without figures."""
    for target, mine in rounds.items():
        for number, each in enumerate(mine, 1):
            if each.bad:
                yield f"{target}, round {number}: {each.bad} bad answers, the first: {each.first_bad}"
            for test, why in each.missed.items():
                yield f"{target}, round {number}: no figures of {test}: {why}"


def machine() -> dict[str, str]:
    """What a figure depends on besides the program."""
    packages = {name: version(name) for name in ("aiohttp", "uvloop", "orjson")}
    python = f"{platform.python_implementation()} {platform.python_version()}"
    built = "with" if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "") else "without"
    return {"python": f"{python} built {built} optimisation", "platform": platform.platform(), **packages}


def conditions(rounds: Rounds) -> str:
    """The machine, and the version of every target, on one line."""
    versions = {name: mine[0].version for name, mine in rounds.items() if mine and mine[0].version}
    return ", ".join(f"{name} {value}" for name, value in {**machine(), **versions}.items())


def as_json(rounds: Rounds) -> dict[str, Any]:
    """Everything measured, for programs: medians with spreads and ratios, and every round."""
    cells = {target: {figure.name: cell(rounds, target, figure.name) for figure in FIGURES} for target in rounds}
    return {
        "machine": machine(),
        "figures": {
            target: {name: vars(each) for name, each in mine.items() if each} for target, mine in cells.items()
        },
        "rounds": {target: [vars(each) for each in mine] for target, mine in rounds.items()},
    }
