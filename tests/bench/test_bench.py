"""The bench as a whole, small: every part runs for a moment and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.bench import __main__ as program
from tests.bench import load, processes, targets
from tests.bench.measures import NotMeasurable, flags, started
from tests.bench.targets import TARGETS, Target, ours

BENCH = [sys.executable, "-m", "tests.bench"]
SLEEPER = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); {rest}"
)


def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--rounds", "2", "--seconds", "0.1", "--streams", "0", "--targets", "relay,direct", "--json", str(file)]
    run = subprocess.run([*BENCH, *options], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.count("round ")) == (0, 4), run.stderr
    assert "| bad answers" in run.stdout
    figures = json.loads(file.read_text())["figures"]
    assert figures["relay"].keys() == {
        "p50_us", "added_us", "requests_per_second", "request_cpu_us", "chunks_per_second", "chunk_cpu_us",
        "slow_per_second", "slow_cpu_us", "idle_mib",
    }  # fmt: skip
    assert figures["direct"].keys() == {"p50_us", "requests_per_second", "chunks_per_second", "slow_per_second"}
    assert all(each["median"] > 0 for each in figures["direct"].values())


def test_stopping_it_ends_what_it_started() -> None:
    options = ["--streams", "0", "--seconds", "20", "--targets", "relay"]
    bench = psutil.Popen([*BENCH, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with bench:
        assert bench.stderr.readline() == b"round 1/3: relay\n"
        family = processes.tree(bench)
        while len(family) < 3:  # the mock runs before the round is told; the relay follows
            time.sleep(0.01)
            family = processes.tree(bench)
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(60) == 130
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


@pytest.mark.parametrize("options", [["--targets", "apache"], ["--rounds", "0"], ["--seconds", "0"], ["--speed"]])
def test_bad_usage_is_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.options_of(options)
    assert end.value.code == 2
    assert "usage: python -m tests.bench" in capsys.readouterr().err


def test_targets_are_measured_in_the_order_of_the_table() -> None:
    assert program.names("ours, relay,direct") == ["direct", "relay", "ours"]
    assert program.options_of([]).targets == targets.available()


def test_an_interruption_waits_until_it_does_no_harm() -> None:
    done = []

    def work() -> None:
        with processes.uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_ends_with_all_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLEEPER.format(rest="print('up', flush=True); time.sleep(60)")]
    with processes.running(command, None, tmp_path / "log") as process:
        while b"up" not in (tmp_path / "log").read_bytes():
            assert process.poll() is None
        family = processes.tree(process)
        assert len(family) == 2
        assert processes.resident_mib(process) > processes.resident_mib(family[1]) > 0
        assert processes.cpu_seconds(process) >= 0
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert (processes.tree(process), processes.cpu_seconds(process), processes.resident_mib(process)) == ([], 0, 0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins nothing")
def test_pinning_is_passed_on_and_taken_back() -> None:
    before = os.sched_getaffinity(0)
    chosen = min(before)
    show = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    with processes.pinned(chosen):
        assert subprocess.run(show, capture_output=True, text=True, check=True).stdout == f"{chosen}\n"
    assert os.sched_getaffinity(0) == before
    with processes.pinned(None):
        assert os.sched_getaffinity(0) == before


def test_a_target_that_does_not_start_shows_its_last_words(tmp_path: Path) -> None:
    target = Target("lame", processes.free_port(), (sys.executable, "-c", "raise SystemExit('no such setting')"))
    with pytest.raises(NotMeasurable, match="no such setting"), started(target, tmp_path, None):
        pytest.fail("it did start")


def test_every_target_listens_on_a_port_of_its_own_and_knows_the_upstream(tmp_path: Path) -> None:
    made = [build(tmp_path, 4321) for build in TARGETS.values()]
    assert [target.name for target in made] == list(TARGETS)
    assert len({target.port for target in made}) == len(made)
    assert "127.0.0.1:4321" in (tmp_path / "nginx.conf").read_text()


def test_our_configuration_is_one_that_loads(tmp_path: Path) -> None:
    from proxy.settings import loading

    ours(tmp_path, 4321)
    loading.load(tmp_path / "proxy.yaml", {})


def test_a_plan_survives_the_command_line() -> None:
    given = {"port": 1, "model": "bench/chunks-0", "stream": True, "hold": False, "seconds": 0.5}
    assert list(flags(given)) == ["--port", "1", "--model", "bench/chunks-0", "--stream", "--seconds", "0.5"]
    assert load.Plan(port=1, stream=True).stream
