"""Clients that leave, whose tenant wants to know what Telnyx charges: Telnyx is read to the end, but not for ever."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Build
from tests.world import HELLO, MODEL, TENANTS, World

DRAINING = [{**tenant, "on_disconnect": "drain"} for tenant in TENANTS]
ASKED: dict[str, Any] = {"model": MODEL, "messages": HELLO}


async def left(here: World, *, stream: bool) -> None:
    """A client asks and leaves before anything has come."""
    asking = asyncio.ensure_future(ask(here, stream=stream))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until_lost(here)


async def ask(here: World, *, stream: bool) -> None:
    async with here.post({**ASKED, "stream": stream}) as answer:
        await answer.read()


async def until_lost(here: World) -> None:
    """Until the proxy has noticed that nobody is connected any more."""
    server = here.proxy.listener._server
    assert server is not None
    async with asyncio.timeout(10):
        await server.deserted.wait()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_whose_client_has_left_is_read_to_its_end(build: Build, *, stream: bool) -> None:
    here = await build("slow-headers", tenants=DRAINING)
    await left(here, stream=stream)
    assert not here.telnyx.state.requests[-1].hung_up
    assert not here.lines(), "it goes on"
    here.telnyx.state.release.set()
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert line["status"] == 499
    assert line["tokens_source"] == "upstream"
    assert line["output_tokens"] > 0
    assert line.get("stream_end") == ("client_disconnected" if stream else None)
    assert await here.metric("telnyx_proxy_in_flight_requests") == 0
    assert await here.metric("telnyx_proxy_open_streams") == 0


async def test_a_stream_that_has_begun_is_read_to_its_end(build: Build) -> None:
    here = await build("slow-stream", {"seconds": 30}, tenants=DRAINING)
    client = await here.openai()
    stream = await client.chat.completions.create(**ASKED, stream=True)
    await here.telnyx.state.until(lambda state: state.paused == 1)
    await stream.close()
    await client.close()
    await until_lost(here)
    here.telnyx.state.release.set()
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert (line["status"], line["stream_end"], line["tokens_source"]) == (499, "client_disconnected", "upstream")
    assert not here.telnyx.state.requests[-1].hung_up


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_not_read_for_ever(build: Build, *, stream: bool) -> None:
    here = await build("slow-headers", tenants=DRAINING, limits={"drain": 0.1})
    await left(here, stream=stream)
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await here.proxy.listener.drain(10)
    [line] = here.lines()
    assert (line["status"], line["tokens_source"]) == (499, "estimated")
    assert await here.metric("telnyx_proxy_in_flight_requests") == 0


async def test_a_shutdown_ends_it(build: Build) -> None:
    here = await build("slow-headers", tenants=DRAINING)
    await left(here, stream=True)
    await here.proxy.listener.drain(0)
    [line] = here.lines()
    assert (line["status"], line["tokens_source"]) == (499, "estimated")
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)


async def test_whoever_did_not_ask_for_it_is_cancelled(build: Build) -> None:
    here = await build("slow-headers")
    await left(here, stream=False)
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
