"""Answers as bytes on the wire: framing, persistence, and what never gets out."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import HttpVersion11

from proxy import codec
from proxy.edge.reply import SIZES, StreamedReply, date, head, line
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL, World

BODY = codec.encode({"model": MODEL, "messages": HELLO})
STREAM = codec.encode({"model": MODEL, "messages": HELLO, "stream": True})


def ask(body: bytes, version: str = "1.1", *lines: str) -> bytes:
    first = f"POST /v1/chat/completions HTTP/{version}\r\nHost: x\r\nAuthorization: Bearer {KEY}"
    return "\r\n".join([first, f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


async def talk(here: World, *requests: bytes) -> list[bytes]:
    """What comes back for requests sent one after the other, until the proxy closes or all are answered."""
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answers = []
    async with asyncio.timeout(20):
        for request in requests:
            writer.write(request)
            answers.append(await one(reader))
        rest = await asyncio.wait_for(reader.read(), 20) if b"close" in answers[-1].lower() else b""
    writer.close()
    return [*answers, rest]


async def one(reader: asyncio.StreamReader) -> bytes:
    """One answer with its body, however it is framed."""
    answer = await reader.readuntil(b"\r\n\r\n")
    lowered = answer.lower()
    if b"transfer-encoding: chunked" in lowered:
        return answer + await reader.readuntil(b"\r\n0\r\n\r\n")
    if b"content-length: " in lowered:
        return answer + await reader.readexactly(int(lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return answer + await reader.read()


def test_a_head_is_one_block() -> None:
    assert head(200, line("A", "1") + line("b", "two")) == b"HTTP/1.1 200 OK\r\nA: 1\r\nb: two\r\n"
    assert head(499, "") == b"HTTP/1.1 499 \r\n"


@pytest.mark.parametrize("evil", ["x\r\nSet-Cookie: y", "x\ny", "x\ry"])
def test_no_value_breaks_out_of_its_line(evil: str) -> None:
    with pytest.raises(ValueError, match="end of a line"):
        line("A", evil)


def test_the_date_is_the_time_in_the_form_of_http() -> None:
    assert date(1763676000) == "Thu, 20 Nov 2025 22:00:00 GMT"


@pytest.mark.parametrize("size", [1, 255, len(SIZES) - 1, len(SIZES), 70_000])
def test_a_piece_is_a_chunk_of_its_size(size: int) -> None:
    written: list[bytes] = []
    transport = SimpleNamespace(is_closing=lambda: False)
    connection = SimpleNamespace(
        transport=transport, outbox=SimpleNamespace(post=lambda _, data, **_wait: written.append(data))
    )
    request = SimpleNamespace(version=HttpVersion11, keep_alive=True)
    reply = StreamedReply(cast("Any", connection), cast("Any", request), last=False)
    reply.write(b"x" * size)
    length, _, rest = b"".join(written).partition(b"\r\n")
    assert int(length, 16) == size
    assert rest == b"x" * size + b"\r\n"


async def test_two_plain_answers_on_one_connection(build: Build) -> None:
    first, second, rest = await talk(await build(), ask(BODY), ask(BODY, "1.1", "Connection: close"))
    assert first.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: ")
    assert b"Connection:" not in first
    assert b"\r\nConnection: close\r\n" in second
    assert rest == b""


async def test_two_streams_on_one_connection(build: Build) -> None:
    first, second, rest = await talk(await build(), ask(STREAM), ask(STREAM, "1.1", "Connection: close"))
    assert b"Connection:" not in first
    assert b"data: [DONE]\n\n\r\n0\r\n\r\n" in first
    assert b"\r\nConnection: close\r\n" in second
    assert rest == b""


async def test_an_older_client_gets_a_stream_until_the_connection_ends(build: Build) -> None:
    answer, rest = await talk(await build(), ask(STREAM, "1.0"))
    assert b"chunked" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")
    assert rest == b""


async def test_an_older_client_may_keep_its_connection_for_whole_answers(build: Build) -> None:
    first, second, _ = await talk(
        await build(), ask(BODY, "1.0", "Connection: keep-alive"), ask(BODY, "1.0", "Connection: keep-alive")
    )
    assert b"\r\nConnection: keep-alive\r\n" in first
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert codec.decode(second.partition(b"\r\n\r\n")[2])["object"] == "chat.completion"


async def test_head_has_the_length_and_no_body(build: Build) -> None:
    here = await build()
    async with here.session.head(here.url("/v1/models"), headers={"Authorization": f"Bearer {KEY}"}) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 100
        assert await answer.read() == b""
    async with here.session.get(here.url("/v1/models"), headers={"Authorization": f"Bearer {KEY}"}) as answer:
        assert len((await answer.json())["data"]) > 1
