"""Bytes as they come: slow clients, a proxy that stops, time that runs out, and bugs."""

import asyncio
from typing import Any

import aiohttp
import pytest

from proxy.edge.raw_relay import Flow
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.journeys.test_audio import SPEECH, asked, logged
from tests.world import KEY

TEXT = {"model": "tts-1", "voice": "alloy", "input": "one two three"}


async def test_a_client_that_does_not_read_stops_telnyx(build: Build) -> None:
    """What it takes later is still the whole of it, however long it waits."""
    words = 20_000
    here = await build("default", {"answer": "x " * words}, upstream={"timeouts": {"between_chunks": 0.2}})
    async with here.post(TEXT, path=SPEECH) as answer:
        assert answer.status == 200
        (exchange,) = here.proxy.listener._under_way

        async def held() -> bool:
            return exchange.connection.writing_paused

        await eventually(held)
        flow: Any = exchange.connection.writer
        timer = flow._timer

        async def looked() -> bool:
            return flow._timer is not timer

        await eventually(looked)  # Telnyx was silent for as long as it may be, which was the client's doing
        assert exchange.record.bytes_out < words * 600
        assert len(await answer.read()) == 4 + words * 600
    await logged(here)
    assert here.lines()[0]["stream_end"] == "complete"
    assert here.lines()[0]["client_ms"] > 0


async def test_a_client_that_leaves_while_it_does_not_read(build: Build) -> None:
    here = await build("default", {"answer": "x " * 20_000})
    answer = await here.session.post(here.url(SPEECH), json=TEXT, headers={"Authorization": f"Bearer {KEY}"})
    (exchange,) = here.proxy.listener._under_way

    async def held() -> bool:
        return exchange.connection.writing_paused

    await eventually(held)
    answer.close()
    await logged(here)
    assert (here.lines()[0]["status"], here.lines()[0]["stream_end"]) == (499, "client_disconnected")


@pytest.mark.parametrize("why", ["run_out", "stop"])
async def test_what_is_broken_off_here_is_no_whole_file(build: Build, why: str) -> None:
    here = await build("stall-mid-stream", {"after": 1})
    async with here.post(TEXT, path=SPEECH) as answer:
        await answer.content.readany()
        (exchange,) = here.proxy.listener._under_way
        getattr(exchange, why)()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    await logged(here)
    (line,) = here.lines()
    assert (line["status"], line["stream_end"]) == (200, "timeout" if why == "run_out" else "shutdown")


async def test_before_the_first_byte_it_is_an_error(build: Build) -> None:
    here = await build("slow-first-byte", None)
    task = asyncio.ensure_future(
        here.session.post(here.url(SPEECH), json=TEXT, headers={"Authorization": f"Bearer {KEY}"})
    )
    async with asyncio.timeout(30):
        await here.telnyx.state.until(lambda state: state.paused and asked(here))
    (exchange,) = here.proxy.listener._under_way
    exchange.run_out()
    async with await task as answer:
        assert answer.status == 504
        assert (await answer.json())["error"]["code"] == "upstream_timeout"
    (line,) = here.lines()
    assert "stream_end" not in line or line["stream_end"] is None


async def test_a_bug_in_the_middle_of_it_is_no_whole_file_either(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await build()

    def slip(self: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Flow, "_finish", slip)
    async with here.post(TEXT, path=SPEECH) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    await logged(here)
    (line,) = here.lines()
    assert (line["status"], line["stream_end"], line["error_code"]) == (200, "internal_error", "internal_error")
