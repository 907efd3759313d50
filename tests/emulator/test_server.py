"""The emulator on a socket."""

import asyncio

import aiohttp
import pytest

from proxy.emulator.scenarios import UnknownScenario
from proxy.emulator.server import Emulator, running
from proxy.emulator.state import State

HEADERS = {"authorization": "Bearer KEY_test"}


async def test_it_says_where_it_listens_and_how_it_behaves() -> None:
    async with running(scenario="huge-event", options={"bytes": 9}) as emulator:
        assert emulator.base_url == f"http://127.0.0.1:{emulator.port}/v2"
        assert emulator.state.behaviour.bytes == 9
        async with aiohttp.ClientSession() as session, session.get(f"{emulator.root}/_scenario") as response:
            assert await response.json() == {"name": "huge-event", "options": {"bytes": 9}}


async def test_it_stops_listening_when_the_block_is_left() -> None:
    async with running() as emulator:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", emulator.port)


async def test_a_port_in_use_is_an_error() -> None:
    async with running() as emulator:
        with pytest.raises(OSError, match="in use"):
            async with running(port=emulator.port):
                raise AssertionError


async def test_an_unknown_scenario_is_an_error_before_anything_listens() -> None:
    with pytest.raises(UnknownScenario):
        async with running(scenario="nothing"):
            raise AssertionError


async def test_stopping_lets_open_answers_end() -> None:
    async with aiohttp.ClientSession() as session:
        async with running(scenario="stall-mid-stream") as emulator:
            body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
            url = f"{emulator.base_url}/ai/openai/chat/completions"
            asked = asyncio.ensure_future(session.post(url, json=body, headers=HEADERS))
            await emulator.state.until(lambda state: state.paused == 1)
        async with await asked as response:
            assert (await response.read()).endswith(b"data: [DONE]\n\n")
    assert emulator.state.requests[0].outcome == "complete"


async def test_several_emulators_know_nothing_of_each_other() -> None:
    async with running() as one, running(scenario="unavailable") as other, aiohttp.ClientSession() as session:
        async with session.get(f"{one.base_url}/ai/models", headers=HEADERS) as response:
            assert response.status == 200
        assert (len(one.state.requests), len(other.state.requests)) == (1, 0)


def test_an_address_of_ipv6_is_bracketed() -> None:
    assert Emulator("::1", 80, State()).base_url == "http://[::1]:80/v2"
