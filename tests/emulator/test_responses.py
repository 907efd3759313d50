"""The Responses endpoint of the emulated Telnyx: whole and in events, and everything odd about it."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.emulator.conftest import KIMI, LLAMA, Answer, Caller

PATH = "/v2/ai/openai/responses"
TOOL = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}
EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


async def ask(caller: Caller, text: Any = "hello there", **fields: Any) -> Answer:
    return await caller.send("POST", PATH, json={"model": LLAMA, "input": text, **fields})


async def told(caller: Caller, text: Any = "hello there", **fields: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream: what their line says, and their data."""
    data = (await ask(caller, text, stream=True, **fields)).data.decode()
    blocks = [block.split("\n") for block in data.split("\n\n") if block and "[DONE]" not in block]
    return [(lines[0].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))) for lines in blocks]


async def test_the_echo_and_the_same_again(caller: Caller) -> None:
    first = await ask(caller, instructions="Be brief.")
    response = Response.model_validate(first.json, strict=True)
    assert (response.output_text, response.status) == ("You said: hello there", "completed")
    assert response.usage is not None
    assert response.usage.output_tokens == 4
    again = (await ask(caller, instructions="Be brief.")).json
    assert again["output"][0]["content"] == first.json["output"][0]["content"]


@pytest.mark.parametrize(
    ("fields", "kinds", "status"),
    [
        ({"model": KIMI}, ["reasoning", "message"], "completed"),
        ({"model": KIMI, "reasoning": {"effort": "none"}}, ["message"], "completed"),
        ({"tools": [TOOL]}, ["function_call"], "completed"),
        ({"tools": [TOOL], "tool_choice": "none"}, ["message"], "completed"),
        ({"max_output_tokens": 2}, ["message"], "incomplete"),
    ],
)
async def test_kinds_of_answers_whole_and_in_events(
    caller: Caller, fields: dict[str, Any], kinds: list[str], status: str
) -> None:
    whole = (await ask(caller, **fields)).json
    assert ([item["type"] for item in whole["output"]], whole["status"]) == (kinds, status)
    events = await told(caller, **fields)
    for number, (name, event) in enumerate(events):
        EVENTS.validate_python(event)
        assert (event["type"], event["sequence_number"]) == (name, number)
    assert events[-1][0] == f"response.{status}"
    assert [item["type"] for item in events[-1][1]["response"]["output"]] == kinds
    deltas = "".join(event["delta"] for name, event in events if name == "response.output_text.delta")
    texts = [item["content"][0]["text"] for item in whole["output"] if item["type"] == "message"]
    assert [deltas] == (texts or [""])


async def test_probabilities_are_told_where_they_are_asked_for(caller: Caller) -> None:
    asked = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}
    part = (await ask(caller, **asked)).json["output"][0]["content"][0]
    assert [entry["token"] for entry in part["logprobs"]] == ["You", " said:", " hello", " there"]
    [first, *_] = [event for name, event in await told(caller, **asked) if name.endswith("text.delta")]
    assert first["logprobs"][0]["token"] == "You"


@pytest.mark.parametrize("body", [{}, {"input": "x", "model": 1}, [], {"input": "x", "stream": None}])
async def test_what_does_not_fit_the_schema_is_a_422(caller: Caller, body: Any) -> None:
    assert (await caller.send("POST", PATH, json=body)).status == 422


@pytest.mark.parametrize(
    ("scenario", "status"), [("responses-missing", 404), ("rate-limited", 429), ("response-failed-200", 200)]
)
async def test_failures(caller: Caller, scenario: str, status: int) -> None:
    await caller.choose(scenario)
    assert (await ask(caller)).status == status
    assert (await ask(caller, model="no/model")).status == (status if status != 200 else 200)


async def test_the_sample_and_less(caller: Caller) -> None:
    await caller.choose("responses-sample")
    sample = (await ask(caller)).json
    assert set(sample) == {"id", "object", "created_at", "status", "model", "output", "usage"}
    assert set(sample["output"][0]) == {"type", "id", "role", "content"}
    assert set(sample["output"][0]["content"][0]) == {"type", "text"}
    assert set(sample["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}
    assert not any("sequence_number" in event or "item_id" in event for _, event in await told(caller))
    await caller.choose("responses-minimal+responses-sample+usage-missing")
    assert set((await ask(caller)).json) == {"output"}


@pytest.mark.parametrize(
    ("scenario", "gone"),
    [
        ("responses-no-parts", "response.content_part.added"),
        ("responses-unannounced", "response.output_item.added"),
        ("responses-no-end", "response.completed"),
        ("responses-other-names", "response.reasoning_text.delta"),
        ("responses-summaries", "response.reasoning_text.delta"),
    ],
)
async def test_events_may_be_missing_or_others(caller: Caller, scenario: str, gone: str) -> None:
    assert gone in [name for name, _ in await told(caller, model=KIMI)]
    await caller.choose(scenario)
    assert gone not in [name for name, _ in await told(caller, model=KIMI)]


async def test_ends_and_names(caller: Caller) -> None:
    await caller.choose("responses-empty-end+responses-untyped+responses-done")
    name, last = (await told(caller))[-1]
    assert (name, last["response"]["output"], last["response"]["usage"]) == ("response.completed", [], None)
    assert "type" not in last
    assert (await ask(caller, stream=True)).data.endswith(b"data: [DONE]\n\n")
    await caller.choose("responses-unnamed")
    assert b"event:" not in (await ask(caller, stream=True)).data


@pytest.mark.parametrize(
    ("scenario", "last"), [("responses-error-event", "error"), ("responses-failed-event", "response.failed")]
)
async def test_it_breaks_in_the_middle(caller: Caller, scenario: str, last: str) -> None:
    await caller.choose(scenario)
    assert (await told(caller))[-1][1]["type"] == last
