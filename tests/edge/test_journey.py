"""What the journey itself decides; the roads it takes are tested in tests/journeys."""

from typing import Any

import pytest

from proxy.edge import journey, models
from tests.conftest import Build
from tests.world import HELLO, KEY, MODEL

CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}


async def test_a_bug_is_a_500_with_an_id_that_the_log_knows(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await build()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret detail of the inside")

    monkeypatch.setattr(models, "resolve", broken)
    async with here.post(CHAT) as answer:
        assert answer.status == 500
        text = await answer.text()
        request_id = answer.headers["x-request-id"]
    assert request_id in text
    assert "secret detail" not in text
    log = here.log.read_text()
    assert log.count(request_id) == 2
    assert "ZeroDivisionError" in log
    assert here.lines()[0]["error_code"] == "internal_error"


async def test_a_bug_in_a_stream_is_its_last_event(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await build()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    from proxy.streaming.chat import ChatStream

    monkeypatch.setattr(ChatStream, "feed", broken)
    async with here.post({**CHAT, "stream": True}) as answer:
        assert answer.status == 200
        text = await answer.text()
    assert text.startswith('data: {"error"')
    assert text.count("data:") == 1
    [line] = here.lines()
    assert (line["stream_end"], line["error_code"]) == ("internal_error", "internal_error")
    await here.telnyx.state.until(lambda state: state.requests[-1].ended)


async def test_usage_that_upstream_leaves_out_is_estimated_and_said(build: Build) -> None:
    here = await build("usage-missing")
    async with here.post(CHAT) as answer:
        assert "estimated=usage" in answer.headers["x-telnyx-proxy-changes"]
        usage = (await answer.json())["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert here.lines()[0]["tokens_source"] == "estimated"
    assert await here.metric("telnyx_proxy_tokens_total", source="estimated", type="output") > 0


async def test_the_end_user_is_recorded_as_a_digest_only(build: Build) -> None:
    here = await build()
    async with here.post({**CHAT, "user": "jane@example.com"}) as answer:
        assert answer.status == 200
    [line] = here.lines()
    assert len(line["end_user"]) == 16
    assert "jane" not in here.log.read_text()


async def test_the_upstreams_request_id_is_handed_on(build: Build, aiohttp_raw_server: Any) -> None:
    from aiohttp import web

    async def telnyx(request: web.BaseRequest) -> web.Response:
        return web.json_response({"detail": "no"}, status=400, headers={"x-request-id": "telnyx-77"})

    server = await aiohttp_raw_server(telnyx)
    here = await build(upstream={"base_url": str(server.make_url("/v2"))})
    async with here.post(CHAT) as answer:
        assert answer.headers["x-telnyx-request-id"] == "telnyx-77"
    assert here.lines()[0]["upstream_request_id"] == "telnyx-77"


def test_no_credential_of_ours_is_among_the_headers_handed_on() -> None:
    assert not {"authorization", "cookie", "openai-organization"} & set(journey.HANDED_ON)


async def test_an_unknown_key_is_refused_before_the_body_is_read(build: Build) -> None:
    here = await build()
    headers = {"Authorization": f"Bearer {KEY}x", "Content-Length": str(10**9)}
    async with here.session.post(here.url("/v1/chat/completions"), headers=headers) as answer:
        assert answer.status == 401
