"""The yardstick does what it says: it swaps the model and the credential, and the answers come through whole."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer

from tests.bench import answers, load, mock, relay
from tests.bench.load import Plan


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp would like a file better
@pytest.mark.parametrize("model", [answers.AT_ONCE, "chunks-1"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_relay_passes_right_answers_on(model: str, *, stream: bool) -> None:
    upstream = await asyncio.get_running_loop().create_server(mock.upstream(), answers.HOST, 0)
    async with upstream, TestServer(relay.application(upstream.sockets[0].getsockname()[1])) as server:
        plan = Plan(server.port or 0, connections=2, requests=4, model=model, stream=stream)
        tally = await load.run(plan)
        large = await load.run(replace(plan, size=2_000_000, requests=1))
        unknown = await load.run(replace(plan, model="other"))
    assert (len(tally.latencies), tally.bad, tally.first_bad) == (4, 0, "")
    assert (large.bad, large.first_bad) == (0, "")
    assert (unknown.bad, unknown.first_bad[:10]) == (4, "status 404")
