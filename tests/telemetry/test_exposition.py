"""Several processes are several processes here: each is started, told what to record, and one is killed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as read_text

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.exposition import Exposition, shared_directory
from proxy.telemetry.series import Cell, Count, Distribution, Series

ROOT = Path(__file__).parents[2]

# prometheus_client has no types for it.
read_openmetrics: Callable[[str], Iterable[Metric]] = openmetrics_parser.text_string_to_metric_families

HITS = Declaration("hits_total", "counter", "Hits.", ("tenant",))
WAITS = Declaration("waits", "histogram", "Waits.", ("tenant",), (1, 2))
BUSY = Declaration("busy", "gauge", "Busy.")

WORKER = """
import sys
from proxy.accounts.ledger import Record
from proxy.telemetry.metrics import Metrics

metrics = Metrics(lambda name: True, lambda path: True)
for line in sys.stdin:
    command, *given = line.split()
    if command == "record":
        metrics.requests_under_way.value += 1
        metrics.record(Record("r", 0.0, endpoint="models", tenant=given[0], status=200, duration=float(given[1])))
    if command == "lag":
        metrics.observe_loop_lag(float(given[0]))
    if command == "close":
        metrics.close()
    if command == "quietly" and given[0] == "lag":
        metrics.observe_loop_lag(float(given[1]))
    elif command == "quietly":
        metrics.record(Record("r", 0.0, endpoint="models", tenant=given[0], status=200, duration=float(given[1])))
    body = b"" if command == "quietly" else metrics.render()[0]
    print(len(body), flush=True)
    print(body.decode(), end="", flush=True)
"""


class Worker:
    """A process with a `Metrics` that does as it is told, and answers everything with its exposition."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def tell(self, command: str) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        size = int(self.process.stdout.readline())
        return samples(self.process.stdout.read(size))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def samples(text: str) -> dict[str, float]:
    """`name{label=value,...}` -> value."""
    return {
        sample.name + ",".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in read_text(text)
        for sample in family.samples
    }


REQUESTS = "telnyx_proxy_requests_total{endpoint=models},{model=none},{status=200},{tenant=%s}"
DURATIONS = "telnyx_proxy_request_duration_seconds_%s{endpoint=models},{model=none},{tenant=%s}"
IN_FLIGHT = "telnyx_proxy_in_flight_requests"
LAG = "telnyx_proxy_event_loop_lag_seconds"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    with ExitStack() as stack:

        def started() -> Worker:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WORKER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
                )
            )
            stack.callback(process.kill)
            return Worker(process)

        yield started


def test_two_processes_answer_as_one_even_if_one_is_killed(start: Callable[[], Worker]) -> None:
    first, second = start(), start()
    first.tell("record acme 1.5")
    first.tell("record globex 2")
    first.tell("lag 0.25")
    second.tell("lag 0.5")
    both = second.tell("record acme 3")
    assert both[REQUESTS % "acme"] == 2
    assert both[REQUESTS % "globex"] == 1
    assert both[DURATIONS % ("sum", "acme")] == 4.5
    assert both[DURATIONS % ("count", "acme")] == 2
    assert both[IN_FLIGHT] == 3
    assert both[LAG] == 0.5
    assert first.tell("render") == both

    first.kill()
    rest = second.tell("render")
    assert rest[REQUESTS % "acme"] == 2
    assert rest[REQUESTS % "globex"] == 1
    assert rest[IN_FLIGHT] == 1


def test_a_process_that_ends_takes_its_gauges_along(start: Callable[[], Worker]) -> None:
    first, second = start(), start()
    first.tell("record acme 1")
    assert second.tell("render")[IN_FLIGHT] == 1
    first.tell("close")
    rest = second.tell("render")
    assert rest[REQUESTS % "acme"] == 1
    assert rest[IN_FLIGHT] == 0


def test_what_was_counted_is_seen_by_the_others_with_the_next_look_at_the_lag(start: Callable[[], Worker]) -> None:
    """Nobody scrapes the first process: what it counted must get out by itself, before it is killed."""
    first, second = start(), start()
    first.tell("quietly acme 1.5")
    first.tell("quietly lag 0.25")
    first.kill()
    assert second.tell("render")[REQUESTS % "acme"] == 1


def series(*cells: Cell) -> list[Series[Count] | Series[Distribution]]:
    """Each cell as the only one of its metric."""
    made: list[Series[Count] | Series[Distribution]] = []
    for cell in cells:
        if isinstance(cell, Count):
            counts = Series(cell.row, Count, 1, lambda name: Count(HITS, ()))
            counts.cells[cell.labels] = cell
            made.append(counts)
        else:
            distributions = Series(cell.row, Distribution, 1, lambda name: Count(HITS, ()))
            distributions.cells[cell.labels] = cell
            made.append(distributions)
    return made


@pytest.fixture
def cells() -> list[Cell]:
    hits, waits, busy = Count(HITS, ("acme",)), Distribution(WAITS, ("acme",)), Count(BUSY, ())
    hits.value, busy.value = 7, 2
    for seconds in (0.5, 1, 1.5, 3):
        waits.add(seconds)
    return [hits, waits, busy]


def test_text_and_openmetrics_say_the_same(cells: list[Cell]) -> None:
    exposition = Exposition(series(*cells))
    body, content_type = exposition.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    opened, openmetrics = exposition.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert openmetrics.startswith("application/openmetrics-text; version=1.0.0")
    assert opened.endswith(b"# EOF\n")
    by_open = {
        sample.name + ",".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in read_openmetrics(opened.decode())
        for sample in family.samples
    }
    assert samples(body.decode()) == by_open


def test_the_text_is_what_prometheus_client_would_write(cells: list[Cell]) -> None:
    registry = CollectorRegistry()
    Counter("hits", "Hits.", ["tenant"], registry=registry).labels("acme").inc(7)
    waits = Histogram("waits", "Waits.", ["tenant"], registry=registry, buckets=(1, 2)).labels("acme")
    for seconds in (0.5, 1, 1.5, 3):
        waits.observe(seconds)
    Gauge("busy", "Busy.", registry=registry).set(2)
    theirs = generate_latest(registry).decode().splitlines()
    ours, _ = Exposition(series(*cells)).render()
    # Without the gauge `_created` that it adds to every series: it would double the counters.
    assert ours.decode().splitlines() == [line for line in theirs if "_created" not in line]


def test_a_metric_that_counted_nothing_is_announced() -> None:
    body, _ = Exposition([Series(HITS, Count, 1, lambda name: Count(HITS, ()))]).render()
    assert body == b"# HELP hits_total Hits.\n# TYPE hits_total counter\n"


def test_two_in_one_process_do_not_clash(cells: list[Cell]) -> None:
    first, second = Exposition(series(cells[2])), Exposition(series(Count(BUSY, ())))
    assert samples(first.render()[0].decode()) == {"busy": 2}
    assert samples(second.render()[0].decode()) == {"busy": 0}
    first.write(cells)
    first.close()
    assert samples(first.render()[0].decode()) == {"busy": 2}


def test_without_the_variable_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert shared_directory() is None
    assert not Exposition([]).shared


def test_with_the_variable_the_files_are_what_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cells: list[Cell]
) -> None:
    """Also where prometheus_client was imported before the variable was set."""
    alone, _ = Exposition(series(*cells)).render()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    exposition = Exposition(series(*cells))
    assert exposition.shared
    assert samples(exposition.render()[0].decode()) == {}
    exposition.write(cells)
    assert samples(exposition.render()[0].decode()) == samples(alone.decode())
    exposition.close()
    assert BUSY.name not in samples(exposition.render()[0].decode())


@pytest.mark.parametrize("shared", [False, True])
def test_numbers_by_metric_and_labels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cells: list[Cell], *, shared: bool
) -> None:
    if shared:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    else:
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    exposition = Exposition(series(*cells))
    exposition.write(cells)
    found = exposition.numbers(["hits_total", "busy", "unheard_of"])
    exposition.close()
    expected = {cell.labels: cell.value for cell in cells if isinstance(cell, Count) and cell.row is HITS}
    assert expected
    assert found == {"hits_total": expected, "busy": {(): 2}, "unheard_of": {}}
