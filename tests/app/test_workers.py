"""Workers as real processes. They are copies of the test's own, so each has a bound on its life."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from proxy.app.workers import REPORT, Report, Work, Worker, fault_of, fork, report_of

# in a test the process may have more than one thread; what is copied here does not touch them
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

LIFE = 60
"""Seconds after which the system ends what a test has left behind."""


def bounded(work: Work, leave: Iterable[int] = ()) -> Worker:
    def bound(report: Report) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest has its own use for it
        signal.alarm(LIFE)
        work(report)

    return fork(bound, leave)


def outcome(worker: Worker) -> tuple[int, bytes]:
    """Its exit code, and everything it said."""
    said = b""
    while data := os.read(worker.reports, REPORT):
        said += data
    return worker.ended(), said


def test_a_worker_works_in_a_process_of_its_own_and_says_so() -> None:
    worker = bounded(lambda report: report(str(os.getpid()).encode()))
    assert worker.pid != os.getpid()
    assert outcome(worker) == (0, str(worker.pid).encode())
    with pytest.raises(ChildProcessError):
        os.waitpid(worker.pid, 0)
    with pytest.raises(OSError, match="file descriptor"):
        os.read(worker.reports, 1)


def test_an_error_of_the_system_is_reported(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    code, said = outcome(bounded(lambda report: gone.open().close()))
    fault = fault_of(said)
    assert code == 1
    assert isinstance(fault, FileNotFoundError)
    assert (fault.filename, fault.strerror) == (str(gone), "No such file or directory")


def test_any_other_error_shows_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def work(report: Report) -> None:
        raise LookupError("a mistake")

    assert outcome(bounded(work)) == (1, b"")
    told = capfd.readouterr().err
    assert "Traceback" in told
    assert told.endswith("LookupError: a mistake\n")


def test_it_does_not_go_on_with_what_its_parent_was_doing(tmp_path: Path) -> None:
    """A `finally` of the parent must run once: it would remove what the others still need."""
    traces = tmp_path / "traces"

    def work(report: Report) -> None:
        raise SystemExit(0)

    try:
        assert outcome(bounded(work)) == (1, b"")
    finally:
        with traces.open("a") as file:
            file.write("x")
    assert traces.read_text() == "x"


def test_signals_do_what_they_do_by_default_and_ctrl_c_reaches_the_parent_only() -> None:
    def work(report: Report) -> None:
        group = os.getpgid(0) == os.getpid()
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        waking = signal.set_wakeup_fd(-1)
        free = not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        report(f"{group} {handlers == [signal.SIG_DFL] * 2} {waking} {free}".encode())

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        assert outcome(bounded(work)) == (0, b"True True -1 True")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_a_killed_worker_has_the_signal_as_its_code() -> None:
    worker = bounded(lambda report: signal.pause())
    os.kill(worker.pid, signal.SIGKILL)
    assert outcome(worker) == (-signal.SIGKILL, b"")


def test_files_that_are_left_are_not_open_in_it() -> None:
    """The end of a pipe is seen only when everybody has closed the other one."""
    end, other = os.pipe()
    worker = bounded(lambda report: signal.pause(), (other,))
    os.close(other)
    assert os.read(end, 1) == b"", "only the worker could still hold it"
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.ended() == -signal.SIGTERM
    os.close(end)


@pytest.mark.parametrize("report", [b"", b"ready", b"http://127.0.0.1:1/v2"])
def test_other_reports_hold_no_fault(report: bytes) -> None:
    assert fault_of(report) is None


def test_an_error_without_a_number_keeps_its_words() -> None:
    fault = fault_of(report_of(OSError("upstream.ca_file: x holds no certificate")))
    assert fault is not None
    assert (fault.strerror, fault.filename) == ("upstream.ca_file: x holds no certificate", None)
