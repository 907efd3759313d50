"""The path of a request through the emulator, from a socket, and with the official client."""

import json
from io import BytesIO
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import openai
import pytest
from openai import AsyncOpenAI

from proxy.emulator import app as emulator_app
from proxy.emulator.behaviour import BadOption
from proxy.emulator.control import STATE
from proxy.emulator.failures import FAILURES
from proxy.emulator.scenarios import UnknownScenario
from proxy.emulator.server import Emulator, running

KIMI = "moonshotai/Kimi-K2.6"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
        },
    },
}


def official(emulator: Emulator, key: str = "KEY_test") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{emulator.base_url}/ai/openai", api_key=key, max_retries=0)


async def test_a_whole_answer_through_the_official_client(telnyx: Emulator) -> None:
    async with official(telnyx) as client:
        answer = await client.chat.completions.create(
            model=KIMI, messages=[{"role": "user", "content": "Grüße an alle"}], temperature=1, seed=7
        )
    assert answer.choices[0].message.content == "You said: Grüße an alle"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.model_extra == {
        "reasoning_content": "The user wants an answer. I repeat what was said."
    }
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.system_fingerprint is not None
    assert answer.model == KIMI


async def test_a_streamed_answer_through_the_official_client(telnyx: Emulator) -> None:
    async with official(telnyx) as client:
        stream = await client.chat.completions.create(
            model=LLAMA,
            messages=[{"role": "user", "content": "one two"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert words == ["", "You", " said:", " one", " two", None]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


async def test_tool_calls_through_the_official_client_whole_and_streamed(telnyx: Emulator) -> None:
    async with official(telnyx) as client:
        asked: dict[str, Any] = {
            "model": KIMI,
            "messages": [{"role": "user", "content": "weather?"}],
            "tools": [WEATHER],
        }
        answer = await client.chat.completions.create(**asked)
        async with client.chat.completions.stream(**asked) as stream:
            final = await stream.get_final_completion()
    for completion in (answer, final):
        assert completion.choices[0].finish_reason == "tool_calls"
        (call,) = completion.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.id.startswith("call_")
        jsonschema.validate(json.loads(call.function.arguments), WEATHER["function"]["parameters"])


async def test_a_schema_through_the_official_client(telnyx: Emulator) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 3}},
        "required": ["n"],
    }
    async with official(telnyx) as client:
        answer = await client.chat.completions.create(
            model=LLAMA,
            messages=[{"role": "user", "content": "a number"}],
            response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": schema}},
        )
    assert json.loads(answer.choices[0].message.content or "") == {"n": 3}


async def test_the_official_client_sees_errors_by_their_status(telnyx: Emulator) -> None:
    async with official(telnyx, "KEY_rate-limited") as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model=LLAMA, messages=[{"role": "user", "content": "hi"}])
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("key", [None, "", "sk-something", "KEY_invalid"])
async def test_a_request_without_a_key_that_telnyx_knows_is_unauthenticated(caller: Any, key: str | None) -> None:
    chat = await caller.chat(key=key)
    models = await caller.send("GET", "/v2/ai/openai/models", key=key)
    assert chat.status == models.status == 401
    assert chat.json["errors"][0]["code"] == "10009"


async def test_another_scheme_than_bearer_is_unauthenticated(caller: Any) -> None:
    url = f"{caller.emulator.base_url}/ai/models"
    async with caller.session.get(url, headers={"authorization": "Basic KEY_test"}) as response:
        assert response.status == 401


async def test_any_key_that_starts_like_one_of_telnyx_is_accepted(chat: Any) -> None:
    assert (await chat(key="KEY0123ABC_secret")).status == 200


async def test_both_chat_paths_answer_alike(caller: Any) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "model": LLAMA}
    old = await caller.send("POST", "/v2/ai/chat/completions", json=body)
    new = await caller.send("POST", "/v2/ai/openai/chat/completions", json=body)
    assert old.message == new.message
    assert old.json["id"] != new.json["id"]


async def test_the_model_lists(caller: Any) -> None:
    new = await caller.send("GET", "/v2/ai/openai/models")
    old = await caller.send("GET", "/v2/ai/models")
    embedding = await caller.send("GET", "/v2/ai/openai/embeddings/models")
    assert new.json == old.json
    assert KIMI in [row["id"] for row in new.json["data"]]
    assert all(isinstance(row["created"], int) for row in embedding.json["data"])


async def test_what_is_not_there_is_told_in_the_envelope(caller: Any) -> None:
    missing = await caller.send("GET", "/v2/nothing")
    wrong = await caller.send("PATCH", "/v2/ai/openai/models")
    assert (missing.status, missing.json["errors"][0]["code"]) == (404, "10005")
    assert (wrong.status, wrong.json["errors"][0]["code"]) == (405, "10030")


async def test_a_body_above_the_limit_is_too_large(caller: Any) -> None:
    answer = await caller.send("POST", "/v2/ai/chat/completions", data=BytesIO(b" " * (emulator_app._LARGEST_BODY + 1)))
    assert answer.status == 413
    assert answer.json["errors"][0]["title"] == "Payload too large"


async def test_a_body_that_is_no_json_is_unprocessable_with_the_position(caller: Any) -> None:
    answer = await _raw(caller, b'{"model": }', "application/json")
    assert answer == (422, {"detail": [{"loc": ["body", 10], "msg": "JSON decode error", "type": "json_invalid"}]})


async def _raw(caller: Any, data: bytes, content_type: str) -> tuple[int, Any]:
    headers = {"authorization": "Bearer KEY_test", "content-type": content_type}
    url = f"{caller.emulator.base_url}/ai/chat/completions"
    async with caller.session.post(url, data=data, headers=headers) as response:
        return response.status, await response.json()


async def test_a_body_that_is_not_called_json_is_not_read_as_json(caller: Any) -> None:
    status, answer = await _raw(caller, b'{"messages": []}', "text/plain")
    assert status == 422
    assert answer["detail"][0]["type"] == "model_attributes_type"


async def test_no_body_is_a_missing_body(caller: Any) -> None:
    status, answer = await _raw(caller, b"", "application/json")
    assert (status, answer["detail"][0]["loc"]) == (422, ["body"])


async def test_an_unknown_key_is_refused_in_the_shape_of_fastapi(chat: Any) -> None:
    answer = await chat(logit_bias={})
    assert answer.status == 422
    assert answer.json == {
        "detail": [{"loc": ["body", "logit_bias"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]
    }


async def test_a_model_that_is_not_in_the_catalogue_is_not_found(chat: Any) -> None:
    answer = await chat(model="gpt-4o")
    assert answer.status == 404
    assert "gpt-4o" in answer.json["errors"][0]["detail"]
    assert (await chat(model="gpt-4o", key="KEY_lenient")).json["model"] == "gpt-4o"


async def test_a_proxied_model_wants_the_key_of_its_provider(chat: Any) -> None:
    answer = await chat(model="openai/gpt-5.2")
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "10015")
    assert "OpenAI API key required" in answer.json["errors"][0]["detail"]
    assert (await chat(model="openai/gpt-5.2", api_key_ref="mine")).status == 200


async def test_a_schema_that_cannot_be_served_is_a_bad_request(chat: Any) -> None:
    schema = {"$ref": "https://example.com/schema"}
    answer = await chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    assert answer.status == 400


@pytest.mark.parametrize("name", sorted(FAILURES))
async def test_every_failure_is_answered_as_it_stands_in_the_table(chat: Any, name: str) -> None:
    failure = FAILURES[name]
    answer = await chat(key=f"KEY_{name}")
    assert answer.status == failure.status
    assert answer.data == failure.body
    for header, value in failure.headers:
        assert answer.headers[header] == value
    if failure.content_type is not None:
        assert answer.headers["content-type"].startswith(failure.content_type)


async def test_a_key_chooses_a_scenario_for_its_own_requests_only(chat: Any) -> None:
    assert (await chat(key="KEY_unavailable")).status == 503
    assert (await chat(key="KEY_unavailable.second-tenant")).status == 503
    assert (await chat(key="KEY_test")).status == 200


async def test_a_key_can_combine_scenarios(chat: Any) -> None:
    answer = await chat(key="KEY_dialect-2026-06+usage-missing", guided_choice=["yes", "no"])
    assert answer.message["content"] == "yes"
    assert "usage" not in answer.json


async def test_a_flaky_telnyx_fails_once(caller: Any) -> None:
    await caller.choose("flaky")
    assert [(await caller.chat()).status for _ in range(3)] == [503, 200, 200]
    await caller.choose("rate-limited", times=2, retry_after=1)
    answers = [await caller.chat() for _ in range(3)]
    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"


async def test_failures_leave_the_model_list_alone_unless_told_otherwise(caller: Any) -> None:
    await caller.choose("unavailable")
    assert (await caller.send("GET", "/v2/ai/openai/models")).status == 200
    await caller.choose("unavailable", where="all")
    assert (await caller.send("GET", "/v2/ai/openai/models")).status == 503
    assert (await caller.send("GET", "/v2/ai/openai/embeddings/models")).status == 503


async def test_what_was_received_can_be_read(caller: Any) -> None:
    await caller.chat("remember me")
    (received,) = caller.emulator.state.requests
    assert received.method == "POST"
    assert received.path == "/v2/ai/openai/chat/completions"
    assert received.headers["authorization"] == "Bearer KEY_test"
    assert received.body["messages"] == [{"role": "user", "content": "remember me"}]
    assert (received.status, received.outcome, received.scenario) == (200, "complete", "default")


async def test_a_body_that_is_no_json_is_remembered_as_text(caller: Any) -> None:
    await _raw(caller, b"caf\xe9", "application/json")
    assert caller.emulator.state.requests[0].body == "caf\ufffd"


async def test_equal_headers_are_joined(caller: Any) -> None:
    headers = [("authorization", "Bearer KEY_test"), ("x-twice", "a"), ("x-twice", "b")]
    async with caller.session.get(f"{caller.emulator.base_url}/ai/models", headers=headers):
        pass
    assert caller.emulator.state.requests[0].headers["x-twice"] == "a, b"


async def test_the_clock_can_be_given() -> None:
    made = emulator_app.create_app("default", now=lambda: 1_750_000_000.9)
    assert made[STATE].now() == 1_750_000_000.9


@pytest.mark.parametrize(
    ("scenario", "options", "fault"), [("defualt", {}, UnknownScenario), ("default", {"x": 1}, BadOption)]
)
def test_a_scenario_that_does_not_exist_is_refused_at_once(scenario: str, options: Any, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        emulator_app.create_app(scenario, options=options)


async def test_the_same_request_is_answered_with_the_same_words_by_every_emulator(caller: Any) -> None:
    first = await caller.chat(model=KIMI, tools=[WEATHER], logprobs=True)
    async with running() as other:
        url, headers = f"{other.base_url}/ai/openai/chat/completions", {"authorization": "Bearer KEY_test"}
        async with caller.session.post(url, json=caller.emulator.state.requests[0].body, headers=headers) as response:
            second = await response.json()
    assert first.json["choices"] == second["choices"]
    assert first.json["id"] == second["id"]
