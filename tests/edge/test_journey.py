"""What the journey itself decides; the roads it takes are tested in tests/journeys."""

from typing import Any

import pytest

from proxy.edge import models
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


async def test_an_unknown_key_is_refused_before_the_body_is_read(build: Build) -> None:
    here = await build()
    headers = {"Authorization": f"Bearer {KEY}x", "Content-Length": str(10**9)}
    async with here.session.post(here.url("/v1/chat/completions"), headers=headers) as answer:
        assert answer.status == 401
