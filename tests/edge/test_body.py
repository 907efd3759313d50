"""The request body, however it arrives."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy import codec
from proxy.codec import COMMAS, CONTAINERS
from proxy.edge.body import LARGE
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL, World

BODY = codec.encode({"model": MODEL, "messages": HELLO})


async def raw(here: World, data: bytes) -> bytes:
    """Send bytes, read the answer: all of it, or its error (the proxy goes on waiting for the rest of a body)."""
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    answer = b""
    while b"}}" not in answer and (piece := await reader.read(65536)):
        answer += piece
    writer.close()
    await writer.wait_closed()
    return answer


def head(*lines: str) -> bytes:
    given = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {KEY}",
        "Connection: close",
        *lines,
    ]
    return "\r\n".join([*given, "", ""]).encode()


async def test_a_body_in_chunks_and_compressed_is_read(build: Build) -> None:
    here = await build()

    async def pieces() -> Any:
        for index in range(0, len(BODY), 7):
            yield BODY[index : index + 7]

    headers = {"Authorization": f"Bearer {KEY}"}
    async with here.session.post(here.url("/v1/chat/completions"), data=pieces(), headers=headers) as answer:
        assert answer.status == 200
    async with here.post(gzip.compress(BODY, mtime=0), headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 200


async def test_a_compressed_bomb_is_bounded_by_its_real_size(build: Build) -> None:
    here = await build(limits={"body": "1MiB"})
    bomb = gzip.compress(b'{"model":"' + b" " * (20 * 2**20) + b'"}')
    async with here.post(bomb, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 413


async def test_the_content_type_does_not_matter(build: Build) -> None:
    here = await build()
    async with here.post(BODY, headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 200


async def test_expect_100_continue_is_answered_after_admission(build: Build) -> None:
    here = await build()
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    expecting = head("Content-Type: application/json", f"Content-Length: {len(BODY)}", "Expect: 100-continue")
    async with asyncio.timeout(10):
        writer.write(expecting)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_who_expects_100_continue_and_does_not_wait_gets_the_answer_at_once(build: Build) -> None:
    answer = await raw(await build(), head(f"Content-Length: {len(BODY)}", "Expect: 100-continue") + BODY)
    assert answer.startswith(b"HTTP/1.1 200 OK")


async def test_who_may_not_come_in_is_not_told_to_continue(build: Build) -> None:
    expecting = head(f"Content-Length: {len(BODY)}", "Expect: 100-continue").replace(KEY.encode(), b"sk-unknown")
    assert (await raw(await build(), expecting)).startswith(b"HTTP/1.1 401")


async def test_a_body_that_does_not_come_is_a_408(build: Build) -> None:
    here = await build(limits={"body_timeout": 0.05})
    answer = await raw(here, head("Content-Length: 100") + b"{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answer


@pytest.mark.parametrize("garbage", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n"])
async def test_a_broken_chunked_body_is_a_400(build: Build, garbage: bytes) -> None:
    here = await build()
    answer = await raw(here, head("Transfer-Encoding: chunked") + garbage)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b'"error"' in answer


PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"this is not gzip"),
        ("gzip", PACKED[:-1]),
        ("gzip", PACKED + b"more"),
        ("deflate", PACKED[10:-8]),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0)),
        ("br", BODY),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_a_400(build: Build, encoding: str, body: bytes) -> None:
    here = await build()
    async with here.post(body, headers={"Content-Encoding": encoding}) as answer:
        assert answer.status == 400
        assert "encoding" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize(
    ("encoding", "body"), [("GZIP ", PACKED), ("x-gzip", PACKED), ("deflate", zlib.compress(BODY)), ("identity", BODY)]
)
async def test_what_http_knows_as_compression_is_unpacked(build: Build, encoding: str, body: bytes) -> None:
    here = await build()
    async with here.post(body, headers={"Content-Encoding": encoding}) as answer:
        assert answer.status == 200


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """Without a length, so that nobody knows beforehand."""
    for index in range(0, len(body), 65_536):
        yield body[index : index + 65_536]


async def sent(here: World, body: bytes, **headers: str) -> tuple[int, str]:
    """Status and `error.code` of a body that is sent in pieces."""
    headers["Authorization"] = f"Bearer {KEY}"
    async with here.session.post(here.url("/v1/chat/completions"), data=in_pieces(body), headers=headers) as answer:
        return answer.status, (await answer.json())["error"]["code"]


async def test_blocks_that_unpack_to_nothing_are_bounded_by_what_they_are(build: Build) -> None:
    here = await build(limits={"body": "64KiB"})
    nothing = b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * 20_000
    assert await sent(here, nothing, **{"Content-Encoding": "deflate"}) == (413, "request_too_large")


@pytest.mark.parametrize(("unit", "times"), [(b"[],", LARGE), (b'{"a":1},', CONTAINERS), (b"1,", COMMAS + 1)])
async def test_a_body_of_nothing_but_brackets_or_commas_is_refused(build: Build, unit: bytes, times: int) -> None:
    """To decode one of 32 MiB would hold up everybody for ten seconds."""
    here = await build()
    assert await sent(here, b'{"x":[' + unit * times + b"1]}") == (400, "request_too_large")


async def test_a_large_body_of_a_few_values_is_read(build: Build) -> None:
    here = await build()
    body = codec.encode({"model": MODEL, "messages": HELLO, "user": "[{" * LARGE})
    async with here.post(body) as answer:
        assert answer.status == 200


async def test_a_client_that_leaves_while_sending_is_recorded_and_forgotten(build: Build) -> None:
    here = await build()
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head("Content-Length: 100") + b"{")
    await writer.drain()
    writer.transport.abort()
    async with here.post(BODY) as answer:
        assert answer.status == 200
    await here.proxy.listener.drain(10)
    assert await here.metric("telnyx_proxy_in_flight_requests") == 0
    assert here.sent() == [{**codec.decode(BODY), "temperature": 1}]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp would like a file better
async def test_a_giant_text_is_kept_only_for_who_sends_it_on_as_it_came(
    build: Build, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    kept: list[bool] = []
    encode_large = codec.encode_large

    def watched(value: dict[str, Any], giants: codec.Giants) -> bytes | codec.Pieces:
        kept.append(len(giants) == 1)
        return encode_large(value, giants)

    monkeypatch.setattr(codec, "encode_large", watched)
    text = "Über allen Gipfeln ist Ruh. " * 90_000
    body: dict[str, Any] = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    if path == "/v1/responses":
        body = {"model": MODEL, "input": text}
    here = await build()
    async with here.post(body, path=path) as answer:
        assert answer.status == 200
    assert here.sent()[0]["messages"][-1]["content"] == text
    assert kept == ([] if path == "/v1/responses" else [True])
