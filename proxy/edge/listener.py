"""The listener that OpenAI apps talk to: aiohttp's low-level server, without application, router or middleware.

It owns the exchanges under way, so that a shutdown can let them finish and then break off what is left, each stream
with its own error event. Bytes that are not HTTP get OpenAI's error envelope, too.

A connection that owes the head of a request is not waited for without end: aiohttp bounds only how long one may idle,
and thousands that send a byte now and then would take every file descriptor there is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy import codec
from proxy.edge.exchange import Exchange, request_id
from proxy.edge.journey import handle, turn_away
from proxy.edge.services import Services
from proxy.errors import InternalError, InvalidRequest
from proxy.telemetry import health

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

PROBES = {"/livez", "/readyz"}
LINE_BYTES = 64 * 1024
"""Of the request line."""
FIELD_BYTES = 16 * 1024
"""Of one header; aiohttp reads 128 at most. Anybody can make the proxy keep as much for each connection."""
HEAD_SECONDS = 60.0
"""From the first byte of a head, or from the beginning of the connection, to its end (nginx has the same bound)."""
IDLE_SECONDS = 620.0
"""Of a connection between requests: longer than load balancers keep theirs (Google: 600), so that they close first."""


class Listener:
    """The OpenAI side of the proxy."""

    def __init__(self, services: Services, *, head_seconds: float = HEAD_SECONDS) -> None:
        self.services = services
        self._head_seconds = head_seconds
        self._draining = self._over = False
        self._grace: asyncio.Timeout | None = None
        self._server: _Server | None = None
        self._under_way: set[Exchange] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def server(self) -> web.Server:
        """What a `web.ServerRunner` runs."""
        self._server = _Server(
            self.services,
            self.serve,
            head_seconds=self._head_seconds,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,  # edge/body does it, where the body is wanted
            handler_cancellation=True,  # a client that goes away cancels its request, and with it the call to Telnyx
            access_log=None,  # one canonical line per request is written by the journey
            max_line_size=LINE_BYTES,
            max_field_size=FIELD_BYTES,
        )
        return self._server

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; while draining, the last one of its connection."""
        connection = cast("_Handler", request.protocol)
        connection.attend()
        try:
            answer = await self._answer(request)
        finally:
            connection.leave()
        if self._draining and not answer.prepared:  # a client must be told that a connection ends, or it sends on it
            answer.force_close()
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in PROBES:
            status, body = health.live() if request.path == "/livez" else health.ready(self.services.readiness)
            return web.Response(body=body, status=status, content_type=health.CONTENT_TYPE)
        exchange = Exchange(self.services, request)
        exchange.last = self._draining
        if self._over:
            return turn_away(exchange)
        self._under_way.add(exchange)
        self._idle.clear()
        try:
            return await handle(exchange)
        finally:
            self._under_way.discard(exchange)
            if not self._under_way:
                self._idle.set()

    async def wind_down(self, patience: float) -> None:
        """From now on every answer says that it is the last of its connection.

        Waits until no connection is left, at most `patience` seconds: a request may be on its way on any of them.
        """
        self._draining = True
        if self._server is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._server.deserted.wait()

    def hurry(self) -> None:
        """Cut the grace of a drain under way short."""
        if self._grace is not None and not self._idle.is_set():
            self._grace.reschedule(asyncio.get_running_loop().time())

    async def drain(self, grace: float) -> None:
        """Wait until nothing is under way, at most `grace` seconds; then break off what is left, and begin nothing new.

        Clients go on sending on the connections they have: without an end to both, there may never be a quiet moment.
        """
        self._draining = True
        try:
            async with asyncio.timeout(grace) as self._grace:
                await self._idle.wait()
        except TimeoutError:
            self._over = True
            for exchange in self._under_way:
                exchange.stopping = True
                if exchange.task is not None:
                    exchange.task.cancel()
            await self._idle.wait()


class _Server(web.Server):
    def __init__(self, services: Services, handler: Handler, head_seconds: float, **options: Any) -> None:
        super().__init__(handler, **options)
        self._services = services
        self._head_seconds = head_seconds
        self._open: set[RequestHandler] = set()
        self.deserted = asyncio.Event()
        self.deserted.set()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """One more."""
        super().connection_made(handler, transport)
        self._open.add(handler)
        self.deserted.clear()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """One less."""
        super().connection_lost(handler, exc)
        self._open.discard(handler)
        if not self._open:
            self.deserted.set()

    def __call__(self) -> RequestHandler:
        return _Handler(self._services, self._head_seconds, self, loop=self._loop, **self._kwargs)


class _Handler(RequestHandler):
    """aiohttp's connection handler, with OpenAI's envelope for what is not even HTTP, and a bound on slow heads."""

    def __init__(self, services: Services, head_seconds: float, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._services = services
        self._head_seconds = head_seconds
        self._attended = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there, and owes a request."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Bytes; between two requests they begin the head of the next one."""
        super().data_received(data)
        if not self._attended:
            self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nobody is there any more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def attend(self) -> None:
        """A head is complete, and its request is being answered: from now on others measure the time."""
        self._attended = True
        self._expect_nothing()

    def leave(self) -> None:
        """The answer is made."""
        self._attended = False

    def _expect_head(self) -> None:
        if self._patience is None:
            self._patience = self._loop.call_later(self._head_seconds, self.force_close)

    def _expect_nothing(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - the signature is aiohttp's
        message: str | None = None,  # noqa: ARG002 - the signature is aiohttp's
    ) -> web.StreamResponse:
        """The answer to bytes that cannot be parsed; nothing of them or of the exception is repeated."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        error: InvalidRequest | InternalError = InternalError("An internal error occurred.")
        if status < error.status:
            error = InvalidRequest("The request is not valid HTTP/1.1.", code="invalid_http")
        response = web.Response(
            body=codec.encode(error.envelope()),
            status=error.status,
            headers={"x-request-id": request_id(self._services)},
            content_type="application/json",
        )
        response.force_close()
        return response
