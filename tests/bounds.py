"""No test waits without end: hooks of pytest, which `conftest.py` takes in.

pytest-timeout bounds a test with one alarm for setup, call, teardown and every rerun together. So a test that has used
it up is run again without any bound; and an alarm that reaches a task of the event loop beside the test's own ends that
task and nothing else. Here each part of each run has its own bound, the alarm comes again until it is heard, and what
does not even hear that, a lock of a C library for instance, ends the whole process: pytest-xdist then says which test
it was, and goes on with a new worker. The seconds are pytest-timeout's: `timeout` in pyproject.toml, or the mark.
"""

import faulthandler
import gc
import signal
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import psutil
import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

__all__ = [
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
]

AGAIN = 5.0
"""Seconds between two alarms."""
DEAF = 60.0
"""Seconds after the first alarm until the process is ended."""


def seconds(item: pytest.Item) -> float:
    """How long each part of a test may take; 0 for as long as it likes, as somebody with a debugger asks for."""
    given = item.config.getoption("timeout")
    mark = item.get_closest_marker("timeout")
    if given is None:
        given = mark.args[0] if mark is not None else item.config.getini("timeout")
    return float(given or 0)


@contextmanager
def bounded(item: pytest.Item) -> Iterator[None]:
    """While the block runs."""
    limit = seconds(item)
    if not limit or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        tell_threads()
        pytest.fail(f"Timeout (>{limit}s): it hangs")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, AGAIN)
    faulthandler.dump_traceback_later(limit + DEAF, file=item.config.stash[fault_handler_stderr_fd_key], exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def tell_threads() -> None:
    """Where the other threads are; where this one is, the traceback will say."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is not None and thread is not threading.current_thread():
            sys.stderr.write(f"thread {thread.name}:\n{''.join(traceback.format_stack(frame))}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A report is made by reading the source, which in CPython 3.11 is no safe place for the garbage collector: a task
    that failed unheard, found there, has its own traceback written, by reading source again, and the outer reading
    fails with a SystemError. It would be pytest's own fault then, which ends the run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the processes that tests have left behind; whoever reads our output would wait for them."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", None):
        for process in psutil.Process().children(recursive=True):
            process.kill()
