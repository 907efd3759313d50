"""The supervisor of several workers: starts them, replaces those that die, and ends with them.

It has no event loop and does no work of its own: it waits for three things in one place, what workers say, signals, and
the time. The first worker starts alone, so that what keeps all of them from starting is told once.

    starting   one worker, then the others; whichever cannot start ends everything, with its own error and exit code
    serving    a worker that dies is replaced at once; one that dies again soon, after growing pauses
    stopping   by a signal: each worker has its grace; a second signal cuts it short; who is overdue is killed
"""

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from proxy.app.workers import REPORT, SIGNALS, Worker, fault_of

READY = b"ready"
"""The report of a worker that is up."""
LASTING = 10.0
"""Seconds. A worker that lived this long did start well; its end says nothing about the next one."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a worker is replaced that did not last, as its predecessor had not; doubled each time."""
FAILED = 1


def pause(short_lives: int) -> float:
    """Seconds to wait before the next try, after this many short lives in a row."""
    if short_lives <= 1:
        return 0.0
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(short_lives - 2, 10)))


Tell = Callable[..., object]
"""Writes down what an operator should know: an event, and its details by name."""


@dataclass(slots=True)
class Post:
    """The place of one worker, whoever holds it.

    Attributes:
        number: from 1.
        worker: who holds it, None while nobody does.
        since: when that one was started.
        ready: whether it has said that it is up.
        fault: why it will end, if it has said so.
        short_lives: workers in a row that did not last.
        due: when the next one is started.
    """

    number: int
    worker: Worker | None = None
    since: float = 0.0
    ready: bool = False
    fault: OSError | None = None
    short_lives: int = 0
    due: float = 0.0


class Supervisor:
    """Keeps `count` workers running until a signal.

    Args:
        count: how many.
        launch: starts the worker of a number; the file descriptors it is given have to be closed in it. The worker
            reports READY when it is up.
        patience: seconds after the first signal until a worker that still runs is killed.
        tell: where deaths are written down.
        now: a steady clock in seconds.
    """

    def __init__(
        self,
        count: int,
        launch: Callable[[int, tuple[int, ...]], Worker],
        *,
        patience: float,
        tell: Tell,
        now: Callable[[], float],
    ) -> None:
        self._posts = [Post(number) for number in range(1, count + 1)]
        self._launch = launch
        self._patience = patience
        self._tell = tell
        self._now = now
        self._served = False  # all have been up at the same time
        self._stopping = False
        self._deadline = 0.0
        self._fault: OSError | None = None
        self._code = 0

    def run(self, greet: Callable[[], None]) -> int:
        """Run until all has ended; `greet` is called once every worker is up.

        Returns 0 for an orderly end, the code of a worker that could not start or did not end well otherwise. Raises
        the OSError that kept a worker from starting.
        """
        with _woken() as (wake, waker):
            try:
                while not self._stopping:
                    self._fill((wake, waker))
                    self._wait(wake)
                    if self._complete():
                        self._served = True
                        greet()
            finally:
                self._stop()
                while any(post.worker for post in self._posts):
                    self._wait(wake)
        if self._fault is not None:
            raise self._fault
        return self._code

    def _complete(self) -> bool:
        """Whether every worker is up for the first time."""
        return not self._served and not self._stopping and all(post.ready for post in self._posts)

    def _fill(self, own: tuple[int, ...]) -> None:
        """Start what is due: at first only one worker."""
        first = self._posts[0]
        for post in self._posts if self._served or first.ready else (first,):
            if post.worker is None and post.due <= self._now():
                others = [each.worker.reports for each in self._posts if each.worker is not None]
                post.since = self._now()
                try:
                    post.worker = self._launch(post.number, (*own, *others))
                except OSError as fault:
                    if not self._served:
                        raise
                    self._replace(post, 0, str(fault.strerror))  # no memory, too many processes: for now

    def _wait(self, wake: int) -> None:
        """Until a signal, a report, the end of a worker, or until something is due; and act on it."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        speakers = {post.worker.reports: post for post in self._posts if post.worker is not None}
        for reports in speakers:
            poll.register(reports, select.POLLIN)
        for ready, _ in poll.poll(self._milliseconds()):
            if ready == wake:
                self._signalled(len(os.read(wake, REPORT)))
            else:
                self._hear(speakers[ready], os.read(ready, REPORT))
        if self._stopping and self._now() >= self._deadline:
            self._send(signal.SIGKILL)
            self._deadline += 1  # nobody survives it; asking once a second is enough

    def _milliseconds(self) -> float | None:
        """Until the next thing to do; None where nothing is planned."""
        due: list[float] = []
        if self._stopping:
            due = [self._deadline]
        elif self._served:
            due = [post.due for post in self._posts if post.worker is None]
        return max(0.0, min(due) - self._now()) * 1000 + 1 if due else None  # poll rounds down

    def _signalled(self, count: int) -> None:
        """The first signal stops; each further one is handed on, which cuts the grace short."""
        again = count if self._stopping else count - 1
        self._stop()
        if again:
            self._send(signal.SIGINT)  # another than the first, so that the system does not take both for one

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._deadline = self._now() + self._patience
            self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for post in self._posts:
            if post.worker is not None:
                os.kill(post.worker.pid, number)

    def _hear(self, post: Post, said: bytes) -> None:
        if not said:
            self._ended(post)
        for line in said.splitlines():
            post.ready = post.ready or line == READY
            post.fault = fault_of(line) or post.fault

    def _ended(self, post: Post) -> None:
        """A worker has gone: as it should, too early, or to be replaced."""
        if post.worker is None:
            return
        pid, code, fault = post.worker.pid, post.worker.ended(), post.fault
        post.worker, post.ready, post.fault = None, False, None
        if self._stopping:
            told_before_it_listened = {-number for number in SIGNALS}
            if code and code not in told_before_it_listened:
                self._code = self._code or FAILED
        elif not self._served:
            self._code, self._fault = code if code > 0 else FAILED, fault
            self._stop()
        else:
            ending = f"exit code {code}" if code >= 0 else f"signal {-code}"
            self._replace(post, pid, str(fault.strerror) if fault is not None else ending)

    def _replace(self, post: Post, pid: int, reason: str) -> None:
        """Somebody else will hold the post, at once or after a pause."""
        lasted = self._now() - post.since >= LASTING
        post.short_lives = 0 if lasted else post.short_lives + 1
        wait = pause(post.short_lives)
        post.due = self._now() + wait
        self._tell("worker died", worker=post.number, pid=pid, reason=reason, restart_seconds=wait)


@contextmanager
def _woken() -> Iterator[tuple[int, int]]:
    """A pipe that gets a byte for each signal, instead of what the signals did before. Both of its ends."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    before = [(number, signal.signal(number, lambda *_: None)) for number in SIGNALS]
    previous = signal.set_wakeup_fd(waker)
    try:
        yield wake, waker
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before:
            signal.signal(number, handler)
        os.close(wake)
        os.close(waker)
