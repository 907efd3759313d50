"""The listener: probes, what is under way, and the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from proxy import codec
from proxy.edge.listener import Listener
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL, World

PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def impatient(here: World, head_seconds: float) -> AsyncIterator[int]:
    """The port of a second listener of the same proxy, which waits for heads no longer than that."""
    runner = web.ServerRunner(Listener(here.proxy.services, head_seconds=head_seconds).server(), handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("begun", [b"", b"GET /livez HT", PROBE[:-2]])
async def test_a_connection_that_never_sends_a_whole_head_is_closed(build: Build, begun: bytes) -> None:
    async with impatient(await build(), 0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_trickle_does_not_buy_time_for_the_second_head_either(build: Build) -> None:
    async with impatient(await build(), 0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PROBE)
        assert await reader.readuntil(b'{"status":"ok"}')
        writer.write(PROBE[:-2])

        async def trickle() -> None:
            while not writer.is_closing():
                writer.write(b"X-More: 1\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.ensure_future(trickle())
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        trickling.cancel()
        writer.close()


async def test_a_slow_answer_and_an_idle_connection_are_not_slow_heads(build: Build) -> None:
    here = await build("slow-headers", {"seconds": 0.2})
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    async with impatient(here, 0.1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(0.2)  # longer than a head may take
        writer.close()


async def test_while_draining_an_answer_is_the_last_of_its_connection(build: Build) -> None:
    here = await build("slow-headers")
    asked = asyncio.ensure_future(post_headers(here))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    draining = asyncio.ensure_future(here.proxy.listener.drain(10))
    here.telnyx.state.release.set()
    assert await asked == (200, "close")
    await draining


async def test_a_drain_ends_though_clients_go_on_sending(build: Build) -> None:
    """A client that is broken off asks again at once, on the connection it has: there may never be a quiet moment."""
    here = await build("stall-mid-stream")
    async with here.post({"model": MODEL, "messages": HELLO, "stream": True}) as stream:
        await stream.content.readany()
        await here.proxy.listener.drain(0)
        async with asyncio.timeout(10):
            assert await post_headers(here) == (503, "close")
    assert here.lines()[-1]["error_code"] == "shutting_down"
    assert await here.metric("telnyx_proxy_in_flight_requests") == 0


async def post_headers(here: World) -> tuple[int, str | None]:
    async with here.post({"model": MODEL, "messages": HELLO}) as answer:
        await answer.read()
        return answer.status, answer.headers.get("Connection")


async def test_probes_leave_no_record(build: Build) -> None:
    here = await build()
    async with here.session.get(here.url("/livez")) as answer:
        assert answer.status == 200
    async with here.session.head(here.url("/readyz")) as answer:
        assert answer.status == 200
    assert here.lines() == []


async def test_an_idle_listener_is_drained_at_once(build: Build) -> None:
    here = await build()
    async with here.post({"model": MODEL, "messages": HELLO}) as answer:
        assert answer.status == 200
    async with asyncio.timeout(5):
        await here.proxy.listener.drain(1000)


async def test_requests_on_one_connection_follow_each_other(build: Build) -> None:
    here = await build()
    for _ in range(3):
        async with here.post({"model": MODEL, "messages": HELLO}) as answer:
            assert answer.status == 200
    received = [request for request in here.telnyx.state.requests if request.method == "POST"]
    assert received[-1].nth > 1, "connections to Telnyx are reused"


async def test_headers_beyond_the_limit_are_a_400(build: Build) -> None:
    here = await build()
    async with here.session.get(here.url("/v1/models"), headers={"X-Big": "x" * 100_000}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "invalid_http"
