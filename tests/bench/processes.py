"""Starting, pinning, watching and ending the processes of a measurement."""

import contextlib
import functools
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import psutil

from tests.bench import answers

STOPPING = 10.0  # seconds a process has to end by itself
MIB = 2**20
NOTHING: Mapping[str, str] = MappingProxyType({})


@functools.cache
def processors() -> tuple[int | None, int | None]:
    """The processor for the target and the one for mock and load; None where nothing can be pinned.

    Asked once: a process that has pinned itself sees only one.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else (None, None)


@contextlib.contextmanager
def pinned(processor: int | None) -> Iterator[None]:
    """Inside, this process and those it starts run on one processor."""
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come inside take effect at its end.

    Between the birth of a process and the moment we know of it, an interruption would leave an orphan; so would one in
    the middle of ending it. (A child starts with the system's handlers: those of Python do not survive its start.)
    """
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda which, frame: came.append(which)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for which in came[:1]:
        signal.raise_signal(which)


@contextlib.contextmanager
def running(
    command: Sequence[str], processor: int | None, log: Path, environment: Mapping[str, str] = NOTHING
) -> Iterator[psutil.Popen]:
    """A process, its output in a file, ended with its whole tree on the way out. `environment` is laid over ours.

    It leads a session of its own: Ctrl-C on the terminal reaches only the bench, which ends the others in order.
    """
    with contextlib.ExitStack() as stack:
        with uninterrupted(), pinned(processor), log.open("wb") as output:
            process = psutil.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment},
            )
            stack.callback(stop, process)
        yield process


def stop(process: psutil.Process) -> None:
    """Asks the process to end its tree itself, then ends what is left of it."""
    with uninterrupted():
        family = tree(process)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
        psutil.wait_procs([process], timeout=STOPPING)
        for survivor in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        psutil.wait_procs(family, timeout=STOPPING)


def tree(process: psutil.Process) -> list[psutil.Process]:
    """The process and its descendants, as far as they live."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the tree so far. Linux counts it in steps of 10 ms."""
    total = 0.0
    for each in tree(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def resident_mib(process: psutil.Process) -> float:
    """Resident memory of the tree; pages shared between several workers are counted for each."""
    total = 0
    for each in tree(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total / MIB


def forget_peak(process: psutil.Process) -> bool:
    """The highest resident size counts from now on. False where the system offers no such thing."""
    try:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5\n", encoding="ascii")
    except OSError:
        return False
    return True


def peak_mib(process: psutil.Process) -> float | None:
    """The highest resident size of the process itself, ever or since it was told to forget; None where unknown."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((answers.HOST, 0))
        return int(probe.getsockname()[1])
