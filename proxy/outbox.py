"""What one turn of the event loop has to say goes out together, at the turn's end.

Theory of operation. Under load a turn of the loop serves many requests. Each would write to its sockets as it is
served, and its lines into the ledger's file: the processor would go back and forth between the kernel's code and ours,
which do not fit into its caches together, and every write would wake whoever waits for it. So what is to be written is
posted here, and goes out in one go: first what the kernel must have before anybody hears of a request (`first`), in one
write for all of them, then the sockets, one after the other. That takes about a quarter off the processor's time for a
request.

Where nothing else is under way nothing is gained by waiting, and what is large shall find out at once whether its
reader keeps up: both are written when they are posted. The same goes for what comes by itself, as chunks of a model do,
unless there are so many of them that one seldom does: whether one that waits meets others is tried now and then. Where
they come closer still, they are made to meet (`proxy.naps`).
"""

import asyncio

from proxy.naps import Naps
from proxy.pace import Gauge, Idle

ALONE = 1
"""Requests under way up to which nothing waits for the turn's end."""
LARGE = 64 * 1024
"""Bytes that go out at once. A transport tells who writes to pause when it holds as many."""
TOGETHER = 4 * LARGE
"""Bytes that wait at most, over all connections: one that asks and does not read must be told of soon."""
TRIED = 16
"""Lone pieces that are not made to wait after one that waited and met nobody. To wait costs a twelfth of
what such a piece does; where it meets others, a twentieth is saved."""


def nothing() -> None:
    """There is nothing to be done first."""


class Outbox:
    """What is to be written on one event loop. Its order is that of posting, for each transport and over all of them.

    Attributes:
        first: called before anything that waited goes out; it must not raise.
    """

    __slots__ = ("_apart", "_due", "_lone", "_loop", "_naps", "_size", "_under_way", "_waiting", "first")

    def __init__(self, under_way: Gauge | None = None, naps: Naps | None = None) -> None:
        """`under_way`: how many requests are. Made where its event loop runs."""
        self.first = nothing
        self._under_way: Gauge = under_way or Idle()
        self._waiting: list[tuple[asyncio.Transport, bytes | memoryview]] = []
        self._size = 0
        self._apart = 0  # lone pieces that will not be made to wait
        self._lone = 0  # those that wait
        self._naps = naps or Naps()
        self._due = False
        self._loop = asyncio.get_running_loop()

    def post(self, transport: asyncio.Transport, data: bytes | memoryview, *, lone: bool = False) -> None:
        """Write, by the end of this turn of the event loop. What a connection cannot take any more is lost.

        `lone`: most likely there is nothing to write with it. What waits already comes first all the same.
        """
        if len(data) >= LARGE:
            self.flush()
            transport.write(data)
        elif lone and self._apart and not self._due:
            self._apart -= 1
            transport.write(data)
        elif self._due or self.soon():
            self._waiting.append((transport, data))
            if lone:
                self._lone += 1
            self._size = size = self._size + len(data)
            if size >= TOGETHER:
                self.flush()
        else:
            transport.write(data)

    def soon(self) -> bool:
        """Have `first` called before anything goes out that is posted from now on, at the latest by the turn's end.

        False where nothing waits for it: then all is written at once.
        """
        if not self._due:
            if self._under_way.value <= ALONE:
                return False
            self._due = True
            self._loop.call_soon(self._end)
        return True

    def flush(self) -> None:
        """Write all of it, now: for whoever closes a connection, or writes past this."""
        self.first()
        waiting = self._waiting
        if waiting:
            self._waiting, self._size = [], 0
            for transport, data in waiting:
                try:
                    if not transport.is_closing():
                        transport.write(data)
                except Exception as fault:  # noqa: BLE001 - it is one connection's, and others wait behind it
                    transport.abort()
                    self._loop.call_exception_handler({"message": "a connection was ended", "exception": fault})

    def _end(self) -> None:
        self._due = False
        lone, self._lone = self._lone, 0
        posted = len(self._waiting)
        self.flush()
        if lone:
            self._moderate(lone, posted)

    def _moderate(self, lone: int, posted: int) -> None:
        """Behind a turn in which so many lone pieces waited, and so much was written at its end: what comes next.

        One that met nobody lets the next ones go out at once; where they come closely, the loop naps.
        """
        naps = self._naps
        come = lone
        if posted == 1 and not naps.near:
            come += TRIED - self._apart  # those that did not wait since, or soon will not
            self._apart = TRIED
        naps.count(come)
        if naps.near:
            naps.take(max(lone, posted))  # some may have gone out before its end
