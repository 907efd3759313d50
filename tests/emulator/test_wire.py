"""How bytes leave, seen from a raw socket or a plain HTTP client."""

import asyncio
import json
import re
from typing import Any

import aiohttp
import pytest

from proxy.emulator import wire
from proxy.emulator.scenarios import resolve
from proxy.emulator.server import Emulator

TEXT = "straße 世界 🙂 end"


async def streamed(caller: Any, scenario: str, **fields: Any) -> bytes:
    answer = await caller.chat(TEXT, key=f"KEY_{scenario}", stream=True, **fields)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    data: bytes = answer.data
    return data


def said(data: bytes) -> str:
    """What a tolerant reader makes of the stream."""
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    words = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if not lines or lines == ["[DONE]"]:
            continue
        words += [choice["delta"].get("content") or "" for choice in json.loads("\n".join(lines)).get("choices", ())]
    return "".join(words)


@pytest.mark.parametrize(
    "scenario",
    [
        *("default", "odd-slices", "one-byte", "one-write", "crlf", "cr", "bom", "no-space", "comments-and-ids"),
        *(
            "multi-line-data",
            "no-done",
            "unterminated",
            "crlf+odd-slices+bom",
            "multi-line-data+cr",
            "usage-always-in-stream",
        ),
    ],
)
async def test_however_it_is_framed_and_cut_a_stream_says_the_same(caller: Any, scenario: str) -> None:
    assert said(await streamed(caller, scenario)) == f"You said: {TEXT}"


async def test_framing_does_what_its_name_says(caller: Any) -> None:
    assert (await streamed(caller, "default")).endswith(b"}\n\ndata: [DONE]\n\n")
    crlf = await streamed(caller, "crlf")
    assert crlf.endswith(b"data: [DONE]\r\n\r\n")
    assert not re.search(rb"(?<!\r)\n", crlf)
    assert b"\n" not in await streamed(caller, "cr")
    assert (await streamed(caller, "bom")).startswith(b"\xef\xbb\xbfdata: {")
    assert (await streamed(caller, "no-space")).startswith(b"data:{")
    assert b"[DONE]" not in await streamed(caller, "no-done")
    assert (await streamed(caller, "after-done")).partition(b"[DONE]\n\n")[2] == b"data: {}\n\n: the end\n\n"
    assert (await streamed(caller, "unterminated")).endswith(b"}")
    assert b"data: {\ndata:   " in await streamed(caller, "multi-line-data")


async def test_decorations_are_comments_ids_retries_and_events_without_data(caller: Any) -> None:
    data = await streamed(caller, "comments-and-ids")
    assert data.startswith(b": welcome\n\nretry: 3000\n\n: next\nevent: message\nid: 0\ndata: {")
    assert b"event: ping\n\n: keepalive\n\n" in data


def test_odd_slices_cut_characters_and_line_ends() -> None:
    data = f"data: {TEXT * 20}\r\n\r\n".encode()
    pieces = list(wire.slices([data[:50], data[50:]], "odd"))
    assert b"".join(pieces) == data
    assert all(pieces)
    for character in ("ß", "世", "界", "🙂"):
        assert any(piece.endswith(character.encode()[:1]) for piece in pieces)
    with pytest.raises(UnicodeDecodeError):
        [piece.decode() for piece in pieces]


def test_one_byte_at_a_time_and_all_at_once() -> None:
    assert list(wire.slices([b"ab", b"c"], "bytes")) == [b"a", b"b", b"c"]
    assert list(wire.slices([b"ab", b"c"], "one")) == [b"abc"]
    assert list(wire.slices([b"ab", b"c"], "events")) == [b"ab", b"c"]


async def test_odd_slices_arrive_as_they_were_cut(caller: Any, telnyx: Emulator) -> None:
    body = {
        "model": "meta-llama/Llama-3.3-70B-Instruct",
        "messages": [{"role": "user", "content": TEXT}],
        "stream": True,
    }
    headers = {"authorization": "Bearer KEY_one-byte"}
    async with caller.session.post(f"{telnyx.base_url}/ai/chat/completions", json=body, headers=headers) as response:
        pieces = [piece async for piece, _ in response.content.iter_chunks()]
    assert {len(piece) for piece in pieces if piece} == {1}


def test_an_extra_field_can_be_nested_deeper_than_json_libraries_read() -> None:
    data = wire.encode({"a": 1}, resolve("deep-json", {"depth": 3}))
    assert data == b'{"a":1,"nested":[[[]]]}'


async def test_a_deep_answer_is_sent_whole_and_streamed(caller: Any) -> None:
    whole = await caller.chat(key="KEY_deep-json")
    assert b"[" * 20_000 in whole.data
    assert b"[" * 20_000 in await streamed(caller, "deep-json")


async def test_a_cut_stream_ends_in_order_without_a_finish_reason(caller: Any) -> None:
    answer = await caller.chat(key="KEY_cut-mid-stream", stream=True)
    assert len(answer.events) == 3
    assert all(event["choices"][0]["finish_reason"] is None for event in answer.events)
    assert b"[DONE]" not in answer.data
    assert caller.emulator.state.requests[0].outcome == "complete"


async def raw_answer(telnyx: Emulator, scenario: str, *, stream: bool) -> tuple[bytes, BaseException | None]:
    """The bytes of an answer up to its end, and what the end was."""
    body = json.dumps({"messages": [{"role": "user", "content": "hello there"}], "stream": stream}).encode()
    head = (
        f"POST /v2/ai/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY_{scenario}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(telnyx.host, telnyx.port)
    writer.write(head.encode() + body)
    data, fault = b"", None
    try:
        while piece := await reader.read(65536):
            data += piece
    except ConnectionResetError as error:
        fault = error
    writer.close()
    return data, fault


async def test_a_dropped_stream_ends_without_its_last_chunk(telnyx: Emulator) -> None:
    data, fault = await raw_answer(telnyx, "drop-mid-stream", stream=True)
    assert data.count(b"data: ") == 3
    assert not data.endswith(b"0\r\n\r\n")
    assert fault is None
    assert telnyx.state.requests[0].outcome == "broken off"


async def test_a_reset_stream_is_reset_after_what_was_sent(telnyx: Emulator) -> None:
    data, fault = await raw_answer(telnyx, "reset-mid-stream", stream=True)
    assert data.count(b"data: ") == 3
    assert isinstance(fault, ConnectionResetError)
    assert telnyx.state.requests[0].outcome == "broken off"


async def test_a_connection_can_be_reset_before_any_answer(telnyx: Emulator) -> None:
    data, fault = await raw_answer(telnyx, "reset-before-answer", stream=False)
    assert data == b""
    assert isinstance(fault, ConnectionResetError)
    assert telnyx.state.requests[0].status is None


@pytest.mark.parametrize(("scenario", "reset"), [("cut-mid-body", False), ("reset-mid-body", True)])
async def test_a_whole_answer_can_break_off_in_its_middle(telnyx: Emulator, scenario: str, *, reset: bool) -> None:
    data, fault = await raw_answer(telnyx, scenario, stream=False)
    head, _, body = data.partition(b"\r\n\r\n")
    promised = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]  # it is there or the test fails
    assert 0 < len(body) < promised
    assert isinstance(fault, ConnectionResetError) is reset


async def test_a_stalled_stream_goes_on_when_it_is_released(caller: Any) -> None:
    await caller.choose("stall-mid-stream", after=2)
    state = caller.emulator.state
    asked = asyncio.ensure_future(caller.chat(stream=True))
    await state.until(lambda state: state.paused == 1)
    assert not asked.done()
    state.release.set()
    answer = await asked
    assert "".join(delta.get("content", "") for delta in answer.deltas) == "You said: hello there"


async def test_a_stalled_whole_answer_goes_on_when_it_is_released(caller: Any) -> None:
    await caller.choose("stall-mid-body")
    asked = asyncio.ensure_future(caller.chat())
    await caller.emulator.state.until(lambda state: state.paused == 1)
    await caller.send("POST", "/_release", key=None)
    assert (await asked).message["content"] == "You said: hello there"


@pytest.mark.parametrize(
    "scenario", ["stall-mid-stream", "stall-mid-body", "slow-first-byte", "slow-headers", "slow-stream"]
)
async def test_a_client_that_hangs_up_is_noticed(caller: Any, scenario: str) -> None:
    options = {"seconds": 3600} if scenario == "slow-stream" else {}
    await caller.choose(scenario, **options)
    state = caller.emulator.state
    asked = asyncio.ensure_future(caller.chat(stream="stream" in scenario))
    await state.until(lambda state: state.paused == 1)
    asked.cancel()
    await state.until(lambda state: state.requests[0].ended)
    assert state.requests[0].hung_up
    assert state.paused == 0


@pytest.mark.parametrize(
    ("scenario", "event"),
    [
        (
            "error-mid-stream",
            {"error": {"message": "The model stopped.", "type": "server_error", "param": None, "code": "stopped"}},
        ),
        (
            "error-mid-stream-telnyx",
            {"errors": [{"code": "10007", "title": "Unexpected error", "detail": "The model stopped."}]},
        ),
        ("error-mid-stream-fastapi", {"detail": "The model stopped."}),
    ],
)
async def test_an_error_can_come_in_the_middle_of_a_stream(caller: Any, scenario: str, event: Any) -> None:
    answer = await caller.chat(key=f"KEY_{scenario}", stream=True)
    assert answer.events[3:] == [event]
    assert b"[DONE]" not in answer.data


async def test_strange_events_come_in_the_middle_and_the_stream_goes_on(caller: Any) -> None:
    garbage = await streamed(caller, "non-json-event")
    assert b"\n\ndata: this is not JSON\n\ndata: {" in garbage
    ping = await streamed(caller, "ping-event")
    assert b'\n\nevent: ping\ndata: {"type": "ping"}\n\ndata: {' in ping
    assert garbage.endswith(b"data: [DONE]\n\n")


async def test_slow_headers_come_late_and_a_slow_first_byte_after_the_headers(caller: Any, telnyx: Emulator) -> None:
    url = f"{telnyx.base_url}/ai/chat/completions"
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    await caller.choose("slow-first-byte")
    async with caller.session.post(url, json=body, headers={"authorization": "Bearer KEY_test"}) as response:
        assert response.status == 200  # the headers are here
        assert telnyx.state.paused == 1
        telnyx.state.release.set()
        assert b"[DONE]" in await response.read()
    await caller.choose("slow-headers", seconds=0)
    assert (await caller.chat()).status == 200


async def test_a_slow_stream_waits_before_each_chunk_and_no_longer_than_it_is_told(caller: Any) -> None:
    await caller.choose("slow-stream", seconds=0.001)
    answer = await caller.chat(stream=True)
    assert answer.data.endswith(b"data: [DONE]\n\n")


async def test_a_reused_connection_is_reset_once(caller: Any, telnyx: Emulator) -> None:
    await caller.choose("reset-on-reused-connection")
    telnyx.state.clear()
    async with aiohttp.ClientSession() as session:
        url, headers = f"{telnyx.base_url}/ai/chat/completions", {"authorization": "Bearer KEY_test"}
        body = {"messages": [{"role": "user", "content": "hi"}]}
        async with session.post(url, json=body, headers=headers) as response:
            assert response.status == 200
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, json=body, headers=headers)
        for _ in range(2):
            async with session.post(url, json=body, headers=headers) as response:
                assert response.status == 200
                await response.read()
    first, second, third, fourth = telnyx.state.requests
    assert (first.connection, first.nth) == (second.connection, second.nth - 1)
    assert second.outcome == "broken off"
    assert third.connection != first.connection
    assert (fourth.connection, fourth.nth) == (third.connection, 2)


async def test_a_connection_can_be_closed_in_order_after_each_answer(caller: Any) -> None:
    answers = [await caller.chat(key="KEY_connection-close", stream=stream) for stream in (False, True)]
    assert [answer.headers["connection"] for answer in answers] == ["close", "close"]
    first, second = caller.emulator.state.requests
    assert first.connection != second.connection


async def test_a_reset_of_a_connection_that_is_gone_does_nothing() -> None:
    class Gone:
        transport = None

    await wire.reset(Gone())  # type: ignore[arg-type]  # all it looks at
    with pytest.raises(wire.BrokenOff):
        await wire.ENDINGS["drop"](wire.Line(Gone(), None, resolve("default"), None), [])  # type: ignore[arg-type]
