"""What a Messages request has the model read."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.anthropic.prompt import check_messages, check_system, expect_at_hand, weigh


def user(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def test_text_results_calls_and_thoughts_are_counted() -> None:
    messages = [
        {"role": "user", "content": "four"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "long and not read"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "sunny"},
                {"type": "tool_result", "content": [{"type": "text", "text": "é"}, {"type": "image", "source": {}}]},
                {"type": "document", "title": "T", "source": {"type": "base64", "data": "AAAA"}},
            ],
        },
    ]
    check_messages("messages", messages)
    weight = weigh({"messages": messages, "tools": [{}], "system": [{"type": "text", "text": "sys"}]})
    assert weight.text == 4 + 2 + len('{"a":1}') + 5 + 2 + 1 + len("[{}]") + 3
    assert weight.images == 2


def test_blocks_in_blocks_are_bounded() -> None:
    block: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(100):
        block = {"type": "tool_result", "content": [block]}
    assert weigh({"messages": user(block)}).text == 0


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ({}, "messages"),
        ([1], "messages[0]"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "tool", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": 7}], "messages[0].content"),
        (user("x"), "messages[0].content[0]"),
        (user({"text": "x"}), "messages[0].content[0].type"),
    ],
)
def test_a_conversation_that_is_none_is_refused(messages: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_messages("messages", messages)
    assert caught.value.param == param


def test_what_is_nested_too_deeply_to_be_sent_is_refused() -> None:
    value: Any = {}
    for _ in range(300):
        value = [value]
    with pytest.raises(InvalidRequest):
        check_messages("messages", user({"type": "tool_use", "input": value}))


def test_a_system_prompt_is_text() -> None:
    check_system("system", "text")
    check_system("system", [{"type": "text", "text": "x"}])
    with pytest.raises(InvalidRequest) as caught:
        check_system("system", [{"type": "image"}])
    assert caught.value.param == "system[0].type"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "container_upload", "file_id": "f"},
        {"type": "tool_result", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]},
    ],
)
def test_what_is_kept_at_anthropic_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="Send the content itself"):
        expect_at_hand("messages", user(block))
    expect_at_hand("messages", user({"type": "image", "source": {"type": "base64", "data": "AA"}}))
    expect_at_hand("messages", user({"type": "tool_result", "content": ["no block"]}))
