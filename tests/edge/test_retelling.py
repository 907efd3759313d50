"""A response that cannot be kept: its client gets the answer all the same, and an operator is told."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy import codec
from proxy.edge import background
from proxy.errors import StateTooLarge, StoreUnavailable
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.journeys.test_responses import keeping, stored
from tests.world import MODEL, OTHER_KEY, World

SAID: Any = {"role": "user", "content": "And?"}


def failing(here: World, fault: Exception) -> None:
    """From now on nothing can be kept."""

    class Broken:
        """A state that fails at everything that is written."""

        async def save(self, *_: Any) -> Any:
            raise fault

        add_items = save

        async def conversation_items(self, *_: Any, **__: Any) -> Any:
            return type("Page", (), {"items": [], "more": False})()

    object.__setattr__(here.proxy.services, "state", Broken())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (StoreUnavailable("The database is away."), "unavailable"),
        (StateTooLarge("It is too large."), "too_large"),
        (ZeroDivisionError("inside"), "bug"),
    ],
)
async def test_the_answer_says_that_it_is_not_kept(build: Build, tmp_path: Path, fault: Exception, reason: str) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    failing(here, fault)
    raw = await client.responses.with_raw_response.create(model=MODEL, input="Hello there")
    assert "dropped=store" in raw.headers["x-telnyx-proxy-changes"]
    answer = raw.parse()
    assert (answer.output_text, stored(answer)) == ("You said: Hello there", False)
    async with client.responses.stream(model=MODEL, input="Hello there") as stream:
        final = await stream.get_final_response()
    assert (final.output_text, stored(final)) == ("You said: Hello there", False)
    await client.responses.create(model=MODEL, input="Hello there", store=False)
    assert await here.metric("telnyx_proxy_state_failures_total", tenant="acme") == 2
    alerts = [line for line in here.log.read_text().splitlines() if '"response_not_kept"' in line]
    assert len(alerts) == 2
    assert all(reason in line for line in alerts)
    await client.responses.create(model=MODEL, input="Hello there", conversation="conv_1", store=False)
    assert await here.metric("telnyx_proxy_state_failures_total", tenant="acme") == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_one_that_was_cancelled_or_deleted_meanwhile_is_told_as_that(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """By somebody at another process, and so late that the answer was there before anybody here had looked."""
    monkeypatch.setattr(background, "LOOKED_EVERY", 3600)
    here = await keeping(build, tmp_path)
    client, state = await here.openai(), here.proxy.services.state
    assert state is not None
    asked: Any = {"model": MODEL, "input": "Hello there", "background": True, "stream": stream}
    for action in (state.cancel, state.delete):
        here.telnyx.state.choose("stall-mid-stream+stall-mid-body")
        made: Any = await client.responses.create(**asked)
        events = aiter(made) if stream else None
        identity = (await anext(events)).response.id if events else made.id
        await here.telnyx.state.until(lambda state: state.paused == 1)
        await action("acme", identity)
        here.telnyx.state.release.set()
        last = [event async for event in events][-1] if events else None
        await eventually(lambda: idle(here))
        if action == state.delete:
            assert last is None or (last.type, stored(last.response)) == ("response.completed", False)
            assert await state.get("acme", identity) is None
            continue
        kept = await client.responses.retrieve(identity)
        assert (kept.status, kept.error, kept.completed_at) == ("cancelled", None, None)
        assert kept.output_text == "You said: Hello there", "what was said stays, and what it cost"
        assert kept.usage is not None
        if last is not None:
            assert (last.type, last.response.to_dict()) == ("response.failed", kept.to_dict())
    assert await here.metric("telnyx_proxy_state_failures_total") == 0


async def idle(here: World) -> bool:
    return not here.proxy.services.making


async def test_what_is_in_the_background_must_be_kept(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    failing(here, StoreUnavailable("The database is away."))
    async with here.post({"model": MODEL, "input": "x", "background": True}, path="/v1/responses") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "store_unavailable")
    assert here.proxy.services.making == {}
    assert here.sent() == []


async def test_reasoning_comes_back_sealed_and_is_read_for_its_tenant_only(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client, stranger = await here.openai(), await here.openai(OTHER_KEY)
    asked: Any = {"model": MODEL, "store": False, "include": ["reasoning.encrypted_content"]}
    first = await client.responses.create(input="Hello there", **asked)
    thought = next(item for item in first.output if item.type == "reasoning")
    assert thought.summary
    assert thought.encrypted_content
    assert thought.summary[0].text not in thought.encrypted_content
    sealed: Any = {"type": "reasoning", "id": thought.id, "summary": [], "encrypted_content": thought.encrypted_content}
    for someone, unread in ((client, False), (stranger, True)):
        raw = await someone.responses.with_raw_response.create(input=[sealed, SAID], **asked)
        assert ("input[].encrypted_content" in raw.headers["x-telnyx-proxy-changes"]) is unread


async def test_a_model_can_be_asked_by_telnyxs_own_responses_api(
    build: Build, tmp_path: Path, aiohttp_raw_server: Any
) -> None:
    """What comes back is told under our id, so that it is found where it is kept."""
    asked: list[tuple[str, Any]] = []
    message = {"type": "message", "id": "msg_t", "role": "assistant", "status": "completed"}
    content = [{"type": "output_text", "text": "Hello", "annotations": []}]
    theirs = {"id": "resp_telnyx", "object": "response", "created_at": 1, "status": "completed", "model": MODEL,
              "output": [{**message, "content": content}],
              "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}}  # fmt: skip

    async def telnyx(request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            return web.json_response({"object": "list", "data": []})
        asked.append((request.path, codec.decode(await request.read())))
        return web.json_response(theirs)

    server = await aiohttp_raw_server(telnyx)
    base_url = str(server.make_url("/v2"))
    native: Any = {"profiles": {"*": {"responses": "native"}}}
    here = await keeping(build, tmp_path, upstream={"base_url": base_url}, models=native)
    client = await here.openai()
    first = await client.responses.create(model=MODEL, input="Hello there")
    assert asked[0][0] == "/v2/ai/openai/responses"
    assert first.output_text == "Hello"
    assert first.id != "resp_telnyx"
    assert (await client.responses.retrieve(first.id)).output_text == "Hello"
    await client.responses.create(model=MODEL, input="And?", previous_response_id=first.id)
    path, body = asked[1]
    assert path == "/v2/ai/openai/responses"
    assert "previous_response_id" not in body, "Telnyx is sent the whole conversation"
    assert len(body["input"]) == 3
    assert [line["tokens_source"] for line in here.lines() if line["endpoint"] == "responses"] == ["upstream"] * 2


async def test_a_refusal_of_telnyx_names_what_the_client_sent(build: Build) -> None:
    here = await build("context-length")
    async with here.post({"model": MODEL, "input": "too long"}, path="/v1/responses") as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["param"], error["code"]) == (400, "input", "context_length_exceeded")
