"""What the way of a Messages request decides itself; the rest is in tests/journeys."""

from typing import Any

from tests.conftest import Build
from tests.world import HELLO, MODEL

BODY: dict[str, Any] = {"model": MODEL, "max_tokens": 9, "messages": HELLO}
OPTIONS: Any = {"path": "/v1/messages"}
COUNT: Any = {"path": "/v1/messages/count_tokens"}


async def test_a_beta_is_told_and_nothing_else_is(build: Build) -> None:
    here = await build()
    async with here.post(BODY, **OPTIONS) as answer:
        assert answer.headers["x-telnyx-proxy-changes"] == "injected=temperature:1"
    async with here.post(BODY, headers={"anthropic-beta": "a,b"}, **OPTIONS) as answer:
        assert answer.headers["x-telnyx-proxy-changes"] == "injected=temperature:1; dropped=anthropic-beta"


async def test_pictures_are_counted_as_they_are_reserved(build: Build) -> None:
    here = await build()
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": [image, image]}], "system": None, "tools": None}
    async with here.post(body, **COUNT) as answer:
        assert await answer.json() == {"input_tokens": 2048}
        assert answer.headers["x-telnyx-proxy-changes"] == "estimated=input_tokens"
    [line] = here.lines()
    assert (line["endpoint"], line["model"]) == ("messages.count_tokens", MODEL)


async def test_counting_checks_what_it_reads(build: Build) -> None:
    here = await build()
    for wrong, param in (({"messages": [{}]}, "messages"), ({"system": 7}, "system"), ({"tools": {}}, "tools")):
        async with here.post({**BODY, **wrong}, **COUNT) as answer:
            assert answer.status == 400
            assert param in (await answer.json())["error"]["message"]


async def test_silence_is_filled_with_pings(build: Build) -> None:
    here = await build("slow-stream", streams={"keepalive": 0, "heartbeat": 0.05})
    async with here.post({**BODY, "stream": True}, **OPTIONS) as answer:
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        seen = b""
        while b"event: ping" not in seen:
            seen += await answer.content.readany()
        here.telnyx.state.choose("default")
        here.telnyx.state.release.set()
        assert (await answer.read()).rstrip().endswith(b'{"type":"message_stop"}')
