"""Short sleeps of the event loop, so that it is woken once for several pieces of streams, and not for each.

Where pieces that came by themselves, as chunks of a model do, follow closely upon one another, most turns of the loop
serve one of them, and going to sleep and being woken costs as much as the piece. So the loop sleeps for a moment after
such a turn, whatever comes meanwhile. The next turn finds several pieces, and their writing wakes their readers less
often, too. Network cards do the same, and call it interrupt moderation. It saves an eighth of what a piece costs at
6,000 to 20,000 a second, and takes NAP of latency, which is little beside the time between two pieces of one stream.

Nobody sleeps where pieces are few, where a turn has many, where the loop has little time to spare, or where the
machine's clock is too coarse for it. How much time there is to spare shows only while nobody naps: now and then nobody
does.
"""

import time
from collections.abc import Callable

NAP = 0.0004
"""Seconds of one. A third of it saved a twelfth of a piece at 20,000 a second. Longer ones would save a little more,
and every first token would be later."""
CLOSE = 5000.0
"""Pieces a second from which the loop naps: two or more come in the time."""
WINDOW = 64
"""Pieces by which that is told."""
FEW = 16
"""Pieces of a turn up to which the loop naps behind it: with more, it has enough to do."""
BUSY = 0.85
"""Part of the time in which the loop's thread works, without naps, above which it does not nap."""
WINDOWS = 16
"""Windows in which the loop may nap, before one in which it does not."""
LATE = 0.001
"""Seconds after which a nap took too long: the machine was busy with something else, or cannot do it shorter."""
REST, LONGEST = 0.01, 60.0
"""Seconds without a nap after one that took too long; twice as many each time until one does not."""


class Naps:
    """When one event loop naps.

    Attributes:
        near: pieces come so closely that it pays to let them wait for each other.
    """

    __slots__ = ("_awake", "_left", "_now", "_rest", "_seen", "_since", "_sleep", "_worked", "_worked_before", "near")

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        """`now`: seconds of a clock that only goes forward; `sleep` stops the thread for so many.

        `worked`: seconds for which the thread has worked.
        """
        self._now, self._sleep, self._worked = now, sleep, worked
        self._awake, self._rest = 0.0, REST
        self._begin(now())

    def _begin(self, now: float) -> None:
        self.near, self._left = False, 0  # windows with naps to come
        self._seen, self._since, self._worked_before = 0, now, self._worked()

    def count(self, pieces: int) -> None:
        """So many more have come by themselves."""
        self._seen += pieces
        if self._seen < WINDOW:
            return
        now, worked = self._now(), self._worked()
        took = now - self._since
        if self._left:
            self._left -= 1
        elif worked - self._worked_before < BUSY * took:
            self._left = WINDOWS
        self.near = self._left > 0 and self._seen > took * CLOSE
        self._seen, self._since, self._worked_before = 0, now, worked

    def take(self, posted: int) -> None:
        """Sleep behind a turn that had so much to write, unless that is much, pieces are few, or it took long lately.

        It is asked for only where pieces are `near`, and whatever had to go out has gone.
        """
        began = self._now()
        if began - self._since > WINDOW / CLOSE:
            self._begin(began)
        elif posted <= FEW and began >= self._awake:
            self._sleep(NAP)
            self._wake(began)

    def _wake(self, began: float) -> None:
        woken = self._now()
        if woken - began < LATE:
            self._rest = REST
        else:
            self._awake = woken + self._rest
            self._rest = min(2 * self._rest, LONGEST)
