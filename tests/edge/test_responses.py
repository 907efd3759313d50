"""What of the Responses API is answered without asking Telnyx, and what is refused at once."""

import asyncio
from pathlib import Path

import pytest

from proxy import codec
from tests.conftest import Build
from tests.journeys.test_responses import WEATHER, keeping
from tests.world import KEY, MODEL, OTHER_KEY, World

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {key}\r\n\r\n"
)


async def shaken(here: World, path: str, more: bytes = b"") -> tuple[list[str], dict[str, object]]:
    """The head and the error that a WebSocket handshake is answered with."""
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(UPGRADE.format(path=path, key=KEY).encode() + more)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in head if line.startswith("content-length"))
    body = codec.decode(await reader.readexactly(length))
    writer.close()
    await writer.wait_closed()
    return head, body["error"]


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
async def test_a_websocket_is_refused_at_once(build: Build, path: str) -> None:
    here = await build()
    head, error = await shaken(here, path)
    assert head[0].startswith("http/1.1 426")
    assert "upgrade: http/1.1" in head
    assert any(line.startswith("x-request-id: req_") for line in head)
    assert (error["type"], error["code"]) == ("invalid_request_error", "websocket_not_supported")
    head, _ = await shaken(here, path, b"\x81\x85\x00\x00\x00\x00hello")
    assert head[0].startswith("http/1.1 426"), "also to one that does not wait for the answer"


async def test_other_methods_and_compaction_are_refused_clearly(build: Build) -> None:
    here = await build()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with here.session.get(here.url("/v1/responses"), headers=headers) as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
    async with here.post({"model": MODEL, "input": "x"}, path="/v1/responses/compact") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unsupported_endpoint")


async def test_tokens_are_estimated_without_asking_telnyx(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    short = await client.responses.input_tokens.count(model=MODEL, input="Hello there")
    assert (short.object, short.input_tokens) == ("response.input_tokens", 3)
    tools = await client.responses.input_tokens.count(model=MODEL, input="Hello there", tools=[WEATHER])
    assert tools.input_tokens > short.input_tokens
    asked = len(here.sent())
    assert asked == 0
    first = await client.responses.create(model=MODEL, input="Hello there")
    raw = await client.responses.input_tokens.with_raw_response.count(
        model=MODEL, input="Hello there", previous_response_id=first.id, instructions="Be brief."
    )
    assert "estimated=input_tokens" in raw.headers["x-telnyx-proxy-changes"]
    assert raw.parse().input_tokens > short.input_tokens
    assert "tokens_source" not in here.lines()[-1]
    assert [line.get("model") for line in here.lines() if line["endpoint"] == "responses.input_tokens"] == [None] * 3


async def test_keys_and_models_hold_as_everywhere(build: Build) -> None:
    here = await build()
    for path in ("/v1/responses", "/v1/responses/input_tokens"):
        async with here.post({"model": MODEL, "input": "x"}, key=OTHER_KEY, path=path) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (403, "model_not_allowed")
        async with here.post({"model": MODEL, "input": "x"}, key="sk-nobodys", path=path) as answer:
            assert answer.status == 401
    async with here.post({"input": "x"}, path="/v1/responses") as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "model")
