"""One request under way: what came in, what is known of it so far, and how its answer looks from outside."""

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import istr

from proxy import codec
from proxy.accounts.ledger import CLIENT_CLOSED, LEFT, UNKNOWN, Record
from proxy.edge import addresses
from proxy.edge.connection import Connection, request_id
from proxy.edge.reply import Reply, StreamedReply, date
from proxy.edge.routes import speaks_anthropic
from proxy.edge.services import Services
from proxy.errors import Cancelled, ClientFault, MethodNotAllowed, ProxyError, ShuttingDown, UpstreamTimeout
from proxy.telemetry import clients, trace
from proxy.translation.anthropic.errors import envelope, status_of

if TYPE_CHECKING:
    from proxy.accounts.tenants import Grant
    from proxy.edge.admission import Admitted
    from proxy.edge.making import Making
    from proxy.streaming.stream import Stream
    from proxy.timers import Timer

NAME_LIMIT = 200
"""Characters of a model name the client made up that are kept for the log."""
RETRIED = frozenset({429, 503})
"""Statuses that carry `retry-after` where the error knows one."""
USER_AGENT, LANGUAGE, RETRY_COUNT, CLIENT_REQUEST_ID, TRACEPARENT = map(
    istr, ("User-Agent", "x-stainless-lang", "x-stainless-retry-count", "X-Client-Request-Id", "traceparent")
)
"""Headers that are looked at, in the form that is found fastest."""
API_KEY = istr("x-api-key")
"""Where Anthropic's client libraries have the key that OpenAI's have as a bearer."""
TOO_LONG = "The answer took too long (timeouts.total)."


Keep = Callable[[], Awaitable[bytes]]
Ending = Callable[[], ProxyError | None]


class Exchange:
    """A request and its record, from the first byte to the last.

    Attributes:
        services, request, connection: where it happens, what was asked, on which connection.
        path: of the request, still percent-encoded, without its query.
        record: what will be accounted for.
        started, due: steady time of its beginning, and by when it must have ended.
        reply, stream: a streamed answer under way, None before and for whole answers.
        interruption: why the proxy itself breaks this exchange off, and the word for how its stream ends.
        last: its answer says that the connection ends with it.
        admitted: what was reserved for it, None where nothing is counted.
        drain: it is read to its end when its client has left; gone: that has happened.
        grant: who asks, where the proxy itself does, on somebody's behalf; None = whoever has the key it came with.
        ending: why nobody waits for the answer any more, should that be so; None = its client has left.
        extra: further headers of the answer, each with its end.
        giants: long strings of a large request, until it is sent; they keep its text alive. None = there are none.
        making: the response in the background that it makes; None for every other request.
        keep: writes down what the answer says before its last words are said, and returns them: the whole body, or the
            last events of a stream. None where nothing is kept. Does not raise.
    """

    __slots__ = (
        "_patience", "admitted", "connection", "drain", "due", "ending", "extra", "giants", "gone", "grant",
        "interruption", "keep", "last", "making", "path", "record", "reply", "request", "services", "started", "stream",
        "task",
    )  # fmt: skip

    def __init__(self, services: Services, request: web.BaseRequest, connection: Connection, path: str) -> None:
        self.services = services
        self.request = request
        self.connection = connection
        self.path = path
        self.started = started = services.clock.steady()
        self.due = started + services.bounds.total
        header = request.headers.get
        now = services.clock.wall()
        self.record = record = Record(request_id(now, services.random), now, UNKNOWN, request.method)
        record.client = clients.kind_of(header(USER_AGENT), header(LANGUAGE))
        if (count := header(RETRY_COUNT)) is not None:
            record.retry_count = clients.retry_count(count)
        if (own_id := header(CLIENT_REQUEST_ID)) is not None:
            record.client_request_id = clients.client_request_id(own_id)
        if (traceparent := header(TRACEPARENT)) is not None:
            record.caller = caller = trace.context(traceparent)
            record.trace_id = None if caller is None else caller.trace_id
        if services.spans is not None:
            services.spans.begin(record)
        self.reply: StreamedReply | None = None
        self.stream: Stream | None = None
        self.interruption: tuple[ProxyError, str] | None = None
        self.last = self.drain = self.gone = False
        self.extra = ""
        self._patience: Timer | None = None
        self.admitted: Admitted | None = None
        self.grant: Grant | None = None
        self.ending: Ending | None = None
        self.keep: Keep | None = None
        self.making: Making | None = None
        self.giants: codec.Giants | None = None
        self.task = connection.server or asyncio.current_task(connection.loop)

    def api_key(self) -> str | None:
        """The key of a request without an `Authorization` header, as that header would have it."""
        key = self.request.headers.get(API_KEY)
        return f"Bearer {key}" if key else None

    def name_for_anthropic(self) -> None:
        """The answer tells its id under Anthropic's name, too."""
        if not self.extra:
            self.extra = f"request-id: {self.record.request_id}\r\n"

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return self.services.clock.steady() - self.started

    def address(self) -> str | None:
        """Where the client is, as far as is known."""
        return addresses.of_client(self.request, self.services.settings.listen.trusted_proxies)

    def run_out(self) -> None:
        """The time for the whole of it is over."""
        self._interrupt(UpstreamTimeout(TOO_LONG), "timeout")

    def stop(self) -> None:
        """The proxy shuts down and waits no longer."""
        self._interrupt(ShuttingDown("The proxy is shutting down. Please try again."), "shutdown")

    def cancel(self) -> None:
        """The client has cancelled what is made for it in the background."""
        self._interrupt(Cancelled("The response was cancelled."), LEFT)

    def outlive(self) -> bool:
        """The client has gone. Whether the request goes on without it: for the ledger, and not for ever.

        What is made in the background has all the time that it has with its client.
        """
        if self.making is not None and not self.gone:
            self.gone = True
            self._patience = self.services.timers.after(max(0.0, self.due - self.services.clock.steady()), self.run_out)
        elif self.drain and not self.gone:
            self.gone = True
            self._patience = self.services.timers.after(self.services.settings.limits.drain, self._give_up)
        return self.gone

    def abandon(self) -> None:
        """Nobody waits for the answer any more: its client, or the proxy that asked on somebody's behalf."""
        error = None if self.ending is None else self.ending()
        if error is None:
            self.record.status = CLIENT_CLOSED
        else:
            self.record.status = error.status
            self.note(error)

    def _give_up(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def end(self) -> None:
        """Whatever it was, it is over."""
        if self.gone and not self.record.accounted:
            self.record.status = CLIENT_CLOSED
        if self._patience is not None:
            self._patience.cancel()

    def _interrupt(self, error: ProxyError, end: str) -> None:
        if self.interruption is None and self.task is not None:
            self.interruption = error, end
            self.task.cancel()

    def interrupted(self) -> tuple[ProxyError, str] | None:
        """For whoever caught the cancellation: why it is ours, and may be answered; None if the client has gone."""
        if self.interruption is not None and self.task is not None:
            self.task.uncancel()
        return self.interruption

    def lines(self, content_type: str = "application/json") -> str:
        """The headers that every answer carries, errors and streams included, each with its end."""
        record, clock = self.record, self.services.clock
        lines = (
            f"Content-Type: {content_type}\r\n"
            f"Date: {date(int(clock.wall()))}\r\n"
            "Server: telnyx-openai-proxy\r\n"
            f"x-request-id: {record.request_id}\r\n"
            "openai-version: 2020-10-01\r\n"
            f"openai-processing-ms: {int((clock.steady() - self.started) * 1000)}\r\n"
        )
        # What fills these was made fit for a header where it came from.
        if record.tenant:
            lines += f"openai-organization: {record.tenant}\r\n"
        if self.admitted is not None:
            lines += self.admitted.lines
        if record.changes_header:
            lines += f"x-telnyx-proxy-changes: {record.changes_header}\r\n"
        if record.upstream_request_id:
            lines += f"x-telnyx-request-id: {record.upstream_request_id}\r\n"
        return lines + self.extra if self.extra else lines

    def answer(self, value: Any, status: int = 200) -> Reply:
        """A whole answer: JSON bytes as they are, or a value to encode."""
        body = value if isinstance(value, bytes) else codec.encode(value)
        self.record.status = status
        self.record.bytes_out = len(body)
        return Reply(self.connection, status, self.lines(), body)

    def note(self, error: ProxyError) -> None:
        """Put an error into the record."""
        record = self.record
        record.error_code = error.code
        record.error_kind = error.kind
        if error.upstream_request_id:
            record.upstream_request_id = header_value(error.upstream_request_id)

    def refuse(self, error: ProxyError) -> Reply:
        """The one place that turns an exception into an HTTP answer."""
        self.note(error)
        if speaks_anthropic(self.path):
            self.name_for_anthropic()
            reply = self.answer(envelope(error, self.record.request_id), status_of(error))
        else:
            reply = self.answer(error.envelope(), error.status)
        if error.should_retry is not None:
            reply.add("x-should-retry", "true" if error.should_retry else "false")
        if error.retry_after is not None and error.status in RETRIED:
            reply.add("retry-after", str(max(1, ceil(error.retry_after))))  # earlier, it would be refused again
            reply.add("retry-after-ms", str(ceil(error.retry_after * 1000)))
        if isinstance(error, ClientFault):
            reply.lines += error.lines
        if isinstance(error, MethodNotAllowed):
            reply.add("allow", ", ".join(error.allowed))
        return reply


def header_value(text: str, limit: int = NAME_LIMIT) -> str:
    """Foreign text that may stand in a header: printable ASCII, at most `limit` characters."""
    text = text[:limit]
    return text if text.isascii() and text.isprintable() else "".join(c for c in text if " " <= c <= "~")
