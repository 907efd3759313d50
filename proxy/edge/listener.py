"""The listener that OpenAI apps talk to: aiohttp's low-level server, without application, router or middleware.

It owns the exchanges under way, so that a shutdown can let them finish and then break off what is left, each stream
with its own error event.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from aiohttp import web
from aiohttp.hdrs import EXPECT
from aiohttp.web_protocol import RequestHandler

from proxy.edge import background
from proxy.edge.connection import Connection
from proxy.edge.exchange import Exchange
from proxy.edge.familiar import Heads
from proxy.edge.journey import handle, turn_away
from proxy.edge.reply import Answering, Reply
from proxy.edge.services import Services
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
        self._idle = asyncio.Event()  # set while draining, once nothing is under way

    def server(self) -> web.Server:
        """What a `web.ServerRunner` runs."""
        self._server = _Server(
            self.services,
            cast("Handler", self.serve),  # edge/reply says what aiohttp needs of an answer
            head_seconds=self._head_seconds,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,  # edge/body does it, where the body is wanted
            handler_cancellation=True,  # a client that goes away cancels its request, and with it the call to Telnyx
            access_log=None,  # one canonical line per request is written by the journey
            max_line_size=LINE_BYTES,
            max_field_size=FIELD_BYTES,
        )
        return self._server

    async def serve(self, request: web.BaseRequest) -> Answering:
        """Answer one request; while draining, the last one of its connection."""
        connection: Connection = request.protocol  # type: ignore[assignment]  # of which there are no others here
        connection.owed = None  # a head is complete: from now on others measure the time
        connection.begun = False
        path = request.rel_url.raw_path
        if path in PROBES:
            answer: Answering = self._probe(connection, path)
        elif self._over:
            answer = turn_away(Exchange(self.services, request, connection, path))
        else:
            exchange = Exchange(self.services, request, connection, path)
            exchange.last = self._draining
            connection.under_way = exchange
            self._under_way.add(exchange)
            try:
                answer = await handle(exchange)
            finally:
                connection.under_way = None
                self._under_way.discard(exchange)
                if self._draining and not self._under_way:
                    self._idle.set()
        # A client must be told that a connection ends, or it sends on it; and one that was not told to send its body
        # may send another request instead, or not.
        if isinstance(answer, Reply):
            if self._draining or (not request.content.is_eof() and EXPECT in request.headers):
                answer.force_close()
            answer.show(request)
        return answer

    def _probe(self, connection: Connection, path: str) -> Reply:
        status, body = health.live() if path == "/livez" else health.ready(self.services.readiness)
        return Reply(connection, status, f"Content-Type: {health.CONTENT_TYPE}\r\n", body)

    async def wind_down(self, patience: float) -> None:
        """From now on every answer says that it is the last of its connection.

        Waits until no connection is left, at most `patience` seconds: a request may be on its way on any of them.
        """
        self._begin_to_drain()
        if self._server is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._server.deserted.wait()

    def _begin_to_drain(self) -> None:
        self._draining = True
        if self._server is not None:
            self._server.wait_no_more()

    def hurry(self) -> None:
        """Cut the grace of a drain under way short."""
        if self._grace is not None and (self._under_way or self.services.making):
            self._grace.reschedule(asyncio.get_running_loop().time())

    async def drain(self, grace: float) -> None:
        """Wait until nothing is under way, at most `grace` seconds; then break off what is left, and begin nothing new.

        Clients go on sending on the connections they have: without an end to both, there may never be a quiet moment.
        Responses in the background have the same time.
        """
        self._begin_to_drain()
        if not self._under_way and not self.services.making:
            return
        try:
            async with asyncio.timeout(grace) as self._grace:
                await self._deserted()
                await background.drained(self.services)
        except TimeoutError:
            self._over = True
            for exchange in self._under_way:
                exchange.stop()
            await self._deserted()
            await background.stop(self.services)

    async def _deserted(self) -> None:
        """Until nothing is under way."""
        if self._under_way:
            self._idle.clear()
            await self._idle.wait()


class _Server(web.Server):
    def __init__(self, services: Services, handler: Handler, head_seconds: float, **options: Any) -> None:
        super().__init__(handler, **options)
        self._services = services
        self._head_seconds = head_seconds
        self._open: set[RequestHandler] = set()
        self._heads = Heads()
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

    def wait_no_more(self) -> None:
        """Requests whose heads wait for their bodies begin, so that they are seen."""
        self._heads.patient = False
        for handler in self._open:
            if isinstance(handler, Connection):
                handler.wait_no_more()

    def __call__(self) -> RequestHandler:
        return Connection(
            self,
            services=self._services,
            heads=self._heads,
            bounds=(self._head_seconds, self._services.settings.upstream.timeouts.total),
            loop=self._loop,
            **self._kwargs,
        )
