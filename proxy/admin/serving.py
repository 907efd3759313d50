"""What runs the operator's listener: aiohttp, held so that it can harm neither the other listener nor the log.

Both listeners share a process: its file descriptors, its time, its memory.
"""

import asyncio
import uuid
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy import codec
from proxy.errors import InternalError, InvalidRequest

CONNECTIONS = 128
"""At most. aiohttp waits for the end of a head for ever, and whoever opens connections without end would take every
file descriptor from the other listener."""
REQUEST_ID = "x-request-id"


def request_id() -> str:
    """A new id for one request."""
    return f"req_{uuid.uuid4().hex}"


def runner(app: web.Application, **options: Any) -> web.AppRunner:
    """What runs an application. `options` are aiohttp's.

    Bodies are unpacked by `exchange` alone. aiohttp would unpack what nobody reads, too: two megabytes from somebody
    without a token, gigabytes unpacked, and neither listener would answer for seconds.
    """
    return _Runner(app, access_log=None, auto_decompress=False, **options)


class _Runner(web.AppRunner):
    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        options = made._kwargs  # noqa: SLF001 - aiohttp has no other way to a connection of one's own
        return _Server(made.request_handler, request_factory=made.request_factory, **options)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """One more. Where there are too many, the oldest that is not being answered goes, so that the newest is."""
        super().connection_made(handler, transport)
        here = [each for each in self.connections if each.transport is not None and not each.transport.is_closing()]
        if len(here) > CONNECTIONS:
            idle = (each for each in here if each._current_request is None)  # noqa: SLF001 - the newest is, at least
            if (leaving := next(idle, here[-1]).transport) is not None:
                leaving.abort()


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - the signature is aiohttp's
    ) -> web.StreamResponse:
        """The answer to bytes that are no HTTP. aiohttp's own repeats them, and puts them into the log: a token."""
        if status >= InternalError.status:
            self.log_exception("Error handling request from %s", request.remote, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        fault: InvalidRequest | InternalError = InternalError("An internal error occurred.")
        if status < fault.status:
            fault = InvalidRequest("The request is not valid HTTP/1.1.", code="invalid_http")
        body, headers = codec.encode(fault.envelope()), {REQUEST_ID: request_id()}
        answer = web.Response(body=body, status=fault.status, headers=headers, content_type="application/json")
        answer.force_close()
        return answer
