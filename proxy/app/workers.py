"""A worker: a copy of this process that does one piece of work and ends.

Copied by fork, not started anew: what has been imported is shared in memory, a new worker is up in milliseconds, and
what the first process has read and made (secrets from pipes, a key for this run) is the same in all of them without
having been handed over where others could see it. That is safe because the process that copies itself has one thread
and no event loop.

A worker tells through a pipe: that it is up, or why it could not be. The pipe's end says that it has gone, however.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from proxy import codec

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FAILED = 1
REPORT = 65_536
"""Bytes of all reports of a worker at most: what a pipe holds without a reader."""

Report = Callable[[bytes], None]
Work = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker, seen from outside.

    Attributes:
        pid: its process.
        reports: file descriptor of what it says; at its end the worker has gone.
    """

    pid: int
    reports: int

    def ended(self) -> int:
        """Forget it. Its exit code, the negative number of the signal that killed it. Waits until it has ended."""
        os.close(self.reports)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fork(work: Work, leave: Iterable[int] = ()) -> Worker:
    """Start a worker; the files `leave` are not open in it.

    It is a process group of its own: a Ctrl-C reaches whoever started it, who decides. An OSError ends it with 1 and
    a report of it, as `fault_of` reads it; any other exception with 1 and its traceback on standard error.
    """
    reports, report = os.pipe()
    sys.stdout.flush()  # what is still to be printed would be printed twice
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # else one could reach the copy of our handlers
    try:
        pid = os.fork()
        if pid == 0:
            _live(work, report, (reports, *leave), before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(report)
    return Worker(pid, reports)


def _live(work: Work, report: int, leave: Iterable[int], mask: Iterable[int]) -> NoReturn:
    """The whole life of a worker. It never returns into what its parent was doing."""
    code = FAILED
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each in leave:
            os.close(each)
        work(lambda said: _write(report, said))
        code = 0
    except OSError as fault:
        _write(report, report_of(fault))
    except BaseException:  # noqa: BLE001 - the end of the process, and nothing else would tell
        traceback.print_exc()
    finally:
        os._exit(code)


def _write(report: int, said: bytes) -> None:
    os.write(report, said[:REPORT])


def report_of(fault: OSError) -> bytes:
    """An OSError as a report."""
    name = str(fault.filename) if fault.filename is not None else None
    return codec.encode({"errno": fault.errno or 0, "reason": fault.strerror or str(fault), "file": name})


def fault_of(report: bytes) -> OSError | None:
    """The OSError in a report, None if it holds none."""
    if not report.startswith(b"{"):
        return None
    said = codec.decode(report)
    return OSError(said["errno"], said["reason"], said["file"])
