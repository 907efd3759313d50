"""Both ways to carry a request to Telnyx, as the settings name them: no client can tell them apart."""

import pytest

from tests.conftest import Build
from tests.world import HELLO, MODEL

TRANSPORTS = pytest.mark.parametrize("transport", ["native", "aiohttp"])


@TRANSPORTS
async def test_answers_are_the_same(build: Build, transport: str) -> None:
    here = await build(upstream={"transport": transport})
    client = await here.openai()
    whole = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert whole.choices[0].message.content == "You said: Hello there"
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert said == "You said: Hello there"
    assert [line["status"] for line in here.lines()] == [200, 200]


@TRANSPORTS
async def test_a_client_that_goes_away_is_told_to_telnyx(build: Build, transport: str) -> None:
    here = await build("stall-mid-stream", upstream={"transport": transport})
    async with here.post({"model": MODEL, "messages": HELLO, "stream": True}) as answer:
        await answer.content.readany()
    await here.telnyx.state.until(lambda state: any(request.hung_up for request in state.requests))


@TRANSPORTS
@pytest.mark.parametrize("stream", [False, True])
async def test_the_time_for_an_answer_ends(build: Build, transport: str, *, stream: bool) -> None:
    scenario = "stall-mid-stream" if stream else "slow-headers"
    here = await build(scenario, upstream={"transport": transport, "timeouts": {"total": 1.5}})
    async with here.post({"model": MODEL, "messages": HELLO, "stream": stream}) as answer:
        text = await answer.text()
        assert answer.status == (200 if stream else 504)
    assert "timeouts.total" in text
    await here.telnyx.state.until(lambda state: any(request.hung_up for request in state.requests))
    [line] = here.lines()
    assert line["error_code"] == "upstream_timeout"
    assert line.get("stream_end") == ("timeout" if stream else None)
