"""The listener: probes, what is under way, and the end."""

import asyncio

from tests.conftest import Build
from tests.world import HELLO, MODEL, World

PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


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
