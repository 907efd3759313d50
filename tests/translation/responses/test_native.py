"""A whole answer of Telnyx's own Responses API becomes a complete response object."""

import json
from typing import Any

import openresponses_types as open_responses
import pytest
from openai.types.responses import Response

from proxy.errors import ProxyError, RateLimited, UpstreamFailed
from proxy.translation.answers import Answer
from proxy.translation.responses import native
from proxy.translation.responses.native import NativeTelling
from tests.streaming import told

SAMPLE = {
    "id": "resp_8b1f2a3c9d4e5f6a", "object": "response", "created_at": 1_706_011_802, "status": "completed",
    "model": "zai-org/GLM-5.1-FP8",
    "output": [{
        "type": "message", "id": "msg_8b1f2a3c9d4e5f6a", "role": "assistant",
        "content": [{"type": "output_text", "text": "Telnyx provides carrier-grade voice."}],
    }],
    "usage": {"input_tokens": 24, "output_tokens": 18, "total_tokens": 42},
}  # fmt: skip
"""Telnyx's published sample."""


def tell(value: Any, wishes: dict[str, Any] | None = None, **how: Any) -> tuple[Answer, dict[str, Any]]:
    telling = NativeTelling(told.outline(**how), lambda: told.NOW)
    got = telling.answer(json.dumps(value).encode(), told.expectation(**(wishes or {})), told.IDENTITY, told.MODEL)
    assert json.loads(got.body) == telling.response
    return got, json.loads(got.body)


def items(*output: Any, **how: Any) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = tell({"output": list(output)}, **how)[1]["output"]
    return got


def test_telnyx_sample_becomes_complete() -> None:
    got, response = tell(SAMPLE)
    Response.model_validate(response, strict=False)
    open_responses.ResponseResource.model_validate(response)
    assert (got.model, response["model"], response["id"]) == ("zai-org/GLM-5.1-FP8", "zai-org/GLM-5.1-FP8", "resp_1")
    assert (got.usage.input, got.usage.output, got.estimated) == (24, 18, False)
    assert response["output"][0]["id"] == "msg_abc0000"
    assert response["output"][0]["status"] == "completed"


@pytest.mark.parametrize(
    "details", [None, {"reason": "max_output_tokens"}, {"reason": "content_filter"}, {"reason": []}]
)
def test_what_is_incomplete_says_why(details: Any) -> None:
    _, response = tell({**SAMPLE, "status": "incomplete", "incomplete_details": details})
    filtered = details == {"reason": "content_filter"}
    assert response["incomplete_details"] == {"reason": "content_filter" if filtered else "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert tell({"status": "incomplete", "output": []})[1]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([], UpstreamFailed),
        ({}, UpstreamFailed),
        ({"output": 1}, UpstreamFailed),
        ({**SAMPLE, "status": "failed"}, UpstreamFailed),
        ({**SAMPLE, "error": {"message": "x", "code": "rate_limit_exceeded"}}, RateLimited),
    ],
)
def test_what_is_no_answer_is_an_error(value: Any, kind: type[ProxyError]) -> None:
    with pytest.raises(kind):
        tell(value)


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        NativeTelling(told.outline(), lambda: 1).answer(b"<html>", told.expectation(), told.IDENTITY, told.MODEL)


def test_calls_are_named_as_the_client_named_them() -> None:
    how = {"namespaces": {"files__read": ("files", "read")}, "custom_tools": ["shell"]}
    function, custom, wrapped = items(
        {"type": "function_call", "name": "files__read", "arguments": {"x": 1}, "call_id": "call_a"},
        {"type": "custom_tool_call", "name": "sql", "input": "select"},
        {"type": "function_call", "name": "shell", "arguments": '{"input":"ls"}', "status": "odd"},
        **how,
    )
    assert (function["namespace"], function["name"], function["arguments"]) == ("files", "read", '{"x":1}')
    assert (custom["type"], custom["input"], custom["call_id"]) == ("custom_tool_call", "select", "call_abc0001")
    assert (wrapped["type"], wrapped["input"], wrapped["id"]) == ("custom_tool_call", "ls", "ctc_abc0002")


def test_parts_of_a_message_are_completed() -> None:
    text, parts, none = items(
        {"type": "message", "content": "Hi"},
        {"type": "message", "content": [1, {"type": "text", "text": "a", "annotations": [{"x": 1}]},
                                        {"type": "output_text"}, {"type": "refusal", "refusal": "No"}]},
        {"type": "message"},
    )  # fmt: skip
    assert text["content"] == [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]
    assert parts["content"] == [
        {"type": "output_text", "text": "a", "annotations": [{"x": 1}], "logprobs": []},
        {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
        {"type": "refusal", "refusal": "No"},
    ]
    assert none["content"] == []


THINKING = {
    "type": "reasoning", "summary": [{"type": "summary_text", "text": "Short"}], "encrypted_content": "theirs",
}  # fmt: skip


@pytest.mark.parametrize(
    ("how", "more", "told_as"),
    [
        ({}, {}, {"summary": THINKING["summary"]}),
        ({"sealed": True}, {}, {"summary": THINKING["summary"], "encrypted_content": "trohS"}),
        ({"sealed": True}, {"summary": 1}, {"summary": []}),
        ({"reasoning": "none"}, {"content": [{"type": "reasoning_text", "text": "Hm"}]}, {"summary": []}),
    ],
)
def test_thinking_is_sealed_here_and_hidden_where_asked(
    how: dict[str, Any], more: dict[str, Any], told_as: dict[str, Any]
) -> None:
    (item,) = items({**THINKING, **more}, **how)
    assert item == {"id": "rs_abc0000", "type": "reasoning", "status": "completed", **told_as}


def test_other_items_go_on_under_another_id() -> None:
    search, odd = items({"type": "web_search_call", "id": "x", "action": {}}, {"type": 1}, "no item")
    assert search == {"type": "web_search_call", "id": "ws_abc0000", "action": {}, "status": "completed"}
    assert odd["id"] == "item_abc0001"


def test_usage_is_estimated_and_schemas_are_checked() -> None:
    text = {"type": "message", "content": [{"type": "output_text", "text": "12345678"}]}
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "1234"}]}
    got, response = tell({"output": [thought, text]}, {"input_bytes": 4, "schema": {"type": "object"}})
    assert (got.usage.input, got.usage.output, got.usage.reasoning, got.estimated) == (1, 3, 1, True)
    assert response["usage"]["total_tokens"] == 4
    assert got.violations == 1
    call = {"type": "function_call", "name": "f", "arguments": "1"}
    assert tell({"output": [call, text]}, {"tool_schemas": {"f": {"type": "object"}}})[0].violations == 1
    assert tell({"output": [text], "status": "incomplete"}, {"schema": {"type": "object"}})[0].violations == 0


@pytest.mark.parametrize(
    ("reasoning", "given", "summary", "content"),
    [
        ("summary", {"content": ["a", "b"], "summary": ["s"]}, ["a", "b"], None),
        ("summary", {"summary": ["s"]}, ["s"], None),
        ("summary", {"content": 1}, [], None),
        ("text", {"content": ["a"], "summary": ["s"]}, ["s"], ["a"]),
        ("text", {"summary": 1}, [], None),
        ("none", {"content": ["a"], "summary": ["s"]}, [], None),
    ],
)
def test_thinking_is_told_as_the_operator_wants(
    reasoning: str, given: dict[str, Any], summary: list[str], content: list[str] | None
) -> None:
    parts = {name: [{"text": text} for text in texts] if texts != 1 else 1 for name, texts in given.items()}
    (item,) = items({"type": "reasoning", **parts}, reasoning=reasoning)
    assert [part["text"] for part in item["summary"]] == summary
    assert (item["content"] and [part["text"] for part in item["content"]] if "content" in item else None) == content


def test_events_of_thinking_become_those_of_a_summary() -> None:
    kind, value = native.summarised("response.content_part.added", {"content_index": 1, "part": {"text": "x"}})
    assert (kind, value) == (
        "response.reasoning_summary_part.added",
        {"summary_index": 1, "part": {"type": "summary_text", "text": "x"}},
    )
    assert native.summarised("response.content_part.done", {"part": {}})[1]["part"]["text"] == ""
    assert native.summarised("response.reasoning_text.delta", {"delta": "x"})[1] == {"delta": "x", "summary_index": 0}
    assert native.summarised("response.reasoning_summary_text.delta", {"delta": "x"}) == (
        "response.reasoning_summary_text.delta", {"delta": "x"},
    )  # fmt: skip
