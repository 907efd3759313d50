import os
from pathlib import Path

import pytest

from proxy.app import processors as module
from proxy.app.processors import processors, worker_count

ALLOWED = len(os.sched_getaffinity(0))


class Machine:
    """Control groups as files."""

    def __init__(self, folder: Path) -> None:
        self.groups = folder / "groups"
        self.membership = folder / "membership"
        self.membership.write_text("")

    def has(self, path: str, text: str) -> None:
        file = self.groups / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def processors(self) -> int:
        return processors(self.groups, self.membership)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    return Machine(tmp_path)


def test_a_number_is_that_number() -> None:
    assert worker_count(1) == 1
    assert worker_count(99) == 99


def test_auto_is_what_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= worker_count("auto") <= ALLOWED
    monkeypatch.setattr(module, "LINUX", False)
    assert worker_count("auto") == 1, "elsewhere processes cannot share a port"


def test_without_bounds_it_is_the_processors_the_process_may_run_on(machine: Machine) -> None:
    assert machine.processors() == 8
    machine.membership.unlink()
    assert machine.processors() == 8


def test_where_affinity_is_not_known_it_is_every_processor(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert machine.processors() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.processors() == 1


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("400000 100000\n", 4),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("0 100000", 1),
        ("max 100000", 8),
        ("1600000 100000", 8),
        ("1 0", 8),
        ("", 8),
    ],
)
def test_a_share_of_time_is_a_bound(machine: Machine, quota: str, count: int) -> None:
    machine.membership.write_text("0::/system.slice/telnyx-proxy.service\n")
    machine.has("system.slice/telnyx-proxy.service/cpu.max", quota)
    assert machine.processors() == count


@pytest.mark.parametrize("path", ["cpu.max", "pods/cpu.max", "pods/one/cpu.max"])
def test_the_tightest_group_around_counts(machine: Machine, path: str) -> None:
    machine.membership.write_text("0::/pods/one\n")
    machine.has("pods/one/cpu.max", "700000 100000")
    machine.has("pods/cpu.max", "max 100000")
    machine.has(path, "300000 100000")
    assert machine.processors() == 3


@pytest.mark.parametrize("folder", ["cpu", "cpu/docker/abc"])
def test_the_older_kind_of_group_counts_too(machine: Machine, folder: str) -> None:
    machine.membership.write_text("9:name=systemd:/\n2:cpuacct,cpu:/docker/abc\n1:cpuset:/\n0::/\n")
    machine.has(f"{folder}/cpu.cfs_quota_us", "250000\n")
    machine.has(f"{folder}/cpu.cfs_period_us", "100000\n")
    assert machine.processors() == 3
    machine.has(f"{folder}/cpu.cfs_quota_us", "-1\n")
    assert machine.processors() == 8
