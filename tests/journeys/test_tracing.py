"""Spans on the wire: what a collector gets, as OTLP over HTTP, from the real proxy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import Build
from tests.world import HELLO, MODEL

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Keeps every span it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Any] = []
        self.raw = b""
        self.came = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        message = ExportTraceServiceRequest.FromString(body)
        self.spans += [span for each in message.resource_spans for scope in each.scope_spans for span in scope.spans]
        self.came.set()
        return web.Response(content_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield collector
    await runner.cleanup()


def value(attribute: Any) -> Any:
    return getattr(attribute.value, attribute.value.WhichOneof("value"))


async def test_a_request_becomes_a_span_of_its_callers_trace(build: Build, collector: Collector) -> None:
    here = await build(tracing={"endpoint": collector.url})
    client = await here.openai(default_headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b"})
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    await here.stack.aclose()  # the last spans are exported when the proxy ends
    async with asyncio.timeout(10):
        await collector.came.wait()
    [span] = collector.spans
    told = here.telnyx.state.requests[-1].headers
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == PARENT
    assert told["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01", "what Telnyx does is part of our span"
    assert told["tracestate"] == "a=b"
    attributes = {attribute.key: value(attribute) for attribute in span.attributes}
    assert attributes["gen_ai.request.model"] == MODEL
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert [event.name for event in span.events] == ["gen_ai.first_token"]
    assert said
    assert said.encode() not in collector.raw
    assert b"Hello there" not in collector.raw, "nothing of the prompt leaves"


async def test_a_repair_is_an_event(build: Build, collector: Collector) -> None:
    here = await build("cap-with-tools-refused", tracing={"endpoint": collector.url})
    client = await here.openai()
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5, tools=[tool])
    [line] = here.lines()
    await here.stack.aclose()
    async with asyncio.timeout(10):
        await collector.came.wait()
    [span] = collector.spans
    [event] = span.events
    assert (event.name, value(event.attributes[0])) == ("telnyx_proxy.repair", "cap_with_tools")
    assert span.start_time_unix_nano <= event.time_unix_nano <= span.end_time_unix_nano
    assert span.trace_id.hex() == line["trace_id"], "a trace that begins here can be found from the log"


async def test_nothing_is_exported_and_no_context_made_without_a_collector(build: Build) -> None:
    here = await build()
    async with here.post({"model": MODEL, "messages": HELLO}) as answer:
        assert answer.status == 200
    assert "traceparent" not in here.telnyx.state.requests[-1].headers
    assert "trace_id" not in here.lines()[0]


async def test_a_collector_that_is_away_disturbs_nobody(build: Build) -> None:
    here = await build(tracing={"endpoint": "http://127.0.0.1:9/v1/traces"})
    async with here.post({"model": MODEL, "messages": HELLO}) as answer:
        assert answer.status == 200
    await here.stack.aclose()
    assert len(here.lines()) == 1
