"""The request body, however it arrives."""

import asyncio
import gzip
from typing import Any

import pytest

from proxy import codec
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL, World

BODY = codec.encode({"model": MODEL, "messages": HELLO})


async def raw(here: World, data: bytes, *, half: bool = False) -> bytes:
    """Send bytes, read until the proxy closes."""
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    if half:
        writer.write_eof()
    answer = await reader.read()
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
    async with here.post(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}) as answer:
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
    lines = ("Content-Type: application/json", f"Content-Length: {len(BODY)}", "Expect: 100-continue")
    answer = await raw(here, head(*lines) + BODY)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


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


async def test_a_broken_compressed_body_is_a_400(build: Build) -> None:
    here = await build()
    async with here.post(b"this is not gzip", headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["message"]


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
