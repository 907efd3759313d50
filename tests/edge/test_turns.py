"""What a request says itself and what it refers to, bounded and tidy. Whose is what: see tests/journeys."""

from pathlib import Path
from typing import Any

import pytest

from proxy import codec
from proxy.edge.turns import tidy
from tests.conftest import Build
from tests.journeys.test_responses import keeping
from tests.world import MODEL, World


def test_every_item_gets_an_id_of_its_own() -> None:
    given: list[dict[str, Any]] = [
        {"type": "message", "role": "user", "content": []},
        {"type": "message", "id": "msg_mine", "status": "incomplete"},
        {"type": "message", "id": "msg_mine"},
        {"type": "function_call", "id": None},
        {"type": "function_call_output", "id": "a b\x00"},
        {"type": "reasoning", "id": "x" * 200},
        {"type": "web_search_call"},
    ]
    before = codec.encode(given)
    ids = [item["id"] for item in tidy(given, "s")]
    assert ids == ["msg_si0000", "msg_mine", "msg_si0002", "fc_si0003", "fco_si0004", "rs_si0005", "item_si0006"]
    assert codec.encode(given) == before, "what the client sent is not written to"
    assert tidy(given, "s")[1] is given[1]
    statuses = [item.get("status") for item in tidy(given, "s")]
    assert statuses == ["completed", "incomplete", "completed", None, None, None, None], "of messages it is required"


async def told(here: World, body: dict[str, Any]) -> Any:
    """Status and error or response."""
    async with here.post({"model": MODEL, **body}, path="/v1/responses") as answer:
        return answer.status, codec.decode(await answer.read())


async def test_a_history_is_bounded_like_a_body(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, limits={"body": 4096})
    _, first = await told(here, {"input": "x" * 2000})
    asked = len(here.sent())
    status, refused = await told(here, {"input": "x" * 2000, "previous_response_id": first["id"]})
    assert (status, refused["error"]["param"], refused["error"]["code"]) == (400, "input", "context_length_exceeded")
    assert "limits.body" in refused["error"]["message"]
    assert len(here.sent()) == asked


async def test_a_history_of_nothing_but_brackets_is_bounded_too(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.codec.CONTAINERS", 40)
    here = await keeping(build, tmp_path)
    parts = [{"type": "input_text", "text": "x"}] * 30
    _, first = await told(here, {"input": [{"role": "user", "content": parts}]})
    status, refused = await told(here, {"input": "x", "previous_response_id": first["id"]})
    assert (status, refused["error"]["code"]) == (400, "context_length_exceeded")


async def test_nesting_is_bounded_where_it_can_still_be_kept(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    for levels, expected in ((100, 200), (240, 400), (900, 400)):
        deep = b'{"type":"function_call","call_id":"c","name":"f","arguments":"{}","extra":%b"x"%b}'
        items = b'[{"role":"user","content":"x"},%b,{"type":"function_call_output","call_id":"c","output":"y"}]'
        items %= deep % (b"[" * levels, b"]" * levels)
        body = b'{"model":"%b","input":%b}' % (MODEL.encode(), items)
        async with here.post(body, path="/v1/responses") as made:
            status, answer = made.status, codec.decode(await made.read())
        assert status == expected, answer
        if status == 200:
            assert answer["store"] is True
        else:
            assert "nested too deeply" in answer["error"]["message"]
    lines = here.lines()
    assert {line["error_code"] for line in lines if line["status"] == 400} == {"invalid_value"}
