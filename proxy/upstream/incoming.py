"""An answer of Telnyx as it comes in, and who takes it.

Its body waits in a bounded buffer until it is read or poured. While it is poured nothing is buffered: each piece goes
from the connection to the sink in one call. `line` is the connection as long as the answer is under way on it; once
the last byte has arrived the connection serves others, and nothing that is done to this answer concerns it any more.

The ordinary cases cost no call, or one: an answer that is whole when it is made is there to be taken, and one that has
been taken is closed without a look at the connection.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.timers import Wheel
from proxy.upstream.fields import Fields
from proxy.upstream.inflating import GARBLED, Inflater
from proxy.upstream.transport import Sink

BUFFER = 256 * 1024
"""Bytes of a body that wait for somebody to take them before no more is read: a few reads of the loop's size."""
LINGER = 1.0
"""Seconds for the end of an answer whose last words have been heard: it is one packet behind them, if at all."""
LEFT_OVER = 16 * 1024
"""Bytes that may still come with it."""
CLOSED = "The connection to Telnyx was closed."


class Line(Protocol):
    """What an answer needs of its connection. `held`: whether no more is read until `flow`."""

    timers: Wheel
    loop: asyncio.AbstractEventLoop
    held: bool

    def cut(self) -> None:
        """End the connection now."""
        ...

    def hold(self) -> None:
        """Read no more until `flow`."""
        ...

    def flow(self) -> None:
        """Read again."""
        ...


class Incoming:
    """An answer behind the port `Answer`.

    Attributes:
        sink: who gets the next piece at once; None while pieces have to wait.
        line: the connection, until the end has come.
        whole: see `Answer.whole`.
    """

    __slots__ = (
        "_closed", "_fault", "_heard", "_inflater", "_leaving", "_limit", "_patience", "_paused", "_pieces", "_poured",
        "_size", "_timer", "_waiter", "headers", "line", "sink", "status", "whole",
    )  # fmt: skip

    def __init__(self, line: Line | None, status: int, headers: Fields, pieces: Sequence[bytes] = ()) -> None:
        """Without a line it has come whole, and these pieces are its body."""
        self.status = status
        self.headers = headers
        self.line = line
        self.sink: Sink | None = None
        self._poured: Sink | None = None  # the same, also while pouring is paused
        self._pieces: list[bytes] = []  # arrived, and taken by nobody
        self._size = 0  # of them, as long as more may come
        self._inflater = _inflater(headers["content-encoding"]) if "content-encoding" in headers.names else None
        self._limit: int | None = None  # set while it is read whole
        self._paused = self._closed = self._leaving = False
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.whole: bytes | None = None
        if line is None and self._inflater is None:
            self.whole = b"".join(pieces)  # of one, that is no copy
        else:
            self._pieces += pieces

    # -- what the connection says

    def take(self, piece: bytes) -> None:
        """The next piece of the body."""
        sink = self.sink
        if sink is not None:
            self._hand(sink, piece)
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._limit is not None:
            if self._size > self._limit:
                self.fail(_larger(self._limit))
            elif self.line is not None:
                self._heard = self.line.loop.time()
        elif self._poured is not None and not self._paused:  # compressed: nothing else is poured by way of the buffer
            self._flow()
        elif self.line is not None and (self._paused or self._size >= BUFFER):
            self.line.hold()

    def end(self, fault: Exception | None) -> None:
        """The body has ended; without a fault it is whole."""
        self.line = None
        if self._fault is None:
            self._fault = fault
        if self._leaving:
            self._timer.cancel()
        elif self._waiter is not None and not self._closed:
            self._settle()

    def fail(self, fault: Exception) -> None:
        """Nobody wants the rest: the answer ends here, and the connection with it."""
        self._fault = fault
        line, self.line = self.line, None
        self._discard()
        if line is not None:
            line.cut()
        self._settle()

    # -- what the port says

    async def read(self, limit: int, idle: float) -> bytes:
        """See `Answer.read`."""
        body, self.whole = self.whole, None
        if body is None:
            body = await self._gather(limit, idle)
        if len(body) > limit:
            raise _larger(limit)
        return body

    async def pour(self, sink: Sink) -> None:
        """See `Answer.pour`."""
        if self.whole:
            self._pieces.append(self.whole)
        self.whole = None
        self._poured = sink
        self._flow()
        if not self._closed and (self.line is not None or self._waits()):
            await self._wait()
        if not self._leaving:
            self.sink = self._poured = None
        if not self._closed:
            self._expect_whole()

    def pause(self) -> None:
        """See `Answer.pause`."""
        # The connection is held only if something comes before `resume`: a short pause costs nothing, and a caller who
        # pauses at every turn of the loop does not starve.
        if self._leaving:
            return
        self._paused, self.sink = True, None

    def resume(self) -> None:
        """See `Answer.resume`."""
        if not self._paused:
            return
        self._paused = False
        if self._poured is not None:
            self._flow()
        elif self.line is not None and self._size < BUFFER:
            self.line.flow()

    def leave(self) -> None:
        """See `Answer.leave`."""
        if self.line is None or self._closed:
            self.close()
            return
        self._closed = self._leaving = True
        self._paused = False
        self._discard()
        self.sink = self._swallow
        self._timer = self.line.timers.after(LINGER, self._cut)
        self.line.flow()
        self._settle()

    def close(self) -> None:
        """See `Answer.close`."""
        line = self.line
        if self._leaving or (line is None and self._closed):
            return
        self._closed = True
        if line is None and self._poured is None:  # all of it has come, and nobody is waiting for it
            self._pieces.clear()
            self.whole = None
            return
        self.line = None
        self._discard()
        if line is not None:
            line.cut()
        if self._waiter is not None:
            self._settle()

    # -- between the two

    def _swallow(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > LEFT_OVER:
            self._cut()

    def _cut(self) -> None:
        line, self.line, self.sink = self.line, None, None
        self._timer.cancel()
        if line is not None:
            line.cut()

    def _flow(self) -> None:
        """Pour what waits, then let the connection pour by itself."""
        if self._inflater is not None:
            self._unpack()
            return
        if self._pieces:
            while (sink := self._poured) is not None and not self._paused and (piece := self._next(BUFFER)):
                self._hand(sink, piece)
        if not self._paused and not self._leaving:
            self.sink = self._poured
            self._listen_on()

    def _unpack(self) -> None:
        """Pour one buffer of a compressed body; the next one later, for little that is packed may be a lot unpacked."""
        sink = self._poured
        if sink is not None and not self._paused and (piece := self._next(BUFFER)):
            self._hand(sink, piece)
        if self._paused or self._leaving:
            return
        if self._poured is None or not self._waits():
            self._listen_on()
            return
        if self.line is not None:
            self.line.hold()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._poured is not None and not self._paused:
            self._unpack()

    def _listen_on(self) -> None:
        line = self.line
        if line is not None:
            if line.held:
                line.flow()
        elif self._waiter is not None:
            self._settle()

    def _hand(self, sink: Sink, piece: bytes) -> None:
        try:
            sink(piece)
        except Exception as fault:  # noqa: BLE001 - against its promise; whoever pours hears of it
            self.fail(fault)

    def _next(self, most: int) -> bytes:
        """What waits; of a compressed body at most so many bytes. Empty where nothing does, or where it is garbled."""
        pieces, inflater = self._pieces, self._inflater
        if inflater is None:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._size = 0
            return data
        while pieces or inflater.more:
            try:
                piece, rest = inflater.feed(b"".join(pieces), most)
            except UpstreamFailed as fault:
                self.fail(fault)
                break
            pieces[:] = [rest] if rest else []
            self._size = len(rest)
            if piece:
                return piece
        return b""

    def _waits(self) -> bool:
        return bool(self._pieces) or (self._inflater is not None and self._inflater.more)

    def _discard(self) -> None:
        self._pieces.clear()
        self._size = 0
        self.sink = self._poured = None

    def _expect_whole(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._inflater is not None and not self._inflater.complete:
            raise UpstreamFailed(GARBLED)

    async def _gather(self, limit: int, idle: float) -> bytes:
        """The body, once it is there."""
        self._limit = limit
        if self._size > limit:
            self.fail(_larger(limit))
        if self.line is not None:
            await self._arrival(self.line, idle)
        if self._closed:
            raise UpstreamFailed(CLOSED)
        if self._fault is not None:
            raise self._fault
        body = self._next(limit + 1)
        if len(body) <= limit:
            self._expect_whole()
        return body

    async def _arrival(self, line: Line, idle: float) -> None:
        """Wait for the end, while it takes no longer than this from piece to piece."""
        self._heard, self._patience = line.loop.time(), idle
        self._timer = line.timers.after(idle, self._listen)
        line.flow()
        try:
            await self._wait()
        finally:
            self._timer.cancel()

    async def _wait(self) -> None:
        """Until the connection, or whoever closes the answer, says that there is no more to wait for."""
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def _listen(self) -> None:
        """The time for the next piece is over, unless one came since it was set."""
        line = self.line
        if line is None:
            return
        left = self._heard + self._patience - line.loop.time()
        if left > 0:
            self._timer = line.timers.after(left, self._listen)
        else:
            self.fail(UpstreamTimeout(f"Telnyx sent nothing for {self._patience:g} s (timeouts.between_chunks)."))

    def _settle(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done() and not (self._poured is not None and self._waits()):
            waiter.set_result(None)


def _inflater(encoding: str) -> Inflater | None:
    return Inflater(encoding) if encoding and encoding != "identity" else None


def _larger(limit: int) -> UpstreamFailed:
    return UpstreamFailed(f"Telnyx's answer is larger than {limit} bytes (limits.answer).")
