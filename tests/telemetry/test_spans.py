"""Spans from records, in the SDK's own exporter; over the wire in `journeys/test_tracing`."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from proxy.accounts.ledger import Record
from proxy.telemetry.spans import Spans
from proxy.telemetry.trace import context
from proxy.usage import Usage

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STARTED = 1_763_757_956.5


def chat(**given: Any) -> Record:
    return Record("req_1", STARTED, **{"endpoint": "chat.completions", "method": "POST", "status": 200, **given})


def made(record: Record, sample: float = 1.0, random: Callable[[int], bytes] = lambda n: b"\x7f" * n) -> list[Any]:
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter), random, service_name="gateway", sample=sample)
    spans.begin(record)
    spans.end(record)
    spans.close()
    return list(exporter.get_finished_spans())


def one(record: Record) -> ReadableSpan:
    [span] = made(record)
    assert isinstance(span, ReadableSpan)
    return span


def test_a_stream_is_one_span_with_what_the_conventions_name() -> None:
    usage = Usage(100, 20, 40, 5, "upstream", cache_write=3)
    span = one(
        chat(
            duration=2.0, stream=True, stream_end="complete", first_token=0.25, usage=usage, tenant="acme", key="web",
            model_asked="gpt-5", model="zai-org/GLM-5.2", provider="telnyx", service_tier="flex", end_user="ab12",
            repairs=("cap_with_tools",), repaired=(0.125,), changes_header="renamed=max_completion_tokens",
        )
    )  # fmt: skip
    assert span.name == "chat gpt-5"
    assert span.kind is SpanKind.SERVER
    assert (span.start_time, span.end_time) == (int(STARTED * 1e9), int((STARTED + 2) * 1e9))
    assert span.resource.attributes["service.name"] == "gateway"
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "telnyx",
        "gen_ai.request.stream": True,
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "zai-org/GLM-5.2",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "openai.request.service_tier": "flex",
        "telnyx_proxy.request_id": "req_1",
        "telnyx_proxy.endpoint": "chat.completions",
        "telnyx_proxy.tenant": "acme",
        "telnyx_proxy.key": "web",
        "telnyx_proxy.end_user": "ab12",
        "telnyx_proxy.stream_end": "complete",
        "telnyx_proxy.changes": "renamed=max_completion_tokens",
        "telnyx_proxy.usage_source": "upstream",
    }
    at = int(STARTED * 1e9)
    assert [(event.name, event.timestamp - at) for event in span.events] == [
        ("telnyx_proxy.repair", 125_000_000),
        ("gen_ai.first_token", 250_000_000),
    ]


def test_it_belongs_to_the_span_of_the_caller() -> None:
    span = one(chat(caller=context(f"00-{TRACE}-{PARENT}-01"), trace_id=TRACE))
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id, span.parent.is_remote) == (int(TRACE, 16), int(PARENT, 16), True)
    assert span.context is not None
    assert span.context.trace_id == int(TRACE, 16)
    assert span.context.span_id == int("7f" * 8, 16)


def test_without_a_caller_it_begins_a_trace() -> None:
    span = one(chat())
    assert span.parent is None
    assert span.context is not None
    assert span.context.trace_id == int("7f" * 16, 16)


def test_telnyx_is_told_whose_part_it_is() -> None:
    record = chat(caller=context(f"00-{TRACE}-{PARENT}-01"), trace_id=TRACE)
    spans = Spans(SimpleSpanProcessor(InMemorySpanExporter()), lambda n: b"\x7f" * n, service_name="", sample=0)
    spans.begin(record)
    assert spans.traceparent(record) == f"00-{TRACE}-{'7f' * 8}-01"
    record.caller = context(f"00-{TRACE}-{PARENT}-00")
    assert spans.traceparent(record) == f"00-{TRACE}-{'7f' * 8}-00"


@pytest.mark.parametrize(("sample", "byte", "kept"), [(0.5, 0x7F, 1), (0.5, 0x80, 0), (0.0, 0, 0), (1.0, 0xFF, 1)])
def test_a_part_of_the_traces_that_begin_here_is_kept(sample: float, byte: int, kept: int) -> None:
    assert len(made(chat(), sample, lambda n: bytes([byte]) * n)) == kept


@pytest.mark.parametrize(("flags", "kept"), [("00", 0), ("01", 1)])
def test_a_caller_decides_for_itself(flags: str, kept: int) -> None:
    record = chat(caller=context(f"00-{TRACE}-{PARENT}-{flags}"), trace_id=TRACE)
    assert len(made(record, 1.0 - kept)) == kept


@pytest.mark.parametrize(
    ("given", "error", "status"),
    [
        ({"status": 429, "error_kind": None}, "429", StatusCode.UNSET),
        ({"status": 502, "error_kind": "connection"}, "connection", StatusCode.ERROR),
        ({"status": 500}, "500", StatusCode.ERROR),
        ({"stream_end": "truncated"}, "truncated", StatusCode.ERROR),
        ({"status": 499, "stream_end": "client_disconnected"}, "client_disconnected", StatusCode.UNSET),
    ],
)
def test_only_what_the_proxy_or_telnyx_is_to_blame_for_is_an_error(
    given: dict[str, Any], error: str, status: StatusCode
) -> None:
    span = one(chat(**given))
    assert (span.attributes or {})["error.type"] == error
    assert span.status.status_code is status


def test_what_asks_no_model_is_named_as_in_http() -> None:
    span = one(Record("req_1", STARTED, "models", "GET", status=200))
    assert span.name == "GET models"
    assert not [name for name in span.attributes or {} if name.startswith("gen_ai.")]


def test_a_request_without_a_model_has_the_operation_alone() -> None:
    assert one(chat(status=400)).name == "chat"
