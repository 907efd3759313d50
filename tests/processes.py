"""Processes that tests start: bounded, and gone when the test has ended, however it has ended."""

import ctypes
import functools
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 60.0
"""Seconds for anything that a process has to do: many times what it takes on a slow machine."""
DEATH_OF_PARENT = 1
"""PR_SET_PDEATHSIG of Linux."""


@contextmanager
def started(*command: str, **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A process until the block is left. Popen alone would wait for the end of one that was to be told to end."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[Any]") -> None:
    """Kill it, if it still runs, and forget it."""
    process.kill()
    process.wait(PATIENCE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def server(*command: str, **options: Any) -> "subprocess.Popen[Any]":
    """A process that serves many tests. It dies with the thread that has started it, which has to be the main one:
    else one would be left behind by each run that is killed.
    """
    libc = _libc()

    def die_with_parent() -> None:
        if libc is not None:
            libc.prctl(DEATH_OF_PARENT, signal.SIGKILL)

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, **options)  # noqa: PLW1509 - one call of the system, no lock
