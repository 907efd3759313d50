"""The Responses API with the official client: whole, streamed, parsed, with tools, and gone on from."""

from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.world import KEY, MODEL, OTHER_KEY, World

TENANTS: list[dict[str, Any]] = [
    {"id": "acme", "upstream_api_key": {"value": "KEY_acme"}, "keys": [{"name": "web", "secret": {"value": KEY}}]},
    {
        "id": "beta",
        "upstream_api_key": {"value": "KEY_beta"},
        "keys": [{"name": "app", "secret": {"value": OTHER_KEY}}],
    },
]
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": None,
}


async def keeping(build: Build, folder: Path, scenario: str = "default", options: Any = None, **sections: Any) -> World:
    """A proxy that keeps what is said, for two tenants."""
    given: dict[str, Any] = {"storage": {"url": f"sqlite:///{folder}/proxy.db"}, "tenants": TENANTS}
    return await build(scenario, options, **{**given, **sections})


def stored(response: Response) -> Any:
    """What it says of itself; the library has no attribute for it."""
    return response.to_dict()["store"]


def messages(here: World) -> list[Any]:
    """What Telnyx was sent last."""
    return list(here.sent()[-1]["messages"])


async def test_a_response_is_kept_and_gone_on_from(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    first = await client.responses.create(
        model=MODEL, input="Hello there", instructions="Be brief.", metadata={"a": "b"}
    )
    assert (first.status, first.output_text, stored(first)) == ("completed", "You said: Hello there", True)
    assert messages(here)[0]["role"] == "system"
    again = await client.responses.retrieve(first.id, include=["reasoning.encrypted_content"])
    assert again.to_dict() == first.to_dict()

    second = await client.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert [(each["role"], each["content"]) for each in messages(here)] == [
        ("user", "Hello there"),
        ("assistant", "You said: Hello there"),
        ("user", "And now?"),
    ], "instructions are not inherited"
    third = await client.responses.create(model=MODEL, input="Once more", previous_response_id=second.id)
    assert len(messages(here)) == 5

    listed = [item async for item in client.responses.input_items.list(third.id)]
    assert [item.type for item in listed] == ["message"]
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{first.id}' not found.") as caught:
        await client.responses.retrieve(first.id)
    assert (caught.value.type, caught.value.param) == ("invalid_request_error", None)
    endpoints = [line["endpoint"] for line in here.lines()]
    assert endpoints.count("responses") == 3
    assert endpoints.count("responses.retrieve") == 2
    assert {line["tokens_source"] for line in here.lines() if line["endpoint"] == "responses"} == {"upstream"}
    assert not any("tokens_source" in line for line in here.lines() if line["endpoint"] != "responses")


async def test_a_stream_is_kept_before_its_last_event(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    kinds = []
    async with client.responses.stream(model=MODEL, input="Hello there") as stream:
        async for event in stream:
            kinds.append(event.type)
            if event.type == "response.completed":
                assert (await client.responses.retrieve(event.response.id)).output_text == "You said: Hello there"
        final = await stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert (await client.responses.retrieve(final.id)).usage == final.usage
    streamed = next(line for line in here.lines() if line["endpoint"] == "responses")
    assert streamed["stream_end"] == "complete"


async def test_the_first_events_come_before_telnyx_says_anything(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "slow-first-byte", {"seconds": 60})
    client = await here.openai()
    stream = await client.responses.create(model=MODEL, input="Hello there", stream=True)
    events = aiter(stream)
    assert [(await anext(events)).type for _ in range(2)] == ["response.created", "response.in_progress"]
    here.telnyx.state.release.set()
    assert [event.type async for event in events][-1] == "response.completed"


async def test_structured_output_is_parsed(build: Build, tmp_path: Path) -> None:
    class City(BaseModel):
        name: str
        people: int

    here = await keeping(build, tmp_path)
    client = await here.openai()
    parsed = await client.responses.parse(model=MODEL, input="A city, please", text_format=City)
    assert isinstance(parsed.output_parsed, City)


async def round_trip(client: AsyncOpenAI, first: Response, **more: Any) -> Response:
    """The answer to the first call of a response."""
    call = next(item for item in first.output if item.type == "function_call")
    assert (call.name, call.status) == ("get_weather", "completed")
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "22 degrees"}
    answer: Response = await client.responses.create(model=MODEL, tools=[WEATHER], **{"input": [output], **more})
    return answer


async def test_tools_make_a_round_trip_through_what_is_kept(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    first = await client.responses.create(model=MODEL, input="What is the weather in Paris?", tools=[WEATHER])
    second = await round_trip(client, first, previous_response_id=first.id)
    roles = [each["role"] for each in messages(here)]
    assert roles == ["user", "assistant", "tool"]
    assert messages(here)[1]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert second.status == "completed"


async def test_references_to_items_are_looked_up(build: Build, tmp_path: Path) -> None:
    """As the Vercel AI SDK sends every earlier answer."""
    here = await keeping(build, tmp_path)
    client = await here.openai()
    first = await client.responses.create(model=MODEL, input="Hello there")
    said = next(item for item in first.output if item.type == "message")
    for reference in ({"type": "item_reference", "id": said.id}, {"id": said.id}):
        given: Any = [{"role": "user", "content": "Hello there"}, reference, {"role": "user", "content": "And?"}]
        await client.responses.create(model=MODEL, input=given)
        assert [each["content"] for each in messages(here)] == ["Hello there", "You said: Hello there", "And?"]
    # What an application sends back whole has its ids, too, and is found under them like before.
    replayed: Any = [*(item.to_dict() for item in first.output), {"role": "user", "content": "And?"}]
    replay = await client.responses.create(model=MODEL, input=replayed)
    assert (await client.responses.create(model=MODEL, input="x", previous_response_id=replay.id)).status == "completed"


async def test_what_is_another_tenants_is_not_found_anywhere(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    ours, theirs = await here.openai(), await here.openai(OTHER_KEY)
    mine = await ours.responses.create(model=MODEL, input="Hello there")
    said: Any = mine.output[-1].id
    talk = await ours.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello"}])
    before = len(here.sent())
    responses: Any = theirs.responses
    conversations: Any = theirs.conversations
    strange = "resp_../../etc/passwd\x00'; drop table responses; --" + "x" * 300
    for identity in (mine.id, strange, "resp_" + "0" * 48):
        for call in (responses.retrieve, responses.delete, responses.cancel):
            with pytest.raises(openai.NotFoundError, match="Response with id"):
                await call(identity)
        with pytest.raises(openai.NotFoundError, match="Response with id"):
            await responses.input_items.list(identity)
        with pytest.raises(openai.BadRequestError, match="Previous response with id") as caught:
            await responses.create(model=MODEL, input="x", previous_response_id=identity)
        assert caught.value.code == "previous_response_not_found"
    for identity in (talk.id, strange):
        for call in (conversations.retrieve, conversations.delete, conversations.items.list):
            with pytest.raises(openai.NotFoundError, match="Conversation with id"):
                await call(identity)
        with pytest.raises(openai.NotFoundError, match="Conversation with id"):
            await conversations.update(identity, metadata={})
        with pytest.raises(openai.NotFoundError, match="Conversation with id"):
            await conversations.items.create(identity, items=[{"role": "user", "content": "x"}])
        for use in (conversations.items.retrieve, conversations.items.delete):
            with pytest.raises(openai.NotFoundError, match="Conversation with id"):
                await use(said, conversation_id=identity)
        with pytest.raises(openai.NotFoundError, match="Conversation with id"):
            await responses.create(model=MODEL, input="x", conversation=identity)
    own = await conversations.create()
    for item in (said, strange):
        reference: Any = [{"type": "item_reference", "id": item}]
        with pytest.raises(openai.NotFoundError, match="Item with id"):
            await responses.create(model=MODEL, input=reference)
        for use in (conversations.items.retrieve, conversations.items.delete):
            with pytest.raises(openai.NotFoundError, match="Item with id"):
                await use(item, conversation_id=own.id)
        with pytest.raises(openai.NotFoundError, match="Item with id"):
            await conversations.items.list(own.id, after=item)
    assert len(here.sent()) == before, "Telnyx was never asked"
    assert (await ours.responses.retrieve(mine.id)).id == mine.id


async def test_nothing_is_kept_of_what_is_not_to_be(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    passing = await client.responses.create(model=MODEL, input="Hello there", store=False)
    assert stored(passing) is False
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(passing.id)
    reference: Any = [{"type": "item_reference", "id": passing.output[-1].id}]
    with pytest.raises(openai.NotFoundError, match="store"):
        await client.responses.create(model=MODEL, input=reference)


async def test_a_stream_whose_client_leaves_is_cut_and_not_kept(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "stall-mid-stream")
    client = await here.openai()
    stream = await client.responses.create(model=MODEL, input="Hello there", stream=True)
    created: Any = await anext(aiter(stream))
    await stream.close()
    await client.close()
    await here.telnyx.state.until(lambda state: state.requests[-1].ended)
    await eventually(lambda: logged(here, 1))
    assert here.lines()[-1]["stream_end"] == "client_disconnected"
    with pytest.raises(openai.NotFoundError):
        await (await here.openai()).responses.retrieve(created.response.id)


async def logged(here: World, lines: int) -> bool:
    return len(here.lines()) >= lines


async def test_a_stream_that_breaks_is_kept_as_failed(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "reset-mid-stream")
    client = await here.openai()
    events = [event async for event in await client.responses.create(model=MODEL, input="Hello there", stream=True)]
    last = events[-1]
    assert last.type == "response.failed"
    kept = await client.responses.retrieve(last.response.id)
    assert kept.status == "failed"
    assert kept.error == last.response.error
    assert kept.error is not None


async def test_without_a_store_nothing_is_kept_and_that_is_told(build: Build) -> None:
    here = await build()
    client = await here.openai()
    raw = await client.responses.with_raw_response.create(model=MODEL, input="Hello there")
    assert "dropped=store" in raw.headers["x-telnyx-proxy-changes"]
    told = raw.parse()
    assert (stored(told), told.output_text) == (False, "You said: Hello there")
    async with client.responses.stream(model=MODEL, input="Hello there") as stream:
        assert stored(await stream.get_final_response()) is False
    quiet = await client.responses.with_raw_response.create(model=MODEL, input="Hello there", store=False)
    assert "store" not in quiet.headers.get("x-telnyx-proxy-changes", "")
    refused: list[Any] = [
        client.responses.retrieve(told.id),
        client.responses.delete(told.id),
        client.responses.cancel(told.id),
        client.responses.create(model=MODEL, input="x", previous_response_id=told.id),
        client.responses.create(model=MODEL, input="x", conversation="conv_1"),
        client.responses.create(model=MODEL, input="x", background=True),
        client.responses.create(model=MODEL, input=[{"type": "item_reference", "id": "msg_1"}]),
        client.conversations.create(),
        client.conversations.retrieve("conv_1"),
    ]
    for call in refused:
        with pytest.raises(openai.BadRequestError, match=r"storage\.url") as caught:
            await call
        assert caught.value.code == "nothing_kept"
