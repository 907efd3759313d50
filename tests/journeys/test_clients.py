"""What unchanged applications do with the official client, whatever Telnyx's manners are: they cannot tell it moved.

Every job is done whole and streamed under every manner, and must come to the same end. The bodies are read twice, by
the client and, strictly, by its own types.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from proxy import codec
from tests.conftest import Build
from tests.world import KEY, MODEL, World

MANNERS = [
    "default", "strict-schema", "dialect-2026-06", "think-tags", "reasoning-field", "minimal-answer+minimal-chunks",
    "tool-repeat-ids", "tool-no-index", "tool-null-fields+tool-finish-stop", "usage-on-every-chunk", "fenced-json",
    "json-schema-refused+content-list", "tools-with-schema-refused", "finish-foreign",
    "think-tags+tool-no-index+empty-choices+no-role+odd-slices+crlf",
    "strict-schema+cap-with-tools-refused+system-merge-required+tool-repeat-ids+no-done",
    "dialect-2026-06+stream-options-refused+reasoning-effort-refused+think-tags+fenced-json+one-byte+error-null",
]  # fmt: skip


def function(name: str, **properties: Any) -> dict[str, Any]:
    """A strict function tool."""
    form = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "strict": True, "parameters": form}}


WEATHER, TIME = function("get_weather", city={"type": "string"}), function("get_time")
NAMED_TIME = {"type": "function", "function": {"name": "get_time"}}


class City(BaseModel):
    """What structured output is asked for."""

    name: str
    people: int


def user(text: str) -> dict[str, Any]:
    """A message."""
    return {"role": "user", "content": text}


@dataclass
class Heard:
    """One choice as an application has it in the end."""

    finish: str | None = None
    texts: dict[str, str] = field(default_factory=lambda: {"content": "", "reasoning_content": ""})
    calls: list[dict[str, Any]] = field(default_factory=list)
    function: dict[str, str] | None = None
    usage: tuple[int, int, int] | None = None

    @property
    def content(self) -> str:
        """The text."""
        return self.texts["content"]

    @property
    def names(self) -> list[str]:
        """The functions called, in any order."""
        return sorted(call["function"]["name"] for call in self.calls)

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's turn, as applications send it back."""
        turn = {"role": "assistant", "content": self.content or None, "refusal": None}
        return {**turn, "tool_calls": self.calls} if self.calls else turn

    def add(self, delta: dict[str, Any]) -> None:
        """What hand-written loops do with a delta: ids and names are taken once, texts are joined."""
        for name in self.texts:
            self.texts[name] += delta.get(name) or ""
        for piece in delta.get("tool_calls", ()):
            if piece["index"] == len(self.calls):
                self.calls.append({key: piece[key] for key in ("id", "type", "function")})
            else:
                assert set(piece) == {"index", "function"}
                assert set(piece["function"]) == {"arguments"}
                self.calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
        if "function_call" in delta:
            known = self.function or {"arguments": ""}
            self.function = {**known, **delta["function_call"]}
            self.function["arguments"] = known["arguments"] + delta["function_call"]["arguments"]


def figures(usage: dict[str, Any]) -> tuple[int, int, int]:
    """The usage, which must add up."""
    total = usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["total_tokens"] == total > usage["prompt_tokens"] > 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return usage["prompt_tokens"], usage["completion_tokens"], reasoning


class Client:
    """The official client, one job at a time; what it gets is validated on the way."""

    def __init__(self, official: AsyncOpenAI, *, stream: bool) -> None:
        self.official = official
        self.stream = stream

    async def ask(self, *messages: Any, **fields: Any) -> Heard:
        """One request, and its only choice."""
        wanted: dict[str, Any] = {"model": MODEL, "messages": list(messages), **fields}
        create = self.official.chat.completions.with_raw_response.create
        if self.stream:
            wanted |= {"stream": True, "stream_options": {"include_usage": True}}
        raw = await create(**wanted)
        assert raw.headers["x-request-id"].startswith("req_")
        if self.stream:
            return _assembled([chunk.to_dict() async for chunk in raw.parse()])
        return _read(raw.content)


def _read(body: bytes) -> Heard:
    ChatCompletion.model_validate_json(body, strict=True)
    answer = codec.decode(body)
    [choice] = answer["choices"]
    message = choice["message"]
    heard = Heard(choice["finish_reason"], calls=message.get("tool_calls") or [], usage=figures(answer["usage"]))
    heard.texts = {name: message.get(name) or "" for name in heard.texts}
    heard.function = message.get("function_call")
    return heard


def _assembled(chunks: list[Any]) -> Heard:
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)
        assert chunk["object"] == "chat.completion.chunk"
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    *parts, last = chunks
    assert not last["choices"]
    heard = Heard(usage=figures(last["usage"]))
    for place, chunk in enumerate(parts):
        assert chunk["usage"] is None
        [choice] = chunk["choices"]
        assert ("role" in choice["delta"]) == (place == 0)
        assert heard.finish is None, "something came after the finish reason"
        heard.add(choice["delta"])
        heard.finish = choice["finish_reason"]
    return heard


@asynccontextmanager
async def client_of(here: World, *, stream: bool) -> AsyncIterator[Client]:
    """A client for one world."""
    yield Client(await here.openai(), stream=stream)


pytestmark = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
under_all_manners = pytest.mark.parametrize("manner", MANNERS)


@under_all_manners
async def test_a_conversation(build: Build, manner: str, *, stream: bool) -> None:
    async with client_of(await build(manner), stream=stream) as client:
        turns: list[Any] = [{"role": "system", "content": "Be brief."}, user("one")]
        first = await client.ask(*turns, max_completion_tokens=200, reasoning_effort="high")
        assert (first.content, first.finish) == ("You said: one", "stop")
        assert first.texts["reasoning_content"], "the model thinks, under whatever name"
        reminder = {"role": "developer", "content": "Still."}
        second = await client.ask(*turns, first.message, reminder, user("two"), user="someone", seed=1, stop=["zzz"])
        assert (second.content, second.finish) == ("You said: two", "stop")


@under_all_manners
async def test_tools_with_a_round_trip(build: Build, manner: str, *, stream: bool) -> None:
    async with client_of(await build(manner), stream=stream) as client:
        question = user("both, please: get_weather and get_time")
        tools = {"tools": [WEATHER, TIME], "max_tokens": 300}
        asked = await client.ask(question, **tools)
        assert asked.names == ["get_time", "get_weather"]
        assert asked.finish == "tool_calls"
        assert len({call["id"] for call in asked.calls}) == 2
        [arguments] = [call["function"]["arguments"] for call in asked.calls if call["function"]["name"] != "get_time"]
        assert set(json.loads(arguments)) == {"city"}
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "noon"} for call in asked.calls]
        told = await client.ask(question, asked.message, *results, **tools)
        assert (told.content, told.finish, told.calls) == ("The tool answered: noon noon", "stop", [])


@under_all_manners
async def test_a_tool_named_and_one_call_at_a_time(build: Build, manner: str, *, stream: bool) -> None:
    async with client_of(await build(manner), stream=stream) as client:
        tools = {"tools": [WEATHER, TIME]}
        named = await client.ask(user("Hello"), tool_choice=NAMED_TIME, **tools)
        assert (named.names, named.finish) == (["get_time"], "stop")
        required = await client.ask(user("Hello"), tool_choice="required", **tools)
        assert (required.names, required.finish) == (["get_weather"], "tool_calls")
        single = await client.ask(user("both"), parallel_tool_calls=False, **tools)
        assert (single.names, single.finish) == (["get_weather"], "tool_calls")


@under_all_manners
async def test_functions_of_older_applications(build: Build, manner: str, *, stream: bool) -> None:
    async with client_of(await build(manner), stream=stream) as client:
        functions = {"functions": [WEATHER["function"], TIME["function"]]}
        asked = await client.ask(user("get_weather"), **functions)
        assert asked.function is not None
        assert (asked.function["name"], asked.finish, asked.calls) == ("get_weather", "function_call", [])
        assert set(json.loads(asked.function["arguments"])) == {"city"}
        turn = {"role": "assistant", "content": None, "function_call": asked.function}
        result = {"role": "function", "name": "get_weather", "content": "sunny"}
        told = await client.ask(user("get_weather"), turn, result, **functions)
        assert (told.content, told.finish) == ("The tool answered: sunny", "stop")


@under_all_manners
async def test_structured_output(build: Build, manner: str, *, stream: bool) -> None:
    """The text must parse, tools or none: `parse()`, and every framework above it, feeds it to a parser as it is."""
    async with client_of(await build(manner), stream=stream) as client:
        schema = {**City.model_json_schema(), "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": schema}}
        for tools in ({}, {"tools": [WEATHER, TIME]}):
            heard = await client.ask(user("Hello"), response_format=form, **tools)
            assert isinstance(City.model_validate_json(heard.content), City)
            assert heard.finish == "stop"
        anything = await client.ask(user("Any JSON"), response_format={"type": "json_object"})
        assert isinstance(json.loads(anything.content), dict)


@pytest.mark.parametrize("manner", ["usage-missing", "strict-schema", "stream-options-refused", "think-tags"])
async def test_estimated_usage_knows_of_the_reasoning(build: Build, manner: str, *, stream: bool) -> None:
    async with client_of(await build(f"{manner}+usage-missing"), stream=stream) as client:
        thoughtful = await client.ask(user("Hello"), reasoning_effort="high")
        assert thoughtful.usage is not None
        assert 0 < thoughtful.usage[2] < thoughtful.usage[1]
        plain = await client.ask(user("Hello"), extra_body={"enable_thinking": False})
        assert plain.usage is not None
        assert plain.usage[2] == 0


async def test_the_client_waits_as_told_and_then_succeeds(build: Build, *, stream: bool) -> None:
    here = await build("rate-limited", {"times": 1, "retry_after": 1})
    client = Client(await here.openai(max_retries=2), stream=stream)
    heard = await client.ask(user("Hello"))
    assert heard.content == "You said: Hello"
    assert len(here.sent()) == 2
    retried = here.lines()
    assert [line["status"] for line in retried] == [429, 200]


async def test_the_client_does_not_try_again_what_is_hopeless(build: Build, *, stream: bool) -> None:
    here = await build("insufficient-funds")
    client = Client(await here.openai(max_retries=2), stream=stream)
    with pytest.raises(openai.RateLimitError) as caught:
        await client.ask(user("Hello"))
    assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")
    assert caught.value.request_id
    assert len(here.sent()) == 1


async def test_errors_name_what_was_wrong(build: Build, *, stream: bool) -> None:
    here = await build()
    client = Client(await here.openai(), stream=stream)
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.ask(user("Hello"), model="no/such-model")
    assert (unknown.value.code, unknown.value.type) == ("model_not_found", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as bad:
        await client.ask(user("Hello"), temperature=9)
    assert (bad.value.param, bad.value.type) == ("temperature", "invalid_request_error")
    stranger = Client(await here.openai(KEY + "-wrong"), stream=stream)
    with pytest.raises(openai.AuthenticationError) as refused:
        await stranger.ask(user("Hello"))
    assert refused.value.code == "invalid_api_key"
    assert KEY not in refused.value.message
