"""A client's connection: aiohttp's handler, with a bound on slow heads and a short way out for answers.

Bytes that are not HTTP get OpenAI's error envelope, too.

A connection that owes the head of a request is not waited for without end: aiohttp bounds only how long one may idle,
and thousands that send a byte now and then would take every file descriptor there is.

aiohttp makes a task for each request and asks each answer what it has long said. Here requests are served by the
connection's own task: with the other way, a plain request costs an eighth more. And a head that comes again is not
parsed again (`familiar`).

A client that does not read is told to whoever writes: `pause` when the transport's buffer is full, `resume` when it has
emptied. So nothing has to be awaited between a piece from Telnyx and the write to the client.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from proxy import codec
from proxy.edge.familiar import MOMENT, WAITED_FOR, Heads, Place, Whole
from proxy.edge.request import Request
from proxy.edge.services import Services
from proxy.errors import InternalError, InvalidRequest

if TYPE_CHECKING:
    from proxy.timers import Timer

NEVER = float("inf")
GONE = "the client has gone"


def request_id(now: float, random: Callable[[int], bytes]) -> str:
    """A new id for one request, at a Unix time: its milliseconds, and 80 random bits.

    Later ids are greater ones. A database finds the place of the next row at the end of its index, then, and not
    somewhere in it: an id from nothing but chance would have it write a page for every row.
    """
    return "req_" + (int(now * 1000).to_bytes(6, "big") + random(10)).hex()


def _no_http() -> InvalidRequest:
    return InvalidRequest("The request is not valid HTTP/1.1.", code="invalid_http")


class Writer(Protocol):
    """Whoever writes to a connection without waiting for it."""

    def pause(self) -> None:
        """Write no more: the client does not keep up."""

    def resume(self) -> None:
        """Go on."""


class UnderWay(Protocol):
    """A request that is being answered."""

    due: float
    """When its time is over, in steady seconds."""

    def run_out(self) -> None:
        """It is."""

    def outlive(self) -> bool:
        """The client has gone. Whether the request goes on without it."""


class Connection(RequestHandler):
    """One connection.

    One timer, which requests do not touch, looks after it: whether the head that is owed takes too long, and whether
    the request under way does.

    Attributes:
        writer: who is told when the client does not keep up.
        under_way: the request that is being answered, None between two.
        loop: the event loop it lives on; outbox: where what it sends waits for the end of the loop's turn.
        owed: since when a head has been owed, in steady seconds; None while none is.
        server: the task that serves all its requests; None where aiohttp makes one for each.
        begun: a streamed answer to the request under way has begun, so that there can be no other.
        stuck: since when the client has not kept up and has taken nothing, None while it keeps up.
    """

    __slots__ = (
        "_bounds", "_held", "_holding", "_patience", "_place", "_services", "_steady", "_timers", "_unsent", "begun",
        "loop", "outbox", "owed", "server", "stuck", "under_way", "writer",
    )  # fmt: skip

    def __init__(
        self, manager: web.Server, *, services: Services, heads: Heads, bounds: tuple[float, float], **options: Any
    ) -> None:
        """`bounds` are the seconds that a head and the answer to a request may take; `options` are aiohttp's."""
        super().__init__(manager, **options)
        self.loop = self._loop
        self.writer: Writer | None = None
        self.under_way: UnderWay | None = None
        self.owed: float | None = None
        self.stuck: float | None = None
        self.server: asyncio.Task[None] | None = None
        self.begun = False
        self._unsent = NEVER  # bytes that it had not taken at the last look
        self._bounds, self._services = bounds, services
        self._timers, self._steady, self.outbox = services.timers, services.clock.steady, services.outbox
        self._patience: Timer | None = None
        self._place = Place(heads)
        self._held = b""  # a head that is known, and what there is of its body
        self._holding: Timer | None = None

    async def start(self) -> None:
        """Serve requests, one after the other.

        All are served by this very task. What is no HTTP/1.1, or wants to become something else, is left to aiohttp,
        and then all that follows on this connection.
        """
        # From Python 3.12 on aiohttp begins this task at once, and notes only then which it is.
        self._task_handler = self.server = asyncio.current_task()
        while not self._force_close:
            if not self._messages:
                self._waiter = waiter = self.loop.create_future()
                try:
                    await waiter
                finally:
                    self._waiter = None
            if self._upgraded or isinstance(self._messages[0][0], _ErrInfo):
                self.server = None
                self.outbox.flush()  # aiohttp writes past it
                self._place.lost()
                await super().start()
                return
            try:
                if not await self._serve_next():
                    break
            except ConnectionError:
                break
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.outbox.flush()
                self.transport.close()

    async def _serve_next(self) -> bool:
        """Answer the next request; whether another one may follow. Raises ConnectionError where the client has gone."""
        message, payload = self._messages.popleft()
        manager, parser, handler, task = self._manager, self._parser, self._request_handler, self.server
        if isinstance(message, _ErrInfo) or manager is None or parser is None or handler is None or task is None:
            return False  # nobody is there any more
        parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        manager.requests_count += 1
        self._current_request = request = Request(message, payload, self, task)
        self._request_in_progress = True
        del message, payload  # while it is answered the request has them, as long as it needs them
        try:
            try:
                answer = await handler(request)
            except Exception as bug:  # noqa: BLE001 - aiohttp's way to answer it
                answer = self._confess(request, bug)
            # Of aiohttp's own answers the first is true: they do not say it.
            if not getattr(answer, "ended", False) or self.stuck is not None or not request.content.is_eof():
                await self._conclude(request, answer)
        except BaseException as fault:
            if not isinstance(fault, ConnectionError):
                self.force_close()
            raise
        finally:
            self._current_request, self._request_in_progress = None, False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        return self._stays_open(bool(answer.keep_alive))

    def _confess(self, request: web.BaseRequest, bug: Exception) -> web.StreamResponse:
        """What is answered where no answer could be made. Raises what says that the client has gone."""
        if isinstance(bug, ConnectionError):
            raise bug
        self.outbox.flush()  # aiohttp writes past it
        return self.handle_error(request, 500, bug)

    async def _conclude(self, request: web.BaseRequest, answer: web.StreamResponse) -> None:
        """What is left to do for an answer. Raises ConnectionError where the client has gone."""
        if not answer.prepared:
            await answer.prepare(request)
        if self.stuck is not None or not getattr(answer, "ended", False):
            await answer.write_eof()
        if not request.content.is_eof() and not self._force_close:
            await self._linger(request.content)

    def _stays_open(self, wanted: bool) -> bool:  # noqa: FBT001 - called for every request
        """Whether another request may follow; for how long it is waited for."""
        self._keepalive = wanted
        if not wanted or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = close_time = self.loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self.loop.call_at(close_time, self._process_keepalive)
        return True

    async def _linger(self, content: StreamReader) -> None:
        """The rest of a body that nobody wants: closed before it has come, the connection would lose the answer."""
        with suppress(TimeoutError, InvalidRequest):  # it does not come, or breaks
            async with asyncio.timeout(self._lingering_time):
                while not content.is_eof():
                    await content.readany()
        if not content.is_eof():
            self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there, and owes a request."""
        idle, self._keepalive_timeout = self._keepalive_timeout, 0.0  # who sends nothing at all is `_look`'s to notice
        super().connection_made(transport)
        self._keepalive_timeout = idle
        self.owed = self._steady()
        self._patience = self._timers.after(min(self._bounds), self._look)

    def data_received(self, data: bytes) -> None:
        """Bytes; between two requests they begin the head of the next one."""
        waited = self._held
        if waited:
            data = self._unheld() + data
        place, waiter = self._place, self._waiter
        if place.between and place.head is not None and waiter is not None and not waiter.done():
            known = place.head.begins(data)
            if known is not None and not (self._force_close or self._close):
                lacks = int(known[0]) + known[1] - len(data)
                if lacks == 0:
                    self._request_count += 1
                    place.vain = 0
                    payload = cast("StreamReader", Whole(data[known[1] :], self))
                    self._messages.append((place.head.message(known[0]), payload))
                    waiter.set_result(None)
                    return
                if 0 < lacks <= WAITED_FOR and not waited and place.heads.patient:
                    self._held, self._holding = data, self._timers.after(MOMENT, self.wait_no_more)
                    if self.owed is None:
                        self.owed = self._steady()
                    return
        self._parse(data)

    def _unheld(self) -> bytes:
        held, self._held = self._held, b""
        if self._holding is not None:
            self._holding.cancel()
        return held

    def wait_no_more(self) -> None:
        """A head that waits for its body begins its request without it."""
        if self._held:
            self._parse(self._unheld())

    def _process_keepalive(self) -> None:
        """It has been idle for long: unless a request has just come."""
        self.wait_no_more()
        super()._process_keepalive()

    def _parse(self, data: bytes) -> None:
        began = self._request_count
        RequestHandler.data_received(self, data)  # `super()` makes an object each time
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._break_body()
        if self._place.known:
            self._place.moved(data, self._request_count - began, self._messages[-1] if self._messages else None)
        if self.owed is None and self.under_way is None and not self._messages:
            self.owed = self._steady()

    def _break_body(self) -> None:
        """What is no HTTP came: where a body was to go on, that is the fault of its request, and the last one here.

        aiohttp takes it for a request of its own, and the one before would wait for the rest of its body.
        """
        messages, request = self._messages, self._current_request
        if len(messages) > 1 and not messages[-2][1].is_eof():
            del messages[-2]  # it has not begun: the fault is its answer
        elif request is not None and not request.content.is_eof():
            messages.pop()
            self._close, self._lingering_time = True, 0.0  # nothing more is parsed, or waited for
            if isinstance(request, Request):
                request.keep_alive = False
            # By the next turn: a reader that was woken for the end of a chunk, without a byte, waits once more first,
            # and aiohttp would let it wait.
            self.loop.call_soon(request.content.set_exception, _no_http())

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nobody is there any more."""
        self._unheld()
        if self._patience is not None:
            self._patience.cancel()
        if self.under_way is not None and self.under_way.outlive():
            self._task_handler = None  # else aiohttp would cancel it
            self.stuck = None
            if self.writer is not None:
                self.writer.resume()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """The client says no more, and the event loop closes the connection: behind what was sent."""
        self.wait_no_more()
        self.outbox.flush()

    async def _handle_request(self, *request: Any) -> Any:
        """A request that aiohttp serves. It writes past the outbox, or closes, as soon as that is done."""
        try:
            return await super()._handle_request(*request)
        finally:
            self.outbox.flush()

    def _look(self) -> None:
        """Some time has passed, and no more of it than the shorter one of the bounds."""
        now, wait = self._steady(), min(self._bounds)
        if self.stuck is not None and self.transport is not None:
            unsent = self.transport.get_write_buffer_size()
            if unsent < self._unsent:  # it is slow, but it takes something
                self.stuck = now
            self._unsent = unsent
        # A head that does not end; or an answer that is made, and that the client does not take.
        since = self.stuck if self.under_way is None and self.stuck is not None else self.owed
        if since is not None:
            left = since + self._bounds[0] - now
            if left <= 0:
                if self.transport is not None:
                    self.transport.abort()
                return
            wait = min(wait, left)
        if self.under_way is not None:
            left = self.under_way.due - now
            if left <= 0:
                self.under_way.run_out()
            else:
                wait = min(wait, left)
        self._patience = self._timers.after(wait, self._look)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        super().pause_writing()
        self.stuck = self._steady()
        self._unsent = NEVER
        if self.writer is not None:
            self.writer.pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self.stuck = None
        if self.writer is not None:
            self.writer.resume()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature is aiohttp's
        """Read on where reading was paused. aiohttp asks for it after every piece of a body that is taken."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def send(self, data: bytes) -> None:
        """Write, by the end of the event loop's turn. Raises ConnectionError where nobody is there any more."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError(GONE)
        self.outbox.post(transport, data)

    def force_close(self) -> None:
        """End the connection, behind what was sent."""
        self.outbox.flush()
        super().force_close()

    async def drained(self) -> None:
        """Wait until there is room to write. Raises ConnectionError where the client goes."""
        if self.writing_paused:
            await self._drain_helper()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the signature is aiohttp's
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the signature is aiohttp's
    ) -> web.StreamResponse:
        """The answer to bytes that cannot be parsed, and to a bug where no request was known yet.

        Nothing of the bytes or of the exception is repeated; the bug is in the log, under the request's id.
        """
        identity = request_id(self._services.clock.wall(), self._services.random)
        error: InvalidRequest | InternalError = InternalError(f"An internal error occurred. The log has {identity}.")
        if status < error.status:
            error = _no_http()
        elif exc is not None:
            logging.getLogger(__name__).error("request %s could not be served", identity, exc_info=exc)
        if self.begun:
            raise ConnectionError("an answer has begun already")
        response = web.Response(
            body=codec.encode(error.envelope()),
            status=error.status,
            headers={"x-request-id": identity},
            content_type="application/json",
        )
        response.force_close()
        return response
