"""The Messages endpoint of the emulated Telnyx."""

from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import Message, content_block_param, tool_result_block_param
from anthropic.types.beta import beta_content_block_param

from proxy.emulator.anthropic import BLOCKS
from tests.emulator.conftest import KIMI, LLAMA, Answer, Caller

PATH = "/v2/ai/anthropic/v1/messages"
TOOL = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


async def ask(caller: Caller, text: Any = "hello there", **fields: Any) -> Answer:
    body = {"model": LLAMA, "max_tokens": 50, "messages": [{"role": "user", "content": text}], **fields}
    return await caller.send("POST", PATH, json=body)


async def test_the_echo_and_the_same_again(caller: Caller) -> None:
    first = await ask(caller)
    message = Message.model_validate(first.json, strict=True)
    assert message.content[0].model_dump()["text"] == "You said: hello there"
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 4)
    assert (await ask(caller)).json["content"] == first.json["content"]


@pytest.mark.parametrize(
    ("fields", "kinds", "stop"),
    [
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, ["tool_use"], "tool_use"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "get_time"}}, ["tool_use"], "tool_use"),
        ({"tools": [TOOL], "tool_choice": {"type": "none"}}, ["text"], "end_turn"),
        ({"model": KIMI, "thinking": {"type": "adaptive"}}, ["thinking", "text"], "end_turn"),
        ({"model": KIMI}, ["text"], "end_turn"),
        ({"max_tokens": 2}, ["text"], "max_tokens"),
        ({"stop_sequences": ["said"], "system": [{"type": "text", "text": "x"}]}, ["text"], "end_turn"),
    ],
)
async def test_kinds_of_answers(caller: Caller, fields: dict[str, Any], kinds: list[str], stop: str) -> None:
    value = (await ask(caller, **fields)).json
    assert ([block["type"] for block in value["content"]], value["stop_reason"]) == (kinds, stop)


async def test_results_and_pictures_are_heard(caller: Caller) -> None:
    result = [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "noon"}]}]
    assert (await ask(caller, result)).json["content"][0]["text"] == "The tool answered: noon"
    seen = [{"type": "text", "text": "look"}, {"type": "image", "source": {"type": "url", "url": "x"}}]
    assert (await ask(caller, seen, system="s")).json["content"][0]["text"] == "You said: look [1 image]"


async def test_events_come_in_their_order(caller: Caller) -> None:
    answer = await ask(caller, "get_time", model=KIMI, stream=True, tools=[TOOL], thinking={"type": "enabled"})
    names = [line.removeprefix("event: ") for line in answer.data.decode().splitlines() if line.startswith("event: ")]
    assert (names[:3], names[-2:]) == (
        ["message_start", "ping", "content_block_start"], ["message_delta", "message_stop"],
    )  # fmt: skip
    assert names.count("content_block_start") == names.count("content_block_stop") == 2


@pytest.mark.parametrize("body", [{}, {"model": LLAMA, "messages": [], "max_tokens": 0}, {"model": LLAMA}])
async def test_what_does_not_fit_the_schema_is_a_422(caller: Caller, body: Any) -> None:
    assert (await caller.send("POST", PATH, json=body)).status == 422


def blocks_of(union: Any) -> set[str]:
    """The types of blocks that the official library knows for a request."""
    given = [kind for kind in get_args(union) if isinstance(kind, type)]
    return {name for kind in given for name in get_args(get_args(get_type_hints(kind, include_extras=True)["type"])[0])}


def test_every_block_of_the_official_library_is_known() -> None:
    known = blocks_of(content_block_param.ContentBlockParam) | blocks_of(tool_result_block_param.Content)
    assert {"text", "tool_use", "tool_reference"} <= known
    known |= blocks_of(beta_content_block_param.BetaContentBlockParam)
    assert sorted(known - set(BLOCKS)) == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        *(
            ({"messages": [{"role": "user", "content": [block]}]}, where)
            for block, where in [
                ({"type": "text"}, "text"),
                ({"type": "text", "text": 5}, "text"),
                ({"type": "zz"}, "0"),
                ({"type": []}, "0"),
                ({"type": "image"}, "source"),
                ({"type": "image", "source": {"type": "url"}}, "url"),
                ({"type": "tool_use", "name": "f", "input": {}}, "id"),
                ({"type": "tool_use", "id": "t", "input": {}}, "name"),
                ({"type": "tool_use", "id": "t", "name": "f", "input": []}, "input"),
                ({"type": "tool_result", "content": "x"}, "tool_use_id"),
                ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]}, "text"),
                ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "zz"}]}, "0"),
            ]
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"system": [{"type": "text"}]}, "text"),
        ({"system": [{"type": "image"}]}, "0"),
        ({"tools": [{"input_schema": {}}]}, "name"),
        ({"tools": [{"name": 5}]}, "name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "name"),
        ({"tools": [TOOL], "tool_choice": {"type": []}}, "tool_choice"),
        ({"thinking": {"type": []}}, "type"),
    ],
)
async def test_a_mistake_is_told_by_its_place(caller: Caller, fields: dict[str, Any], where: str) -> None:
    answer = await ask(caller, **fields)
    assert answer.status == 422
    assert where in [str(fault["loc"][-1]) for fault in answer.json["detail"]]


async def test_a_tool_may_say_nothing(caller: Caller) -> None:
    nothing: list[dict[str, Any]] = [{}, {"content": None}, {"content": []}]
    for said in nothing:
        answer = await ask(caller, [{"type": "tool_result", "tool_use_id": "t", **said}])
        assert answer.json["content"][0]["text"] == "The tool answered: "


async def test_who_says_nothing_about_thinking_is_not_refused_for_it(caller: Caller) -> None:
    await caller.choose("enable-thinking-refused")
    assert [block["type"] for block in (await ask(caller, model=KIMI)).json["content"]] == ["text"]
    for kind in ("enabled", "disabled"):
        assert (await ask(caller, model=KIMI, thinking={"type": kind})).status == 400


@pytest.mark.parametrize(
    ("scenario", "status"), [("anthropic-error", 529), ("rate-limited", 429), ("model-unavailable", 422)]
)
async def test_failures_of_chats_are_its_own(caller: Caller, scenario: str, status: int) -> None:
    await caller.choose(scenario)
    assert (await ask(caller)).status == status


async def test_models_that_are_not_there(caller: Caller) -> None:
    assert (await ask(caller, model="no/model")).status == 404


async def test_usage_may_be_missing_and_names_too(caller: Caller) -> None:
    await caller.choose("usage-missing+minimal-answer+minimal-chunks+no-done")
    assert set((await ask(caller)).json) == {"content", "stop_reason"}
    data = (await ask(caller, stream=True)).data
    assert not {b"message_start", b"content_block_stop", b"message_stop", b"usage"} & set(data.split(b'"'))
