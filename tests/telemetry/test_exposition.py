"""Several processes are several processes here: each is started, told what to record, and one is killed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import Metric, values
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as read_text

from proxy.telemetry.declarations import Declaration
from proxy.telemetry.exposition import Exposition, shared_directory

ROOT = Path(__file__).parents[2]

# prometheus_client has no types for these two.
read_openmetrics: Callable[[str], Iterable[Metric]] = openmetrics_parser.text_string_to_metric_families
shared_values: Callable[[], type] = values.MultiProcessValue

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
        metrics.in_flight(1)
        metrics.record(Record("r", 0.0, endpoint="models", tenant=given[0], status=200, duration=float(given[1])))
    if command == "lag":
        metrics.observe_loop_lag(float(given[0]))
    if command == "close":
        metrics.close()
    body, _ = metrics.render()
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


def test_text_and_openmetrics_say_the_same() -> None:
    exposition = Exposition()
    exposition.counted(HITS).labels("acme")
    exposition.gauge(BUSY).set(2)
    body, content_type = exposition.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    opened, openmetrics = exposition.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert openmetrics.startswith("application/openmetrics-text; version=1.0.0")
    assert opened.endswith(b"# EOF\n")
    by_text = {sample.name: sample.value for family in read_text(body.decode()) for sample in family.samples}
    by_open = {sample.name: sample.value for family in read_openmetrics(opened.decode()) for sample in family.samples}
    assert by_text == by_open == {"hits_total": 0, "busy": 2}


def test_no_series_has_a_creation_time_beside_it() -> None:
    exposition = Exposition()
    exposition.counted(HITS).labels("acme")
    exposition.counted(WAITS).labels("acme")
    body, _ = exposition.render()
    assert b"hits_total" in body
    assert b"_created" not in body


def test_two_in_one_process_do_not_clash() -> None:
    first, second = Exposition(), Exposition()
    first.gauge(BUSY).set(1)
    second.gauge(BUSY).set(2)
    assert samples(first.render()[0].decode()) == {"busy": 1}
    assert samples(second.render()[0].decode()) == {"busy": 2}
    first.close()
    assert samples(first.render()[0].decode()) == {"busy": 1}


def test_a_directory_that_comes_too_late_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """prometheus_client has been imported with values in memory: sharing would silently lose every count."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(RuntimeError, match="before prometheus_client is imported"):
        Exposition()


def test_without_the_variable_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert shared_directory() is None


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This process as if it had imported prometheus_client with the variable set."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", shared_values())
    return tmp_path


def test_the_files_of_the_dead_are_taken_out_of_the_gauges(shared: Path) -> None:
    exposition = Exposition()
    exposition.gauge(BUSY).set(1)
    exposition.counted(HITS).labels("acme")
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    mine = shared / f"gauge_livesum_{os.getpid()}.db"
    for pid in (gone.pid, 1):  # 1 is there, and may belong to somebody else
        (shared / f"gauge_livesum_{pid}.db").write_bytes(mine.read_bytes())
    (shared / "gauge_livesum_notanumber.db").write_bytes(mine.read_bytes())
    assert samples(exposition.render()[0].decode()) == {"busy": 3, "hits_total{tenant=acme}": 0}
    assert not (shared / f"gauge_livesum_{gone.pid}.db").exists()
    exposition.close()
    assert not mine.exists()
