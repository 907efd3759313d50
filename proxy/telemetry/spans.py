"""A span for each request, made from its record when it has ended: until then it costs two random numbers.

Names follow OpenTelemetry's conventions for generative AI and for HTTP
(https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md;
https://opentelemetry.io/docs/specs/semconv/http/http-spans/). Nothing of prompts and answers is in them.

Needs the extra `tracing`; nothing else imports this module.
"""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from proxy import __version__
from proxy.accounts.ledger import COMPLETE, Record
from proxy.telemetry.operations import OPERATIONS

NANOSECONDS = 1_000_000_000
SCOPE = InstrumentationScope("telnyx-openai-proxy", __version__)
HALF = 16
"""Hex digits of the half of a trace id that decides whether it is sampled, as OpenTelemetry's own samplers do."""


class Spans:
    """Makes spans and hands them to a processor, which exports them in a thread of its own."""

    def __init__(
        self, processor: SpanProcessor, random: Callable[[int], bytes], *, service_name: str, sample: float
    ) -> None:
        """`random`: n random bytes; `sample`: part of the traces that begin here that are recorded."""
        self._processor = processor
        self._random = random
        self._bound = int(sample * 16**HALF)
        self._resource = Resource.create({"service.name": service_name, "service.version": __version__})

    def begin(self, record: Record) -> None:
        """Give a request its ids: within the caller's trace, or in one of its own."""
        record.span_id = self._random(8).hex()
        if record.trace_id is None:
            record.trace_id = self._random(16).hex()

    def traceparent(self, record: Record) -> str:
        """The header that makes what Telnyx does part of this request."""
        return f"00-{record.trace_id}-{record.span_id}-{'01' if self._sampled(record) else '00'}"

    def end(self, record: Record) -> None:
        """Hand its span over, if it is sampled."""
        if not self._sampled(record) or record.trace_id is None:
            return
        started = int(record.started_at * NANOSECONDS)
        caller = record.caller
        trace = int(record.trace_id, 16)
        parent = None if caller is None else _context(trace, int(caller.parent_id, 16), remote=True)
        self._processor.on_end(
            ReadableSpan(
                _name(record),
                _context(trace, int(record.span_id, 16)),
                parent,
                self._resource,
                dict(_attributes(record)),
                list(_events(record, started)),
                kind=SpanKind.SERVER,
                status=_status(record),
                start_time=started,
                end_time=started + int(record.duration * NANOSECONDS),
                instrumentation_scope=SCOPE,
            )
        )

    def close(self) -> None:
        """Export what waits. May take seconds where the collector does not answer, so it belongs in a thread."""
        self._processor.shutdown()

    def _sampled(self, record: Record) -> bool:
        if record.caller is not None:
            return record.caller.sampled
        return record.trace_id is not None and int(record.trace_id[-HALF:], 16) < self._bound


def _context(trace: int, span: int, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace, span, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _name(record: Record) -> str:
    """`chat zai-org/GLM-5.2`: "{gen_ai.operation.name} {gen_ai.request.model}"; other requests as in HTTP."""
    operation = OPERATIONS.get(record.endpoint)
    if operation is None:
        return f"{record.method} {record.endpoint}"
    return f"{operation} {record.model_asked}" if record.model_asked else operation


def _attributes(record: Record) -> Iterator[tuple[str, Any]]:
    """Those that are known."""
    yield "http.request.method", record.method
    yield "http.response.status_code", record.status
    yield "telnyx_proxy.request_id", record.request_id
    yield "telnyx_proxy.endpoint", record.endpoint
    if record.endpoint in OPERATIONS:
        yield "gen_ai.operation.name", OPERATIONS[record.endpoint]
        yield "gen_ai.provider.name", record.provider or "telnyx"
        yield "gen_ai.request.stream", record.stream
    error = _error(record)
    texts = {
        "gen_ai.request.model": record.model_asked,
        "gen_ai.response.model": record.model,
        "openai.request.service_tier": record.service_tier,
        "telnyx_proxy.tenant": record.tenant,
        "telnyx_proxy.key": record.key,
        "telnyx_proxy.end_user": record.end_user,
        "telnyx_proxy.stream_end": record.stream_end,
        "telnyx_proxy.changes": record.changes_header,
        "telnyx_proxy.upstream_request_id": record.upstream_request_id,
        "error.type": error,
    }
    yield from ((name, text) for name, text in texts.items() if text)
    yield from _tokens(record)
    if record.first_token is not None:
        yield "gen_ai.response.time_to_first_chunk", record.first_token


def _tokens(record: Record) -> Iterator[tuple[str, Any]]:
    usage = record.usage
    if usage.source == "none":
        return
    yield "gen_ai.usage.input_tokens", usage.input
    yield "gen_ai.usage.output_tokens", usage.output
    yield "gen_ai.usage.cache_read.input_tokens", usage.cached_input
    yield "gen_ai.usage.cache_creation.input_tokens", usage.cache_write
    yield "gen_ai.usage.reasoning.output_tokens", usage.reasoning
    yield "telnyx_proxy.usage_source", usage.source


def _events(record: Record, started: int) -> Iterator[Event]:
    """In the order in which they happened: repairs come before the first token."""
    for quirk, after in zip(record.repairs, record.repaired, strict=False):
        yield Event("telnyx_proxy.repair", {"telnyx_proxy.quirk": quirk}, started + int(after * NANOSECONDS))
    if record.first_token is not None:
        yield Event("gen_ai.first_token", {}, started + int(record.first_token * NANOSECONDS))


def _error(record: Record) -> str:
    """`error.type`: the kind of failure, how a stream broke, or the status. Empty on success."""
    if record.error_kind:
        return record.error_kind
    if record.stream_end and record.stream_end != COMPLETE:
        return record.stream_end
    return str(record.status) if record.status >= HTTPStatus.BAD_REQUEST else ""


def _status(record: Record) -> Status:
    """Of a span on the server's side only what the server is to blame for is an error (conventions for HTTP)."""
    broken = record.status == HTTPStatus.OK and record.stream_end not in {None, COMPLETE}
    if record.status >= HTTPStatus.INTERNAL_SERVER_ERROR or broken:
        return Status(StatusCode.ERROR, _error(record))
    return Status(StatusCode.UNSET)
