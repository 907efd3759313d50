"""Requests to the emulated Responses endpoint: what is taken, what is refused, what the model hears."""

from typing import Any

import pytest

from proxy.emulator import response_requests, scenarios

TOOL = {"type": "function", "name": "get_time", "parameters": {"type": "object"}, "strict": True}
GOOD_DAY = scenarios.resolve("default")


def places(**fields: Any) -> list[str]:
    """Where faults are."""
    return [".".join(map(str, each["loc"][1:])) for each in response_requests.faults({"input": "x", **fields})]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"anything": {"else": 1}, "reasoning": {"effort": "low", "summary": "auto"}}, []),
        ({"conversation": "6a09cdc3-8948-47f0-aa62-74ac943d6c58"}, []),
        ({"conversation": "conv_1"}, ["conversation"]),
        ({"stream": "yes", "region": "Mars", "mode": None}, ["stream", "region", "mode"]),
        ({"reasoning": {"effort": "much"}}, ["reasoning.effort"]),
        ({"input": {"role": "user", "content": "x"}}, []),
        (
            {"input": ["x", {"type": "strange"}, {"role": "tool", "content": ""}]},
            ["input.0", "input.1", "input.2.role"],
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, ["input.0.content.0.text"]),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, ["input.0.content.0.type"]),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": ""}]}]},
            ["input.0.content.0.type"],
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": None}]}, ["input.0.output"]),
        ({"input": [{"type": "reasoning", "summary": []}]}, ["input.0.id"]),
    ],
)
def test_the_schema_is_kept_to(fields: dict[str, Any], found: list[str]) -> None:
    assert places(**fields) == found


def test_input_is_needed() -> None:
    assert response_requests.faults({"model": "m"})[0]["loc"] == ["body", "input"]


@pytest.mark.parametrize(
    ("scenario", "fields", "status"),
    [
        ("default", {"tools": [TOOL]}, None),
        ("default", {"previous_response_id": "resp_1"}, 404),
        ("default", {"tools": [{"type": "computer"}]}, 400),
        ("responses-missing", {}, 404),
        ("responses-tools-refused", {}, None),
        ("responses-tools-refused", {"tools": [TOOL]}, 400),
        ("responses-format-refused", {"text": {"format": {"type": "text"}}}, None),
        ("responses-format-refused", {"text": {"format": {"type": "json_object"}}}, 400),
    ],
)
def test_what_is_refused(scenario: str, fields: dict[str, Any], status: int | None) -> None:
    refused = response_requests.refusal({"input": "x", **fields}, scenarios.resolve(scenario))
    assert (refused and refused.status) == status


def test_the_chat_of_a_request() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    request = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "data:x"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "call_id": "c", "name": "get_time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "noon"},
        ],
        "tools": [TOOL, {"type": "file_search", "vector_store_ids": ["b"]}],
        "text": {"format": schema},
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "include": ["message.output_text.logprobs"],
    }  # fmt: skip
    chat = response_requests.as_chat(request, GOOD_DAY)
    assert [message["role"] for message in chat["messages"]] == [
        "system", "system", "user", "assistant", "assistant", "tool"
    ]  # fmt: skip
    assert [tool["type"] for tool in chat["tools"]] == ["function", "retrieval"]
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (chat["max_tokens"], chat["reasoning_effort"], chat["logprobs"]) == (9, "low", True)
    ignoring = scenarios.resolve("responses-tools-ignored+responses-format-ignored")
    assert not {"tools", "response_format"} & response_requests.as_chat(request, ignoring).keys()
