"""How many processors this process may use, and so how many workers `auto` stands for.

Two things bound it on Linux: the processors it may run on (taskset, cpuset), and the share of time that its control
group gets (docker --cpus, a Kubernetes limit, systemd's CPUQuota). More workers than that only take turns.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from proxy.settings.checks import LINUX

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def worker_count(workers: Literal["auto"] | int) -> int:
    """The number that `server.workers` means on this machine; `auto` is 1 where workers cannot share a port."""
    if workers != "auto":
        return workers
    return processors() if LINUX else 1


def processors(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int:
    """Processors this process may use at once, at least 1. A share of one and a half counts as two."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = list(_shares(groups, _text(membership)))
    return max(1, min([allowed, *map(math.ceil, shares)]))


def _shares(groups: Path, membership: str) -> Iterator[float]:
    """The processors' worth of time that each control group around this process has, where it is bounded."""
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu
            for folder in _around(groups, path):
                quota, _, period = _text(folder / "cpu.max").partition(" ")
                yield from _share(quota, period)
        elif "cpu" in controllers.split(","):  # version 1, where a container sees its own group as the root
            for folder in _around(groups / "cpu", path):
                yield from _share(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _around(root: Path, path: str) -> list[Path]:
    inside = PurePosixPath(path.lstrip("/"))
    return [root / inside, *(root / each for each in inside.parents)]


def _share(quota: str, period: str) -> Iterator[float]:
    """Nothing where there is no bound: `max` in version 2, -1 in version 1, no file in the root."""
    if quota.isdecimal() and period.isdecimal() and int(period):
        yield int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
