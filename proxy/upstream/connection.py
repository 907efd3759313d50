"""One connection to Telnyx: asyncio's protocol, llhttp's parser, one request at a time.

What arrives is parsed and handed on in the call stack of the event loop; no task stands between. The pieces that one
read of the socket brings are one piece for whoever takes the body, however many chunks it was sent in.

Whatever is not understood ends the connection: nothing that may be left on it can become the answer to another request.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.codec import Pieces
from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.outbox import Outbox
from proxy.timers import Timer, Wheel
from proxy.upstream.fields import Fields
from proxy.upstream.incoming import CLOSED, Incoming

if TYPE_CHECKING:
    from proxy.upstream.pool import Pool

HEADER_LIMIT = 64 * 1024
"""Bytes of a head with everything before it, and of what comes between two pieces of a body (sizes, trailers): far
above what any API sends, far below what hurts."""
LINES = 128
"""Headers of one answer."""
LARGE = 64 * 1024
"""Bytes of a request body from which it is not copied behind its head."""

UNANSWERED = "Telnyx closed the connection without an answer."
RESET = "The connection to Telnyx failed."
BROKEN = "Telnyx broke off its answer."
NOT_HTTP = "Telnyx sent something that is not HTTP."

NEVER = float("inf")
UNHEARD = (None, None)
"""What a connection counts an answer down by: its beginning, and its end."""
_FOREIGN = (HttpParserError, HttpParserUpgrade)
_FRAMING = frozenset({b"connection", b"proxy-connection", b"transfer-encoding"})
"""What the parser heeds in trailers as well, so that it may refuse what follows."""
VERSIONS = frozenset({"1.1", "1.0"})
LEAST, SWITCHING, FINAL = 100, 101, 200
"""Statuses: the least there is, the one that would make this another protocol, the first that is an answer."""


RACE = 1.0
"""Seconds within which a reused connection that is lost without a word was lost before the request arrived. Later it
may have been read, and a prompt must not be paid for twice."""


class Stale(Exception):
    """A reused connection was lost at once, before a byte of an answer: the request may go out again."""


class Owner(Protocol):
    """Who has connections."""

    outbox: Outbox
    """Where requests wait for the end of the event loop's turn."""

    def lost(self, connection: "Connection") -> None:
        """It is gone."""
        ...


class _Unwanted(Exception):
    """The parser is to stop: more came than one answer, or what this proxy does not speak."""


class Connection(asyncio.Protocol):
    """A connection, from the moment it is made.

    What is done for every request is done with few calls of Python: most of what the parser says goes to functions of
    C, and the deadline of the first byte is a number, which one timer, set now and then, looks at.

    Attributes:
        pool: where it idles.
        transport: what writes; None once the connection is gone.
        reused: whether it has carried an answer before.
        held: whether no more is read until `flow`.
        on_header, on_body, on_message_begin, on_message_complete: what the parser calls; C functions all. Each of the
            latter two takes one away from what an answer is counted down by: it is whole when nothing is left, and what
            begins after that is one too many, which ends the parser.
    """

    __slots__ = (
        "_answer", "_asked", "_broken", "_choked", "_due", "_feed", "_fields", "_first_byte", "_head", "_keep", "_left",
        "_looks", "_open", "_owner", "_parser", "_pieces", "_post", "_raw", "_status", "_time", "_timer", "_waiter",
        "held", "loop", "on_body", "on_header", "on_message_begin", "on_message_complete", "pool", "reused", "timers",
        "transport",
    )  # fmt: skip

    def __init__(self, owner: Owner, timers: Wheel, pool: "Pool[Connection]", first_byte: float) -> None:
        self._post = owner.outbox.post
        self._owner, self.timers, self.pool, self._first_byte = owner, timers, pool, first_byte
        self.loop = asyncio.get_running_loop()
        self._time = self.loop.time
        self.reused = self.held = self._choked = self._broken = self._keep = self._open = False
        self.transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Incoming] | None = None
        self._asked = 0.0
        self._due, self._looks = 0.0, NEVER  # when the first byte must have come, and when the timer looks
        self._timer: Timer | None = None
        self._head = 0  # bytes of the head so far; behind it, bytes since the last piece
        self._status = 0
        self._fields: Fields | None = None  # between the head and its answer
        self._answer: Incoming | None = None
        self._raw: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._left: list[None] = []
        # Of a header that comes twice the first counts; length and framing that come twice are errors of the parser.
        self.on_header = self._raw.setdefault
        self.on_body = self._pieces.append
        self.on_message_begin = self.on_message_complete = self._left.pop
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data

    # -- what is asked of it

    def ask(self, head: bytes, body: bytes | Pieces | None, patience: float) -> "asyncio.Future[Incoming]":
        """Send a request; the future is the answer, once its head has come. Raises nothing.

        The future fails with UpstreamFailed, with Stale, or, after `patience` seconds, with UpstreamTimeout. Whoever
        no longer waits for it calls `give_up`.
        """
        self._left[:] = UNHEARD
        waiter: asyncio.Future[Incoming] = self.loop.create_future()
        self._waiter = waiter
        self._asked = now = self._time()
        self._due = due = now + patience
        if due < self._looks:
            self._watch(patience)
        transport = self.transport
        if transport is None:
            self._lose(None)
        elif body is None:
            self._post(transport, head)
        elif type(body) is bytes and len(body) < LARGE:
            self._post(transport, head + body)
        else:
            for piece in (head, body) if isinstance(body, bytes) else (head, *body.pieces):
                self._post(transport, piece)
        return waiter

    def give_up(self, waiter: "asyncio.Future[Incoming]") -> None:
        """Nobody waits for this any more: the answer that may have come is closed, else the connection is cut."""
        if self._waiter is waiter:
            self.cut()
        elif not waiter.cancelled() and waiter.exception() is None:
            waiter.result().close()

    def cut(self) -> None:
        """End the connection now."""
        self._waiter = self._answer = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._looks = None, NEVER
        if self.transport is not None:
            self.transport.abort()

    def end(self) -> None:
        """End the connection now, and tell whoever uses it."""
        answer = self._answer
        self._fail(UpstreamFailed(CLOSED))
        if answer is not None:
            answer.end(UpstreamFailed(CLOSED))

    def retire(self) -> None:
        """End an idle connection, in order."""
        if self.transport is not None:
            self.transport.close()

    def hold(self) -> None:
        """Read no more until `flow`."""
        if not self.held and self.transport is not None:
            self.held = True
            self.transport.pause_reading()

    def flow(self) -> None:
        """Read again."""
        if self.held and self.transport is not None:
            self.held = False
            self.transport.resume_reading()

    # -- what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Telnyx speaks."""
        answer = self._answer
        try:
            if answer is None and self._head + len(data) > HEADER_LIMIT:
                self._feed_head(data)
            else:
                self._feed(data)
        except _FOREIGN:
            self._broken = True
        if answer is None:
            self._hear(len(data))
            return
        if self._broken or not self._left:
            self._finish(answer)
            return
        pieces = self._pieces
        if not pieces:
            self._barren(len(data), answer)
            return
        piece = pieces.pop() if len(pieces) == 1 else self._piece()
        self._head = 0
        sink = answer.sink
        if sink is None:
            answer.take(piece)
            return
        try:
            sink(piece)
        except Exception as fault:  # noqa: BLE001 - against its promise; whoever pours hears of it
            answer.fail(fault)

    def eof_received(self) -> None:
        """Telnyx has said everything."""
        answer = self._answer
        if answer is not None and self._open:
            self._left.clear()
            self._finish(answer)
        else:
            self._lose(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.transport = None
        self._lose(exc)
        self._owner.lost(self)
        del self._feed, self._parser  # they refer to this connection, and it to them: nobody shall have to find out

    def pause_writing(self) -> None:
        """Telnyx does not take the request as fast as it is sent. It waits in memory, where it was before."""
        self._choked = True

    def resume_writing(self) -> None:
        """Telnyx takes it."""
        self._choked = False

    # -- what the parser says

    def on_headers_complete(self) -> None:
        """A head is there: of the answer, or of an interim one, which says nothing."""
        parser, raw = self._parser, self._raw
        status = parser.get_status_code()
        if status < LEAST or status == SWITCHING or len(raw) > LINES or parser.get_http_version() not in VERSIONS:
            raise _Unwanted
        fields = None
        if status < FINAL:
            self._left += UNHEARD
        else:
            fields = Fields(raw)
            self._status, self._keep = status, parser.should_keep_alive()
            self._open = not self._keep and _unframed(fields)
        self._fields = fields
        raw.clear()

    # -- the path of an answer

    def _feed_head(self, data: bytes) -> None:
        """Feed the parser, but no more of what may be a head than a head may have."""
        room = HEADER_LIMIT - self._head
        self._feed(memoryview(data)[:room])
        if self._fields is None:
            self._broken = True
        else:
            self._feed(memoryview(data)[room:])

    def _hear(self, size: int) -> None:
        """So many bytes came that began in a head. With its end, the answer has come, and often all of it."""
        waiter, fields = self._waiter, self._fields
        if waiter is None or waiter.done():
            self.cut()  # said out of turn, or to somebody who has given up
            return
        if fields is None:
            self._head += size
            if self._broken:
                self._fail(UpstreamFailed(NOT_HTTP))
            return
        self._head, self._waiter, self._fields = 0, None, None
        pieces = self._pieces
        if not self._left:
            waiter.set_result(Incoming(None, self._status, fields, pieces))
            pieces.clear()
            self._rest()
            return
        answer = self._answer = Incoming(self, self._status, fields)
        waiter.set_result(answer)
        if self._broken:
            self._finish(answer)
        elif pieces:
            answer.take(self._piece())

    def _piece(self) -> bytes:
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return piece

    def _finish(self, answer: Incoming) -> None:
        """The answer is whole, or cannot be understood any further; what of it is there is handed on."""
        self._answer = answer.line = None
        self._head = 0
        whole = not self._left
        self._rest()
        if self._pieces:
            answer.take(self._piece())
        answer.end(None if whole else UpstreamFailed(NOT_HTTP))

    def _rest(self) -> None:
        """Nothing is under way any more: the connection idles, or, where it cannot carry another request, ends."""
        transport, pool = self.transport, self.pool
        if self._raw:
            self._heed_trailers()
        if (
            self._keep
            and pool.keeps
            and not self._broken
            and not self._choked  # under TLS the sizes of two buffers count, and only one of them can be asked for
            and transport is not None
            and transport.get_write_buffer_size() == 0
        ):
            if self.held:
                self.flow()
            self.reused = True
            pool.idle[self] = self._time()
        else:
            self.cut()

    def _heed_trailers(self) -> None:
        self._keep = self._keep and _FRAMING.isdisjoint(name.lower() for name in self._raw)
        self._raw.clear()

    def _barren(self, size: int, answer: Incoming) -> None:
        """Bytes came that bring no body: chunk sizes and their extensions, trailers."""
        self._head += size
        if self._head > HEADER_LIMIT:
            answer.fail(UpstreamFailed(NOT_HTTP))

    def _watch(self, patience: float) -> None:
        """See to it that the timer looks when the first byte must have come, or before."""
        if self._timer is not None:
            self._timer.cancel()
        self._looks = self._due
        self._timer = self.timers.after(patience, self._look)

    def _look(self) -> None:
        """It was some request's deadline, most often of one that was answered long ago."""
        self._timer, self._looks = None, NEVER
        if self._waiter is not None:
            left = self._due - self._time()
            if left > 0:
                self._watch(left)
            else:
                self._fail(late(self._first_byte))

    def _lose(self, cause: Exception | None) -> None:
        """Nothing more will come."""
        answer = self._answer
        if answer is None:
            if self._head:
                self._fail(UpstreamFailed(BROKEN), cause)
            elif self.reused and self._time() - self._asked <= RACE:
                self._fail(Stale())
            else:
                self._fail(UpstreamFailed(RESET if cause else UNANSWERED), cause)
            return
        self.cut()
        fault = UpstreamFailed(BROKEN)
        fault.__cause__ = cause
        answer.end(fault)

    def _fail(self, fault: Exception, cause: Exception | None = None) -> None:
        waiter = self._waiter
        self.cut()
        if waiter is not None and not waiter.done():
            fault.__cause__ = cause
            waiter.set_exception(fault)


def _unframed(fields: Fields) -> bool:
    """Whether the end of the connection is the end of the body. Raises _Unwanted for an encoding that is not ours."""
    coding = fields.get("transfer-encoding")
    if coding is not None and not coding.lower().endswith("chunked"):
        raise _Unwanted
    return coding is None and "content-length" not in fields


def late(seconds: float) -> UpstreamTimeout:
    """The answer did not begin in time."""
    return UpstreamTimeout(f"Telnyx did not begin to answer within {seconds:g} s (timeouts.first_byte).")
