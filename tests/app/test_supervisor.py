"""The supervisor over real processes that say what workers say; what they do otherwise is the test's."""

import os
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from proxy.app.supervisor import LASTING, LONGEST_PAUSE, READY, Supervisor, pause
from proxy.app.workers import Report, Worker, fork

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

LIFE = 60
"""Seconds after which the system ends what a test has left behind."""

Life = Callable[[Report], None]


def serve(report: Report) -> None:
    """The life of a good worker."""
    report(READY)
    while True:
        signal.pause()


class Crew:
    """A supervisor, the lives its workers will lead, and what became of them. A post without one left serves."""

    def __init__(self, workers: int, *, patience: float = LIFE, now: Callable[[], float] = time.monotonic) -> None:
        self.lives: dict[int, list[Life]] = {}
        self.started: list[Worker] = []
        self.told: list[dict[str, Any]] = []
        self.greeted = 0
        self.refusals = 0
        self._supervisor = Supervisor(workers, self._launch, patience=patience, tell=self._tell, now=now)

    def run(self, then: Callable[[], None] = lambda: None) -> int:
        """Run to the end; `then` happens once all serve."""

        def greet() -> None:
            self.greeted += 1
            then()

        return self._supervisor.run(greet)

    def _launch(self, number: int, leave: tuple[int, ...]) -> Worker:
        if self.refusals and self.greeted:
            self.refusals -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        lives = self.lives.get(number, [])
        life = lives.pop(0) if lives else serve

        def work(report: Report) -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest has its own use for it
            signal.alarm(LIFE)
            life(report)

        self.started.append(fork(work, leave))
        return self.started[-1]

    def _tell(self, event: str, **details: Any) -> None:
        self.told.append({"event": event, **details})

    def expect_nobody(self) -> None:
        for worker in self.started:
            with pytest.raises(ProcessLookupError):
                os.kill(worker.pid, 0)


def stop() -> None:
    """What an operator does."""
    signal.raise_signal(signal.SIGTERM)


def die(report: Report) -> None:
    report(READY)
    os.kill(os.getpid(), signal.SIGKILL)


def call_the_end(report: Report) -> None:
    report(READY)
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_serve_until_a_signal_and_the_greeting_comes_once(number: signal.Signals) -> None:
    crew = Crew(3)
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    assert crew.run(lambda: signal.raise_signal(number)) == 0
    assert (crew.greeted, len(crew.started), crew.told) == (1, 3, [])
    crew.expect_nobody()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_what_keeps_the_first_from_starting_is_told_once() -> None:
    def fail(report: Report) -> None:
        raise PermissionError(13, "Permission denied", "proxy.log")

    crew = Crew(3)
    crew.lives = {1: [fail]}
    with pytest.raises(PermissionError, match=r"Permission denied.*proxy\.log"):
        crew.run()
    assert (crew.greeted, len(crew.started)) == (0, 1)
    crew.expect_nobody()


@pytest.mark.parametrize(
    ("life", "code"), [(lambda report: os._exit(3), 3), (lambda report: os.kill(os.getpid(), signal.SIGKILL), 1)],
    ids=["exit", "killed"],
)  # fmt: skip
def test_whichever_cannot_start_ends_all(life: Life, code: int) -> None:
    crew = Crew(3)
    crew.lives = {2: [life]}
    assert crew.run() == code
    assert (crew.greeted, crew.told) == (0, [])
    crew.expect_nobody()


def test_a_signal_during_the_start_is_no_failure() -> None:
    def interrupted(report: Report) -> None:
        os.kill(os.getppid(), signal.SIGTERM)
        signal.pause()

    crew = Crew(2)
    crew.lives = {1: [interrupted]}
    assert crew.run() == 0
    assert (crew.greeted, len(crew.started)) == (0, 1)
    crew.expect_nobody()


def test_a_worker_that_dies_is_replaced_at_once() -> None:
    crew = Crew(2)
    crew.lives = {1: [serve, call_the_end]}
    assert crew.run(lambda: os.kill(crew.started[0].pid, signal.SIGKILL)) == 0
    killed = crew.started[0].pid
    assert crew.told == [
        {"event": "worker died", "worker": 1, "pid": killed, "reason": "signal 9", "restart_seconds": 0.0}
    ]
    assert (crew.greeted, len(crew.started)) == (1, 3)
    crew.expect_nobody()


def test_one_that_dies_again_and_again_is_replaced_after_growing_pauses() -> None:
    clock = count()  # each look at it is three seconds later, so that no pause is waited for
    crew = Crew(1, now=lambda: next(clock) * 3.0)
    crew.lives = {1: [die, die, die, die, call_the_end]}
    assert crew.run() == 0
    assert [each["restart_seconds"] for each in crew.told] == [0.0, 0.5, 1.0, 2.0]


def test_one_that_lasted_is_replaced_at_once_whatever_was_before() -> None:
    clock = count()
    crew = Crew(1, now=lambda: next(clock) * LASTING)
    crew.lives = {1: [die, die, die, call_the_end]}
    crew.run()
    assert [each["restart_seconds"] for each in crew.told] == [0.0, 0.0, 0.0]


def test_pauses_have_a_bound() -> None:
    pauses = [pause(lives) for lives in range(2000)]
    assert pauses[:5] == [0.0, 0.0, 0.5, 1.0, 2.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_replacement_that_cannot_start_says_why_and_is_tried_again() -> None:
    def fail(report: Report) -> None:
        raise OSError(24, "Too many open files")

    clock = count()
    crew = Crew(1, now=lambda: next(clock) * 3.0)
    crew.lives = {1: [die, fail, call_the_end]}
    assert crew.run() == 0
    assert [each["reason"] for each in crew.told] == ["signal 9", "Too many open files"]


def test_so_is_one_that_the_system_refuses() -> None:
    clock = count()
    crew = Crew(1, now=lambda: next(clock) * 3.0)
    crew.lives = {1: [die, call_the_end]}
    crew.refusals = 1
    assert crew.run() == 0
    assert [each["reason"] for each in crew.told] == ["signal 9", "Resource temporarily unavailable"]


def test_a_start_that_the_system_refuses_is_a_failure() -> None:
    def launch(number: int, leave: tuple[int, ...]) -> Worker:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    supervisor = Supervisor(2, launch, patience=LIFE, tell=print, now=time.monotonic)
    with pytest.raises(BlockingIOError):
        supervisor.run(lambda: None)


def test_a_second_signal_is_handed_on() -> None:
    """By another number than the first: two of the same could be taken for one."""

    def linger(report: Report) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGTERM))  # impatient once it drains
        signal.signal(signal.SIGINT, lambda *_: os._exit(0))
        serve(report)

    crew = Crew(1)
    crew.lives = {1: [linger]}
    assert crew.run(stop) == 0
    crew.expect_nobody()


def test_two_signals_at_once_are_two() -> None:
    def linger(report: Report) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, lambda *_: os._exit(0))
        serve(report)

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)

    crew = Crew(1)
    crew.lives = {1: [linger]}
    assert crew.run(twice) == 0


def test_whoever_is_overdue_is_killed() -> None:
    def stay(report: Report) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serve(report)

    crew = Crew(2, patience=0)
    crew.lives = {2: [stay]}
    assert crew.run(stop) == 1, "that is no orderly end"
    crew.expect_nobody()


def test_a_worker_that_fails_while_it_stops_is_not_replaced_but_is_no_success() -> None:
    def stumble(report: Report) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
        serve(report)

    crew = Crew(2)
    crew.lives = {1: [stumble]}
    assert crew.run(stop) == 1
    assert len(crew.started) == 2


def test_a_greeting_that_cannot_be_told_ends_all() -> None:
    def closed() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    crew = Crew(2)
    with pytest.raises(BrokenPipeError):
        crew.run(closed)
    crew.expect_nobody()


def test_no_worker_holds_what_belongs_to_the_supervisor_or_to_others() -> None:
    """Else the end of a worker, or of the supervisor, would not be seen while another one lives."""
    seen: list[tuple[int, tuple[int, ...]]] = []
    crew = Crew(3)
    launch = crew._launch

    def watched(number: int, leave: tuple[int, ...]) -> Worker:
        seen.append((number, leave))
        return launch(number, leave)

    crew._supervisor._launch = watched
    crew.run(stop)
    assert [number for number, _ in seen] == [1, 2, 3]
    own = set(seen[0][1])
    assert len(own) == 2
    assert set(seen[1][1]) == own | {crew.started[0].reports}
    assert set(seen[2][1]) == own | {worker.reports for worker in crew.started[:2]}
