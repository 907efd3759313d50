"""The listener that OpenAI apps talk to: aiohttp's low-level server, without application, router or middleware.

It owns the exchanges under way, so that a shutdown can let them finish and then break off what is left, each stream
with its own error event. Bytes that are not HTTP get OpenAI's error envelope, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy import codec
from proxy.edge.exchange import Exchange, request_id
from proxy.edge.journey import handle
from proxy.edge.services import Services
from proxy.errors import InternalError, InvalidRequest
from proxy.telemetry import health

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

PROBES = {"/livez", "/readyz"}
HEADER_BYTES = 64 * 1024
"""Of one header line and of all: what OpenAI's own API allows for all."""


class Listener:
    """The OpenAI side of the proxy."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._under_way: set[Exchange] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def server(self) -> web.Server:
        """What a `web.ServerRunner` runs."""
        return _Server(
            self.services,
            self.serve,
            handler_cancellation=True,  # a client that goes away cancels its request, and with it the call to Telnyx
            access_log=None,  # one canonical line per request is written by the journey
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path in PROBES:
            status, body = health.live() if request.path == "/livez" else health.ready(self.services.readiness)
            return web.Response(body=body, status=status, content_type=health.CONTENT_TYPE)
        exchange = Exchange(self.services, request)
        self._under_way.add(exchange)
        self._idle.clear()
        try:
            return await handle(exchange)
        finally:
            self._under_way.discard(exchange)
            if not self._under_way:
                self._idle.set()

    async def drain(self, grace: float) -> None:
        """Wait until nothing is under way, at most `grace` seconds; then break off what is left."""
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            for exchange in self._under_way:
                exchange.stopping = True
                if exchange.task is not None:
                    exchange.task.cancel()
            await self._idle.wait()


class _Server(web.Server):
    def __init__(self, services: Services, handler: Handler, **options: Any) -> None:
        super().__init__(handler, **options)
        self._services = services

    def __call__(self) -> RequestHandler:
        return _Handler(self._services, self, loop=self._loop, **self._kwargs)


class _Handler(RequestHandler):
    """aiohttp's connection handler, with OpenAI's envelope for what is not even HTTP."""

    def __init__(self, services: Services, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._services = services

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
