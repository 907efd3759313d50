"""One request under way: what came in, what is known of it so far, and how its answer looks from outside."""

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from proxy import codec
from proxy.accounts.ledger import Record
from proxy.edge.services import Services
from proxy.errors import MethodNotAllowed, ProxyError
from proxy.telemetry import clients, trace

if TYPE_CHECKING:
    from proxy.streaming.chat import ChatStream

NAME_LIMIT = 200
"""Characters of a model name the client made up that are kept for the log."""
RETRIED = frozenset({429, 503})
"""Statuses that carry `retry-after` where the error knows one."""


class Exchange:
    """A request and its record, from the first byte to the last.

    Attributes:
        services, request: where it happens, what was asked.
        record: what will be accounted for.
        started: steady time of its beginning.
        response, stream: a streamed answer under way, None before and for whole answers.
        stopping: the proxy is shutting down and breaks this exchange off.
        last: its answer says that the connection ends with it.
    """

    __slots__ = ("last", "record", "request", "response", "services", "started", "stopping", "stream", "task")

    def __init__(self, services: Services, request: web.BaseRequest) -> None:
        self.services = services
        self.request = request
        self.started = services.clock.steady()
        self.record = _begin(services, request)
        self.response: web.StreamResponse | None = None
        self.stream: ChatStream | None = None
        self.stopping = False
        self.last = False
        self.task = asyncio.current_task()

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return self.services.clock.steady() - self.started

    def headers(self) -> dict[str, str]:
        """The headers that every answer carries, errors and streams included."""
        record = self.record
        headers = {
            "x-request-id": record.request_id,
            "openai-version": "2020-10-01",
            "server": "telnyx-openai-proxy",
            "openai-processing-ms": str(int(self.elapsed() * 1000)),
        }
        if record.tenant:
            headers["openai-organization"] = record.tenant
        if record.changes_header:
            headers["x-telnyx-proxy-changes"] = record.changes_header
        if record.upstream_request_id:
            headers["x-telnyx-request-id"] = record.upstream_request_id
        return headers

    def reply(self, value: Any, status: int = 200) -> web.Response:
        """A whole answer: JSON bytes as they are, or a value to encode."""
        body = value if isinstance(value, bytes) else codec.encode(value)
        self.record.status = status
        self.record.bytes_out = len(body)
        return web.Response(body=body, status=status, headers=self.headers(), content_type="application/json")

    def note(self, error: ProxyError) -> None:
        """Put an error into the record."""
        record = self.record
        record.error_code = error.code
        record.error_kind = error.kind
        if error.upstream_request_id:
            record.upstream_request_id = header_value(error.upstream_request_id)

    def refuse(self, error: ProxyError) -> web.Response:
        """The one place that turns an exception into an HTTP answer."""
        self.note(error)
        response = self.reply(error.envelope(), error.status)
        if error.should_retry is not None:
            response.headers["x-should-retry"] = "true" if error.should_retry else "false"
        if error.retry_after is not None and error.status in RETRIED:
            response.headers["retry-after"] = str(max(1, round(error.retry_after)))
            response.headers["retry-after-ms"] = str(round(error.retry_after * 1000))
        if isinstance(error, MethodNotAllowed):
            response.headers["allow"] = ", ".join(error.allowed)
        return response


def header_value(text: str, limit: int = NAME_LIMIT) -> str:
    """Foreign text that may stand in a header: printable ASCII, at most `limit` characters."""
    text = text[:limit]
    return text if text.isascii() and text.isprintable() else "".join(c for c in text if " " <= c <= "~")


def request_id(services: Services) -> str:
    """A new id for one request."""
    return f"req_{services.random(16).hex()}"


def _begin(services: Services, request: web.BaseRequest) -> Record:
    headers = request.headers
    return Record(
        request_id=request_id(services),
        started_at=services.clock.wall(),
        method=request.method,
        client=clients.kind_of(headers.get("User-Agent"), headers.get("x-stainless-lang")),
        retry_count=clients.retry_count(headers.get("x-stainless-retry-count")),
        client_request_id=clients.client_request_id(headers.get("X-Client-Request-Id")),
        trace_id=trace.trace_id(headers.get("traceparent")),
    )
