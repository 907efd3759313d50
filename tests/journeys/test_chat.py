"""The main job: the official client, changed by base URL and key only, talks to Telnyx and cannot tell."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

from tests.conftest import Build
from tests.world import CREDENTIAL, HELLO, KEY, MODEL, OTHER_CREDENTIAL, OTHER_KEY, TENANTS

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "get_time"}}


async def test_a_whole_completion_is_answered_translated_and_attributed(build: Build) -> None:
    here = await build()
    client = await here.openai()
    raw = await client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini",
        messages=[{"role": "developer", "content": "Be nice."}, *HELLO],
        max_completion_tokens=50,
        user="someone",
        logit_bias={"1": 2},
    )
    completion = raw.parse()
    assert completion.choices[0].message.content == "You said: Hello there"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "zai-org/GLM-5.3-Flash"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["x-telnyx-proxy-changes"] == (
        "renamed=max_completion_tokens>max_tokens; aliased=gpt-4o-mini>zai-org/GLM-5.3-Flash; injected=temperature:1; "
        "converted=messages[].role; dropped=user; lossy=logit_bias"
    )
    [sent] = here.sent()
    assert sent == {
        "model": "zai-org/GLM-5.3-Flash",
        "messages": [{"role": "system", "content": "Be nice."}, *HELLO],
        "max_tokens": 50,
        "temperature": 1,
    }
    received = here.telnyx.state.requests[-1]
    assert received.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert KEY not in str(received.headers)


async def test_a_stream_has_a_role_first_a_finish_and_usage_only_if_asked(build: Build) -> None:
    here = await build()
    client = await here.openai()
    chunks = [c async for c in await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "You said: Hello there"

    options: Any = {"include_usage": True}
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, stream_options=options)
    chunks = [chunk async for chunk in stream]
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []


async def test_the_stream_is_server_sent_events_that_no_proxy_buffers(build: Build) -> None:
    here = await build()
    async with here.post({"model": MODEL, "messages": HELLO, "stream": True}) as answer:
        text = await answer.text()
        headers = answer.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"].startswith("req_")
    assert text.endswith("data: [DONE]\n\n")
    assert all(line.startswith("data: ") or not line for line in text.split("\n"))


WHOLE = (
    b'{"id":"chatcmpl-1", "object":"chat.completion","created":1750000000,"model":"m/x","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"caf\\u00e9","refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}, "something_new":[1.50]}'
)
PIECES = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m/x","choices":[{"index":0,"delta":'
    b'{"role":"assistant","content":"caf\\u00e9"},"finish_reason":null}], "something_new":1.50}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m/x","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize(("stream", "body"), [(False, WHOLE), (True, PIECES)])
async def test_what_needs_no_change_is_relayed_byte_for_byte(
    build: Build, aiohttp_raw_server: Any, *, stream: bool, body: bytes
) -> None:
    kind = "text/event-stream" if stream else "application/json"

    async def telnyx(request: web.BaseRequest) -> web.Response:
        return web.Response(body=body, content_type=kind)

    server = await aiohttp_raw_server(telnyx)
    here = await build(upstream={"base_url": str(server.make_url("/v2"))})
    async with here.post({"model": MODEL, "messages": HELLO, "stream": stream}) as answer:
        assert await answer.read() == body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
async def test_base_urls_with_and_without_v1_work(build: Build, path: str) -> None:
    here = await build()
    async with here.post({"model": MODEL, "messages": HELLO}, path=path) as answer:
        assert answer.status == 200


async def test_a_tool_call_makes_the_round_trip(build: Build) -> None:
    here = await build()
    client = await here.openai()
    messages: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])  # type: ignore[list-item] # the SDK's TypedDict cannot be inferred from a constant
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    [call] = choice.message.tool_calls
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])  # type: ignore[list-item] # as above
    assert "sunny" in (second.choices[0].message.content or "")
    assert here.sent()[1]["messages"][1]["content"] == ""


async def test_a_named_tool_is_called_and_ends_with_stop_as_at_openai(build: Build) -> None:
    here = await build()
    client = await here.openai()
    options: Any = {
        "tools": [WEATHER, TIME],
        "tool_choice": {"type": "function", "function": {"name": "get_time"}},
        "parallel_tool_calls": False,
    }
    completion = await client.chat.completions.create(model=MODEL, messages=HELLO, **options)
    message = completion.choices[0].message
    assert message.tool_calls is not None
    assert [call.function.name for call in message.tool_calls if call.type == "function"] == ["get_time"]
    assert completion.choices[0].finish_reason == "stop"
    assert here.sent()[0]["tool_choice"] == "required"


async def test_the_stream_helper_assembles_parallel_tool_calls(build: Build) -> None:
    here = await build("tool-repeat-ids")
    client = await here.openai()
    messages: Any = [{"role": "user", "content": "both please: get_weather and get_time"}]
    tools: Any = [WEATHER, TIME]
    async with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert sorted(call.function.name for call in calls) == ["get_time", "get_weather"]
    assert len({call.id for call in calls}) == 2
    assert final.choices[0].finish_reason == "tool_calls"


async def test_legacy_functions_come_back_as_function_call(build: Build) -> None:
    here = await build()
    client = await here.openai()
    options: Any = {"functions": [WEATHER["function"]], "function_call": {"name": "get_weather"}}
    completion = await client.chat.completions.create(model=MODEL, messages=HELLO, **options)
    message = completion.choices[0].message
    assert message.function_call is not None
    assert message.function_call.name == "get_weather"
    assert completion.choices[0].finish_reason in {"function_call", "stop"}
    assert message.tool_calls is None


class City(BaseModel):
    name: str
    people: int


@pytest.mark.parametrize("scenario", ["default", "json-schema-refused", "dialect-2026-06"])
async def test_structured_output_parses_under_either_dialect(build: Build, scenario: str) -> None:
    here = await build(scenario)
    client = await here.openai()
    for _ in range(2):
        completion = await client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=City)
        assert isinstance(completion.choices[0].message.parsed, City)
    attempts = len(here.sent())
    assert attempts == (2 if scenario == "default" else 3), "a quirk is learned after its first repair"
    assert here.lines()[-1].get("schema_violations") is None


async def test_a_reply_that_violates_its_schema_is_counted_and_logged(build: Build) -> None:
    here = await build("schema-violated")
    client = await here.openai()
    form: Any = {"type": "json_schema", "json_schema": {"name": "city", "schema": City.model_json_schema()}}
    await client.chat.completions.create(model=MODEL, messages=HELLO, response_format=form)
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, response_format=form, stream=True)
    async for _ in stream:
        pass
    assert await here.metric("telnyx_proxy_schema_violations_total", tenant="acme", model=MODEL) == 2
    assert [line["schema_violations"] for line in here.lines()] == [1, 1]


@pytest.mark.parametrize("scenario", ["default", "reasoning-field", "think-tags"])
@pytest.mark.parametrize("reasoning", ["keep", "hide"])
async def test_reasoning_has_one_name_whatever_telnyx_calls_it(build: Build, scenario: str, reasoning: str) -> None:
    here = await build(scenario, translation={"reasoning": reasoning})
    client = await here.openai()
    options: Any = {"extra_body": {"enable_thinking": True}}
    whole = await client.chat.completions.create(model=MODEL, messages=HELLO, **options)
    message = whole.choices[0].message.model_dump()
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, **options)
    deltas = [chunk.choices[0].delta.model_dump() async for chunk in stream]
    thought = "".join(delta.get("reasoning_content") or "" for delta in deltas)
    said = "".join(delta.get("content") or "" for delta in deltas)
    assert message["content"] == said == "You said: Hello there"
    assert bool(message.get("reasoning_content")) == bool(thought) == (reasoning == "keep")
    assert "reasoning" not in message
    assert not any("reasoning" in delta for delta in deltas)


async def test_n_choices_and_logprobs_come_through(build: Build) -> None:
    here = await build()
    client = await here.openai()
    completion = await client.chat.completions.create(
        model=MODEL, messages=HELLO, n=2, logprobs=True, top_logprobs=2, stop=["there"]
    )
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.choices[0].logprobs is not None
    assert completion.choices[0].logprobs.content


async def test_two_tenants_with_the_same_model_are_never_mixed_up(build: Build) -> None:
    """Interleaved streams of two tenants, each with its own Telnyx key on a shared pool."""
    here = await build("slow-stream", {"seconds": 0.001})
    clients = {"acme": await here.openai(), "beta": await here.openai(OTHER_KEY)}

    async def ask(tenant: str, number: int) -> None:
        text = f"{tenant} {number}"
        messages: Any = [{"role": "user", "content": text}]
        stream = await clients[tenant].chat.completions.create(model="zai-org/GLM-5.2", messages=messages, stream=True)
        said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert said == f"You said: {text}"

    await asyncio.gather(*(ask(tenant, number) for number in range(20) for tenant in clients))
    expected = {"acme": f"Bearer {CREDENTIAL}", "beta": f"Bearer {OTHER_CREDENTIAL}"}
    posts = [request for request in here.telnyx.state.requests if request.method == "POST"]
    assert len(posts) == 40
    for request in posts:
        tenant = request.body["messages"][0]["content"].split()[0]
        assert request.headers["authorization"] == expected[tenant]


async def test_api_key_ref_is_injected_by_the_models_provider(build: Build) -> None:
    here = await build(tenants=[{**TENANTS[0], "api_key_refs": {"openai": "acme-openai"}}])
    client = await here.openai()
    await client.chat.completions.create(model="openai/gpt-5.2", messages=HELLO)
    assert here.sent()[0]["api_key_ref"] == "acme-openai"
    await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert "api_key_ref" not in here.sent()[1]
