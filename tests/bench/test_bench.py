"""The bench as a whole, small: every part runs for a moment and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.bench import __main__ as program
from tests.bench import answers, comparison, load, processes, report, sequential, targets
from tests.bench.measures import Bench, NotMeasurable, Round, Size, flags, started
from tests.bench.targets import TARGETS, Target, ours

BENCH = [sys.executable, "-m", "tests.bench"]
SLEEPER = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); {rest}"
)


def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--rounds", "1", "--seconds", "0.1", "--streams", "0", "--targets", "relay", "--json", str(file)]
    run = subprocess.run([*BENCH, *options], capture_output=True, text=True, check=False)
    assert run.stderr.count("round ") == 1, run.stderr
    assert "| bad answers" in run.stdout
    figures = json.loads(file.read_text())["figures"]
    missed = {test for each in json.loads(file.read_text())["rounds"]["relay"] for test in each["missed"]}
    assert missed <= {"rate"}  # a machine that is busy with other tests may not carry it
    known = {figure.name for figure in report.FIGURES}
    rate = {name for name in known if name.startswith("rate_")}
    assert figures["relay"].keys() | rate == known - {"open_kib", "added_us"}
    assert all(each["median"] > 0 for each in figures["relay"].values())


def test_tests_can_be_chosen_and_rounds_alternate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = Size(rounds=2, seconds=0.1, streams=5, held=answers.SLOW)
    builds = {name: TARGETS[name] for name in ("direct", "relay")}
    rounds = comparison.compare(builds, size, tmp_path, ["open"])
    told = [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["direct", "relay", "relay", "direct"]
    assert [each.figures.keys() for each in rounds["relay"]] == [{"idle_mib", "open_kib", "after_mib"}] * 2
    assert [vars(each) for each in rounds["direct"]] == [vars(Round())] * 2


def test_turns_are_taken_one_request_after_another(tmp_path: Path) -> None:
    builds = {name: TARGETS[name] for name in ("direct", "relay")}
    turns = sequential.measured(builds, 2, tmp_path, requests=5)
    assert [len(each) for each in turns.values()] == [2, 2]
    assert [each.bad for mine in turns.values() for each in mine] == [0] * 4
    assert report.values(turns, "relay", "added_us")[0] == (
        turns["relay"][0].figures["p50_us"] - turns["direct"][0].figures["p50_us"]
    )
    lines = sequential.table(turns).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[1] for line in lines[2:]] == ["direct", "relay"]


def test_a_turn_without_answers_is_missed(tmp_path: Path) -> None:
    with comparison.mock(tmp_path) as port:
        bench = Bench(replace(TARGETS["direct"](tmp_path, port), key="wrong"), None)
        first = sequential.turn(bench, 2)
    assert (first.figures, first.bad, [*first.missed]) == ({}, 2, ["sequential"])
    assert bench.round == Round()


def test_what_does_not_start_spoils_only_its_own_rounds(tmp_path: Path) -> None:
    lame = Target("lame", processes.free_port(), (sys.executable, "-c", "raise SystemExit('no such setting')"))
    got = comparison.measured(lame, Size(), tmp_path)
    assert "no such setting" in got.missed["everything"]
    deaf = Target("deaf", processes.free_port())
    assert "no good answer under load" in comparison.measured(deaf, Size(), tmp_path).missed["everything"]


def test_a_rate_that_is_not_carried_has_no_latency(tmp_path: Path) -> None:
    with comparison.mock(tmp_path) as port:
        slow = replace(TARGETS["direct"](tmp_path, port), prefix="bench/chunks-1000-1 ")  # no such model
        bench = Bench(slow, None, Size(seconds=0.1))
        with pytest.raises(NotMeasurable, match="status 404"):
            bench.rate()


def test_the_environment_of_a_target_is_laid_over_ours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    show = [sys.executable, "-c", "import os; print(os.environ['A_SETTING'], 'PATH' in os.environ, flush=True)"]
    with processes.running(show, None, log, {"A_SETTING": "b"}) as process:
        process.wait(30)
    assert log.read_text() == "b True\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the highest resident size")
def test_the_peak_of_a_process_can_be_forgotten(tmp_path: Path) -> None:
    grow = "import sys; x = bytearray(80_000_000); del x; print('up', flush=True); import time; time.sleep(60)"
    with processes.running([sys.executable, "-c", grow], None, tmp_path / "log") as process:
        while b"up" not in (tmp_path / "log").read_bytes():
            assert process.poll() is None
        peak = processes.peak_mib(process)
        assert peak is not None
        assert peak > processes.resident_mib(process) + 60
        if processes.forget_peak(process):
            assert (processes.peak_mib(process) or peak) < peak - 60
    assert processes.peak_mib(process) is None
    assert not processes.forget_peak(process)


def test_stopping_it_ends_what_it_started() -> None:
    options = ["--streams", "0", "--seconds", "20", "--targets", "relay"]
    bench = psutil.Popen([*BENCH, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with bench:
        assert bench.stderr.readline() == b"round 1/3: relay\n"
        family = processes.tree(bench)
        while len(family) < 3:  # the mock runs before the round is told; the relay follows
            assert bench.poll() is None
            time.sleep(0.01)
            family = processes.tree(bench)
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(60) == 130
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


@pytest.mark.parametrize(
    "options",
    [
        ["--targets", "apache"],
        ["--tests", "steam"],
        ["--rounds", "0"],
        ["--seconds", "0"],
        ["--speed"],
        ["--growth", "--sequential"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_told(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.options_of(options)
    assert end.value.code == 2
    assert "usage: python -m tests.bench" in capsys.readouterr().err


def test_targets_are_measured_in_the_order_of_the_table() -> None:
    assert program.names("ours, relay,direct") == ["direct", "relay", "ours"]
    assert program.options_of([]).targets == targets.available()
    assert program.options_of(["--tests", "rate, one"]).tests == ["one", "rate"]
    assert [program.options_of(options).rounds for options in ([], ["--sequential"])] == [3, sequential.ROUNDS]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal: what a shell starts in the background ignores interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
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
    given = {"port": 1, "model": "bench/chunks-0", "stream": True, "hold": False, "headers": ("a: 1", "b: 2")}
    told = ["--port", "1", "--model", "bench/chunks-0", "--stream", "--headers", "a: 1", "--headers", "b: 2"]
    assert list(flags(given)) == told
    assert load.Plan(port=1, stream=True).stream
