"""The listener: probes, what is under way, and the end."""

import asyncio

from tests.conftest import Build
from tests.world import HELLO, MODEL


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
