"""Streams that go well, and streams that do not: never a silent short answer, never a client left waiting."""

import asyncio
import socket
from typing import Any

import openai
import pytest

from proxy import codec
from proxy.edge import relay
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL, World

STREAM: dict[str, Any] = {"model": MODEL, "messages": HELLO, "stream": True}
ENDINGS = {
    "cut-mid-stream": "truncated",
    "drop-mid-stream": "upstream_reset",
    "reset-mid-stream": "upstream_reset",
    "error-mid-stream": "upstream_error",
    "error-mid-stream-telnyx": "upstream_error",
    "error-mid-stream-fastapi": "upstream_error",
    "non-json-event": "malformed",
}
ODD = [
    "no-done", "after-done", "unterminated", "odd-slices", "one-byte", "one-write", "crlf", "cr", "bom", "no-space",
    "comments-and-ids", "multi-line-data", "minimal-chunks", "no-role", "no-delta", "empty-choices", "null-choices",
    "usage-on-every-chunk", "usage-twice", "usage-missing", "usage-always-in-stream", "content-list", "error-null",
    "finish-blank", "finish-foreign", "ping-event", "connection-close",
]  # fmt: skip


async def read(here: World, **fields: Any) -> tuple[str, list[Any]]:
    """The raw text of a stream and its decoded events."""
    async with here.post({**STREAM, **fields}) as answer:
        assert answer.status == 200
        text = await answer.text()
    return text, [codec.decode(line[6:]) for line in text.split("\n") if line.startswith("data: {")]


@pytest.mark.parametrize("scenario", ODD)
async def test_whatever_upstream_does_the_official_client_reads_the_same(build: Build, scenario: str) -> None:
    here = await build(scenario)
    client = await here.openai()
    options: Any = {"include_usage": True}
    async with client.chat.completions.stream(model=MODEL, messages=HELLO, stream_options=options) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "You said: Hello there"
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    with_usage = [event for event in events if event.type == "chunk" and event.chunk.usage is not None]
    assert len(with_usage) == 1
    [line] = here.lines()
    assert line["stream_end"] == "complete"
    assert line["tokens_source"] == ("estimated" if scenario == "usage-missing" else "upstream")


@pytest.mark.parametrize(("scenario", "end"), ENDINGS.items())
async def test_a_stream_that_breaks_ends_with_one_error_event(build: Build, scenario: str, end: str) -> None:
    here = await build(scenario)
    text, events = await read(here)
    assert "[DONE]" not in text
    assert [set(event["error"]) for event in events if "error" in event] == [{"message", "type", "param", "code"}]
    assert "error" in events[-1]
    assert here.lines()[0]["stream_end"] == end
    assert await here.metric("telnyx_proxy_stream_ends_total", reason=end) == 1
    client = await here.openai()
    with pytest.raises(openai.APIError):
        async for _ in await client.chat.completions.create(**STREAM):
            pass


async def test_an_error_before_the_first_byte_is_a_real_http_error(build: Build) -> None:
    here = await build("rate-limited")
    async with here.post(STREAM) as answer:
        assert answer.status == 429
        assert answer.content_type == "application/json"
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_stalled_stream_ends_with_an_error_after_between_chunks(build: Build) -> None:
    here = await build("stall-mid-stream", upstream={"timeouts": {"between_chunks": 0.2}})
    text, events = await read(here)
    assert events[-1]["error"]["code"] == "upstream_timeout"
    assert "between_chunks" in text
    assert here.lines()[0]["stream_end"] == "stalled"


async def test_the_total_timeout_ends_a_stream_that_never_stalls(build: Build) -> None:
    timeouts = {"total": 1, "between_chunks": 60}
    here = await build("slow-stream+huge-answer", {"seconds": 0.01}, upstream={"timeouts": timeouts})
    _, events = await read(here)
    assert "timeouts.total" in events[-1]["error"]["message"]
    assert here.lines()[0]["stream_end"] == "timeout"


async def test_silence_is_filled_with_comments_and_empty_chunks(build: Build) -> None:
    here = await build("stall-mid-stream", streams={"keepalive": 0.05, "heartbeat": 0.12})
    async with here.post(STREAM) as answer:
        seen = b""
        while b"keepalive" not in seen or b'"delta":{}' not in seen:
            seen += await answer.content.readany()
        here.telnyx.state.release.set()
        seen += await answer.read()
    assert b": keepalive\n" in seen
    assert b": keepalive\n\n" not in seen, "a blank line behind a comment is an event to several clients"
    events = [codec.decode(line[6:]) for line in seen.split(b"\n") if line.startswith(b"data: {")]
    assert len({(event["id"], event["created"], event["model"]) for event in events if "id" in event}) == 1


async def test_no_keepalive_where_it_is_switched_off(build: Build) -> None:
    here = await build("slow-stream", {"seconds": 0.03}, streams={"keepalive": 0, "heartbeat": 0})
    text, _ = await read(here)
    assert "keepalive" not in text


async def test_a_client_that_leaves_a_stream_cancels_the_upstream_call_and_is_accounted_for(build: Build) -> None:
    here = await build("stall-mid-stream")
    client = await here.openai()
    stream = await client.chat.completions.create(**STREAM)
    await anext(stream)
    await here.telnyx.state.until(lambda state: state.paused == 1)
    await stream.close()
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert (line["status"], line["stream_end"], line["tokens_source"]) == (499, "client_disconnected", "estimated")
    assert line["input_tokens"] > 0
    assert await here.metric("telnyx_proxy_open_streams") == 0
    assert await here.metric("telnyx_proxy_in_flight_requests") == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_before_the_answer_cancels_the_upstream_call(build: Build, *, stream: bool) -> None:
    here = await build("slow-headers")
    request = asyncio.ensure_future(open_and_wait(here, stream=stream))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    request.cancel()
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert line["status"] == 499
    assert line["tokens_source"] == "estimated", "Telnyx has read the prompt"
    assert line["input_tokens"] > 0


async def open_and_wait(here: World, *, stream: bool) -> None:
    async with here.post({**STREAM, "stream": stream}) as answer:
        await answer.read()


async def test_a_slow_client_slows_the_upstream_read(build: Build) -> None:
    """Backpressure: while the client does not read, only what fits into the buffers of the way is taken."""
    here = await build("huge-answer", {"bytes": 64 * 2**20})
    async with here.post(STREAM) as answer:
        first = await answer.content.read(1)
        assert first
        before = -1
        received = here.telnyx.state.requests[-1]
        written = 0
        while written != before:  # the proxy stops taking once the buffers are full, so this ends
            before, written = written, next(iter(here.proxy.listener._under_way)).record.bytes_out
            await asyncio.sleep(0.2)
        assert not received.ended
        assert written < 32 * 2**20
        answer.close()


async def test_a_huge_event_ends_the_stream_and_not_the_proxy(build: Build) -> None:
    here = await build("huge-event", {"bytes": 3 * 2**20}, limits={"event": "1MiB"})
    _, events = await read(here)
    assert "error" in events[-1]
    assert here.lines()[0]["stream_end"] == "malformed"


async def test_a_stopping_proxy_lets_streams_finish(build: Build) -> None:
    here = await build("slow-stream", {"seconds": 0.02})
    async with here.post(STREAM) as answer:
        await answer.content.readany()
        stopping = asyncio.ensure_future(here.proxy.listener.drain(10))
        rest = await answer.text()
        await stopping
    assert rest.endswith("data: [DONE]\n\n")


async def test_a_stopping_proxy_breaks_off_what_does_not_finish(build: Build) -> None:
    here = await build("stall-mid-stream")
    async with here.post(STREAM) as answer:
        await answer.content.readany()
        stopping = asyncio.ensure_future(here.proxy.listener.drain(0))
        rest = await answer.text()
        await stopping
    assert "shutting_down" in rest
    assert here.lines()[0]["stream_end"] == "shutdown"


async def test_a_stopping_proxy_answers_whole_requests_that_do_not_finish(build: Build) -> None:
    here = await build("slow-headers")
    request = asyncio.ensure_future(status(here))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    await here.proxy.listener.drain(0)
    assert await request == (503, "shutting_down")


async def status(here: World) -> tuple[int, str]:
    async with here.post({**STREAM, "stream": False}) as answer:
        return answer.status, (await answer.json())["error"]["code"]


async def test_a_client_that_never_reads_is_let_go_when_the_time_is_over(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be said to it, and nothing of it stays: no stream, no call to Telnyx."""
    monkeypatch.setattr(relay, "LAST_WORDS", 0.05)
    here = await build("huge-answer", {"bytes": 12 * 2**20}, upstream={"timeouts": {"total": 2.5}})
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
    body = codec.encode(STREAM)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}"
    )
    writer.write(f"{head}\r\n\r\n".encode() + body)
    await here.telnyx.state.until(lambda state: any(r.method == "POST" and r.ended for r in state.requests))
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert line["stream_end"] == "timeout"
    assert await here.metric("telnyx_proxy_open_streams") == 0
    assert [request.hung_up for request in here.telnyx.state.requests if request.method == "POST"] == [True]
    writer.transport.abort()
    assert not reader.at_eof()
