"""The floor is checked against real reports of coverage, made from a small house with the rooms of the large one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import coverage_floor

Report = Callable[..., Path]
FORK = "def pick(x):\n    if x:\n        return 1\n    return 2\n"
ROOMS = ("translation/chat", "streaming/events", "accounts/keys", "errors", "usage")


@pytest.fixture
def measured(tmp_path: Path) -> Report:
    """Builds a house in which every module has one fork, runs one side or both, and returns coverage's JSON report."""

    def build(*, half: tuple[str, ...] = (), absent: tuple[str, ...] = (), edges: int = 0, branch: bool = True) -> Path:
        calls = []
        for room in [*(room for room in ROOMS if room not in absent), *(f"edge/shell{i}" for i in range(edges))]:
            path = tmp_path / "proxy" / f"{room}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "proxy" / "__init__.py").touch()  # else the installed package of this name is found
            path.write_text(FORK)
            values = "(1,)" if room in half else "(0, 1)"
            calls.append(f"from proxy.{room.replace('/', '.')} import pick\nfor x in {values}: pick(x)\n")
        (tmp_path / "run.py").write_text("".join(calls))
        options = ["--source=proxy", *(["--branch"] if branch else [])]
        run = [sys.executable, "-m", "coverage"]
        subprocess.run([*run, "run", *options, "run.py"], cwd=tmp_path, check=True)
        subprocess.run([*run, "json", "-q", "-o", "report.json"], cwd=tmp_path, check=True)
        return tmp_path / "report.json"

    return build


def faults(path: Path) -> list[str]:
    return coverage_floor.faults(json.loads(path.read_bytes()))


def test_a_house_reached_whole_passes(measured: Report) -> None:
    assert faults(measured()) == []


@pytest.mark.parametrize("room", ROOMS)
def test_one_unreached_branch_in_a_pure_room_fails(measured: Report, room: str) -> None:
    found = faults(measured(half=(room,), edges=20))
    assert found == [f"proxy/{room}.py: 66.7 % of a pure room, not reached: 4, 2->4"]


def test_an_unmeasured_pure_room_fails(measured: Report) -> None:
    assert faults(measured(absent=("streaming/events", "usage"))) == [
        "proxy/streaming/: not in the report",
        "proxy/usage.py: not in the report",
    ]


def test_gaps_outside_the_pure_rooms_pass_down_to_the_floor(measured: Report) -> None:
    assert faults(measured(edges=20, half=("edge/shell0", "edge/shell1", "edge/shell2"))) == []


def test_gaps_below_the_floor_fail_and_are_listed(measured: Report) -> None:
    found = faults(measured(edges=2, half=("edge/shell0", "edge/shell1")))
    assert found[0] == "proxy: 90.48 % is below 95 %"
    assert sorted(found[1:]) == [
        "proxy/edge/shell0.py: 66.7 %, not reached: 4, 2->4",
        "proxy/edge/shell1.py: 66.7 %, not reached: 4, 2->4",
    ]


def test_a_report_without_branches_fails(measured: Report) -> None:
    (fault,) = faults(measured(branch=False))
    assert "no branches" in fault


def test_neighbouring_lines_and_exits_are_told_briefly() -> None:
    report = {"missing_lines": [1, 2, 3, 7, 9, 10], "missing_branches": [[20, 24], [31, -1]]}
    assert coverage_floor.unreached(report) == "1-3, 7, 9-10, 20->24, 31->exit"


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, coverage_floor.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_exit_code_tells(measured: Report, tmp_path: Path) -> None:
    assert run_program(str(measured())).returncode == 0
    below = run_program(str(measured(half=("errors",))))
    assert below.returncode == 1
    assert "proxy/errors.py" in below.stdout


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"meta": {"branch_coverage": true}}'])
def test_what_is_no_report_fails(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    got = run_program(str(tmp_path / "report.json"))
    assert (got.returncode, "is not a coverage report" in got.stdout) == (1, True)


def test_bad_usage_is_told_apart(tmp_path: Path) -> None:
    assert run_program().returncode == 2
    assert run_program(str(tmp_path / "absent.json")).returncode == 1
