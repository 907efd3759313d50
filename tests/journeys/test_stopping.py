"""The end: nothing that was accepted is lost, and a second signal is meant."""

import asyncio
from typing import Any

from tests.conftest import Build
from tests.world import HELLO, MODEL, World

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}


async def test_while_winding_down_every_answer_says_that_its_connection_ends(build: Build) -> None:
    """Otherwise a client sends its next request into a connection that is about to be closed."""
    here = await build()
    await here.proxy.listener.wind_down(0)
    for stream in (False, True):
        async with here.post({**CHAT, "stream": stream}) as answer:
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
            await answer.read()


async def test_a_stream_that_began_before_the_end_finishes_in_order(build: Build) -> None:
    here = await build("slow-stream", {"seconds": 0.01})
    async with here.post({**CHAT, "stream": True}) as answer:
        await answer.content.readany()
        await here.proxy.listener.wind_down(0)
        assert (await answer.text()).endswith("data: [DONE]\n\n")


async def test_no_request_of_a_busy_client_is_lost_when_the_proxy_stops(build: Build) -> None:
    here = await build()
    stop = asyncio.Event()
    seen: list[int] = []

    async def busy() -> None:
        while not stop.is_set():
            async with here.post(CHAT) as answer:
                seen.append(answer.status)
                await answer.read()

    clients = [asyncio.ensure_future(busy()) for _ in range(8)]
    await here.telnyx.state.until(lambda state: len(state.requests) > 30)
    await here.proxy.listener.wind_down(0)
    await here.telnyx.state.until(lambda state: len(state.requests) > 60)
    stop.set()
    await asyncio.gather(*clients)
    assert set(seen) == {200}


async def test_a_second_signal_cuts_the_grace_short(build: Build) -> None:
    here = await build("slow-headers")
    here.proxy.listener.hurry()  # before any drain: nothing to cut
    request = asyncio.ensure_future(status(here))
    await here.telnyx.state.until(lambda state: state.paused == 1)
    draining = asyncio.ensure_future(here.proxy.listener.drain(3600))
    await asyncio.sleep(0)
    here.proxy.listener.hurry()
    assert await request == (503, "shutting_down")
    await draining


async def status(here: World) -> tuple[int, str]:
    async with here.post(CHAT) as answer:
        return answer.status, (await answer.json())["error"]["code"]
