"""What the public compliance suite of Open Responses checks, made anew from its specification (version 2026-04-24).

All of it in both modes: over chat completions, and over Telnyx's own Responses API. Plain HTTP, no client library.
Every response and every event of a stream is validated twice: by the specification's own types (`openresponses_types`)
and by those of OpenAI's library.
"""

from typing import TYPE_CHECKING, Any, cast

import openresponses_types
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from proxy import codec
from tests.conftest import Build
from tests.world import MODEL, World

if TYPE_CHECKING:
    from enum import Enum

EVENTS: dict[str, type[BaseModel]] = {
    next(iter(cast("type[Enum]", kind.model_fields["type"].annotation))).value: kind
    for name, kind in vars(openresponses_types).items()
    if name.endswith("StreamingEvent") and issubclass(kind, BaseModel)
}
OPENAI_EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


class Suite:
    """Asks, and validates what comes."""

    def __init__(self, here: World) -> None:
        self.here = here

    async def whole(self, **request: Any) -> dict[str, Any]:
        """One response, completed."""
        body = {"model": MODEL, **request}
        async with self.here.post(body, path="/v1/responses") as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "application/json"
            response: dict[str, Any] = await answer.json()
        valid(response)
        assert response["status"] == "completed"
        return response

    async def streamed(self, **request: Any) -> list[dict[str, Any]]:
        """The events of one response."""
        body = {"model": MODEL, "stream": True, **request}
        async with self.here.post(body, path="/v1/responses") as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/event-stream"
            text = await answer.text()
        *blocks, done, rest = text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        events = [read(block) for block in blocks if not block.startswith(":")]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        return events

    def heard(self) -> list[tuple[str, str]]:
        """What Telnyx was sent last, whichever of its endpoints it was: roles and texts."""
        sent = self.here.sent()[-1]
        said = [each for each in sent.get("messages") or sent["input"] if "role" in each]
        return [(each["role"], words(each["content"])) for each in said]


def words(content: Any) -> str:
    """What a message says, in one piece or in parts."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def read(block: str) -> dict[str, Any]:
    """One event: its name is its type, and both kinds of types know it."""
    name, data = block.split("\n")
    event: dict[str, Any] = codec.decode(data.removeprefix("data: ").encode())
    assert name == f"event: {event['type']}"
    if event["type"] in EVENTS:  # reasoning as text has another name there
        EVENTS[event["type"]].model_validate(event)
    OPENAI_EVENTS.validate_python(event)
    if "response" in event:
        valid(event["response"])
    return event


def valid(response: dict[str, Any]) -> None:
    """A response object, by both kinds of types."""
    openresponses_types.ResponseResource.model_validate(response)
    Response.model_validate(response)


def text_of(response: dict[str, Any]) -> str:
    """What it says."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


@pytest.fixture(params=["bridge", "native"])
async def suite(request: pytest.FixtureRequest, build: Build, tmp_path: Any) -> Suite:
    profiles = {"*": {"responses": request.param}}
    return Suite(await build(storage={"url": f"sqlite:///{tmp_path}/state.db"}, models={"profiles": profiles}))


async def test_a_basic_response(suite: Suite) -> None:
    response = await suite.whole(input="Say hello")
    assert text_of(response) == "You said: Say hello"
    assert response["usage"]["total_tokens"] == response["usage"]["input_tokens"] + response["usage"]["output_tokens"]


async def test_a_streamed_response(suite: Suite) -> None:
    events = await suite.streamed(input=[{"type": "message", "role": "user", "content": "Count"}])
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    said = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert said == text_of(events[-1]["response"]) == "You said: Count"


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_a_system_prompt(suite: Suite, role: str) -> None:
    pirate = {"type": "message", "role": role, "content": "Talk like a pirate"}
    response = await suite.whole(input=[pirate, {"type": "message", "role": "user", "content": "Hello"}])
    assert text_of(response) == "You said: Hello"
    assert suite.heard()[0] == ("system", "Talk like a pirate")


async def test_tool_calling(suite: Suite) -> None:
    response = await suite.whole(input="get_weather in Paris", tools=[WEATHER])
    [call] = [item for item in response["output"] if item["type"] == "function_call"]
    assert call["name"] == "get_weather"
    assert set(codec.decode(call["arguments"].encode())) == {"location"}


async def test_tool_calling_streamed(suite: Suite) -> None:
    events = await suite.streamed(input="get_weather in Paris", tools=[WEATHER])
    [done] = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    pieces = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert "".join(pieces) == done["arguments"]


async def test_a_function_call_and_its_output(suite: Suite) -> None:
    question = {"type": "message", "role": "user", "content": "get_weather in Paris"}
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"location":"Paris"}'}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    response = await suite.whole(input=[question, call, output], tools=[WEATHER])
    assert text_of(response) == "The tool answered: sunny"


async def test_an_image(suite: Suite) -> None:
    parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL}]
    response = await suite.whole(input=[{"type": "message", "role": "user", "content": parts}])
    assert text_of(response).startswith("You said: What is this?")


async def test_a_file_is_refused_with_the_place_where_it_stands(suite: Suite) -> None:
    """Telnyx's models read no documents: nothing honest can be made of it."""
    parts = [{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}]
    body = {"model": MODEL, "input": [{"type": "message", "role": "user", "content": parts}]}
    async with suite.here.post(body, path="/v1/responses") as answer:
        assert answer.status == 400
        error = (await answer.json())["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith("input[0].content[0]")


async def test_several_turns(suite: Suite) -> None:
    turns = [
        {"type": "message", "role": "user", "content": "My name is Alice"},
        {"type": "message", "role": "assistant", "content": "Hello Alice"},
        {"type": "message", "role": "user", "content": "What is my name?"},
    ]
    response = await suite.whole(input=turns)
    assert text_of(response) == "You said: What is my name?"
    assert [role for role, _ in suite.heard()] == ["user", "assistant", "user"]


async def test_a_previous_response(suite: Suite) -> None:
    first = await suite.whole(input="My name is Alice")
    second = await suite.whole(input="What is my name?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    assert suite.heard() == [
        ("user", "My name is Alice"), ("assistant", "You said: My name is Alice"), ("user", "What is my name?")
    ]  # fmt: skip


async def test_searching_the_web_is_left_out_and_told(suite: Suite) -> None:
    body = {"model": MODEL, "input": "News?", "tools": [{"type": "web_search"}]}
    async with suite.here.post(body, path="/v1/responses") as answer:
        assert answer.status == 200
        assert "tools" in answer.headers["x-telnyx-proxy-changes"]
        valid(await answer.json())
