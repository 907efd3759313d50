"""Requests against the published schema, and what FastAPI says about them."""

from typing import Any

import pytest

from proxy.emulator import validation
from proxy.emulator.scenarios import resolve
from proxy.emulator.schema import request_schema

USER = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "function": {"name": "f"}}
IMAGE_TEXT = {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}]}
IMAGE_OBJECT = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:", "detail": "low"}}]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def faults(request: Any, scenario: str = "default") -> list[tuple[str, str]]:
    """Each fault as (location, type)."""
    found = validation.faults(request_schema(resolve(scenario)), request)
    assert all(fault["msg"] for fault in found)
    return [(".".join(map(str, fault["loc"])), fault["type"]) for fault in found]


def with_fields(**fields: Any) -> dict[str, Any]:
    return {"messages": [USER], **fields}


EVERYTHING = with_fields(
    model="m",
    api_key_ref="ref",
    stream=True,
    stream_options={"include_usage": True},
    temperature=1,
    max_tokens=None,
    max_completion_tokens=5,
    tools=[FUNCTION, {"type": "retrieval", "retrieval": {"bucket_ids": ["b"], "max_num_results": 3}}],
    tool_choice="required",
    response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
    min_p=0.5,
    n=2,
    logprobs=True,
    top_logprobs=20,
    stop=["a", "b", "c", "d"],
    seed=-1,
    enable_thinking=False,
    reasoning_effort="xhigh",
    service_tier="priority",
    region="EU",
    mode="strict",
)


@pytest.mark.parametrize(
    ("request_", "scenario"),
    [
        ({"messages": []}, "default"),
        (EVERYTHING, "default"),
        (with_fields(stop="a"), "default"),
        (with_fields(guided_json={}, guided_regex="a", guided_choice=["a"]), "dialect-2026-06"),
        (with_fields(guided_json={}), "json-schema-refused"),
        (with_fields(logit_bias={}, anything=1), "lenient"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]}, "lenient"),
        ({"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, "null-content-accepted"),
        ({"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}, "strict-schema"),
        ({"messages": [{"role": "tool", "content": "42", "tool_call_id": "call_1"}]}, "strict-schema"),
        ({"messages": [{**USER, "name": "ada"}]}, "default"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, "strict-schema"),
        (
            {"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "data:"}}]}]},
            "default",
        ),
        ({"messages": [IMAGE_TEXT, IMAGE_OBJECT]}, "default"),
        ({"messages": [IMAGE_TEXT]}, "image-url-string"),
        ({"messages": [IMAGE_TEXT]}, "strict-schema"),
        ({"messages": [IMAGE_OBJECT]}, "image-url-object"),
        (with_fields(tools=[{"type": "function", "function": {"name": "f", "strict": True}}]), "default"),
    ],
)
def test_what_the_schema_allows_is_accepted(request_: Any, scenario: str) -> None:
    assert faults(request_, scenario) == []


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ([], [("body", "model_attributes_type")]),
        ({}, [("body.messages", "missing")]),
        ({"messages": None}, [("body.messages", "list_type")]),
        ({"messages": ["hi"]}, [("body.messages.0", "model_attributes_type")]),
        ({"messages": [{"role": "developer", "content": "x"}]}, [("body.messages.0.role", "literal_error")]),
        ({"messages": [{"role": "function", "content": "x"}]}, [("body.messages.0.role", "literal_error")]),
        ({"messages": [{"role": "user"}]}, [("body.messages.0.content", "missing")]),
        ({"messages": [{"content": "x"}]}, [("body.messages.0.role", "missing")]),
        (
            {"messages": [{"role": "assistant", "content": None}]},
            [
                ("body.messages.0.content.str", "string_type"),
                ("body.messages.0.content.list[ContentPart]", "list_type"),
            ],
        ),
        (
            {"messages": [USER, {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            [
                ("body.messages.1.content.str", "string_type"),
                ("body.messages.1.content.list[ContentPart].0.type", "literal_error"),
                ("body.messages.1.content.list[ContentPart].0.input_audio", "extra_forbidden"),
            ],
        ),
        ({"messages": [{**USER, "refusal": None}]}, [("body.messages.0.refusal", "extra_forbidden")]),
        (with_fields(user="u"), [("body.user", "extra_forbidden")]),
        (with_fields(guided_json={}), [("body.guided_json", "extra_forbidden")]),
        (with_fields(stream="true"), [("body.stream", "bool_type")]),
        (with_fields(stream=None), [("body.stream", "bool_type")]),
        (
            with_fields(stream_options={"include_obfuscation": True}),
            [("body.stream_options.include_obfuscation", "extra_forbidden")],
        ),
        (with_fields(temperature="1"), [("body.temperature", "float_type")]),
        (with_fields(temperature=True), [("body.temperature", "float_type")]),
        (with_fields(seed=1.5), [("body.seed", "int_type")]),
        (with_fields(seed=True), [("body.seed", "int_type")]),
        (with_fields(max_tokens=0), [("body.max_tokens", "greater_than_equal")]),
        (with_fields(top_logprobs=21), [("body.top_logprobs", "less_than_equal")]),
        (with_fields(min_p=1.5), [("body.min_p", "less_than_equal")]),
        (with_fields(n=0), [("body.n", "greater_than_equal")]),
        (with_fields(stop=["a"] * 5), [("body.stop.str", "string_type"), ("body.stop.list[str]", "too_long")]),
        (with_fields(tool_choice={"type": "function"}), [("body.tool_choice", "literal_error")]),
        (with_fields(reasoning_effort="extreme"), [("body.reasoning_effort", "literal_error")]),
        (with_fields(tools={}), [("body.tools", "list_type")]),
        (with_fields(tools=[1]), [("body.tools.0", "model_attributes_type")]),
        (with_fields(tools=[{"type": "custom", "custom": {}}]), [("body.tools.0", "union_tag_invalid")]),
        (with_fields(tools=[{"type": 5}]), [("body.tools.0", "union_tag_invalid")]),
        (with_fields(tools=[{"function": {"name": "f"}}]), [("body.tools.0", "union_tag_not_found")]),
        (
            with_fields(tools=[{"type": "function", "function": {}}]),
            [("body.tools.0.function.function.name", "missing")],
        ),
        (
            with_fields(tools=[{"type": "function", "function": {"name": "f", "parameters": []}}]),
            [("body.tools.0.function.function.parameters", "dict_type")],
        ),
        (with_fields(response_format={"type": "grammar"}), [("body.response_format", "union_tag_invalid")]),
        (
            with_fields(response_format={"type": "json_schema", "json_schema": {}}),
            [("body.response_format.json_schema.json_schema.name", "missing")],
        ),
        (with_fields(a=1, b=2), [("body.a", "extra_forbidden"), ("body.b", "extra_forbidden")]),
    ],
)
def test_what_the_schema_does_not_allow_is_told_with_its_place(request_: Any, found: list[tuple[str, str]]) -> None:
    assert faults(request_) == found


@pytest.mark.parametrize(
    ("request_", "scenario", "place"),
    [
        (with_fields(stream_options={}), "strict-schema", "body.stream_options"),
        (with_fields(max_completion_tokens=1), "strict-schema", "body.max_completion_tokens"),
        ({"messages": [{**USER, "name": "ada"}]}, "strict-schema", "body.messages.0.name"),
        (with_fields(max_tokens=None), "dialect-2026-06", "body.max_tokens"),
        (with_fields(reasoning_effort="low"), "dialect-2026-06", "body.reasoning_effort"),
        (with_fields(response_format={"type": "json_schema"}), "dialect-2026-06", "body.response_format"),
        (
            with_fields(tools=[{"type": "function", "function": {"name": "f", "strict": True}}]),
            "dialect-2026-06",
            "body.tools.0.function.function.strict",
        ),
        ({"messages": [IMAGE_OBJECT]}, "image-url-string", "body.messages.0.content.list[ContentPart].0.image_url"),
        ({"messages": [IMAGE_TEXT]}, "image-url-object", "body.messages.0.content.list[ContentPart].0.image_url"),
        (with_fields(temperature="hot"), "lenient", "body.temperature"),
    ],
)
def test_each_doubt_has_a_side_that_refuses(request_: Any, scenario: str, place: str) -> None:
    assert place in [where for where, _ in faults(request_, scenario)]


def test_choices_are_named_in_the_message() -> None:
    (fault,) = validation.faults(request_schema(resolve("default")), with_fields(tool_choice="any"))
    assert fault == {
        "loc": ["body", "tool_choice"],
        "msg": "Input should be 'none', 'auto' or 'required'",
        "type": "literal_error",
    }


def test_a_body_is_decoded_or_explained() -> None:
    assert validation.decode(b'{"a": 1}') == ({"a": 1}, [])
    assert validation.decode(b" ")[1][0]["type"] == "missing"
    assert validation.decode(b"{")[1][0]["type"] == "json_invalid"
