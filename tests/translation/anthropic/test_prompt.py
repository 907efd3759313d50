"""What a Messages request has the model read."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.translation.anthropic.prompt import check_messages, check_system, expect_at_hand, weigh

IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
FOUND = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}


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
                {"type": "tool_result", "tool_use_id": "u", "content": [{"type": "text", "text": "é"}, IMAGE]},
                {"type": "document", "title": "T", "source": PDF},
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


def without(block: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != name}


def result(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t", "content": content}


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ({"type": "text"}, "text"),
        ({"type": "text", "text": None}, "text"),
        ({"type": "text", "text": 5}, "text"),
        ({"type": "image"}, "source"),
        ({"type": "image", "source": "https://example.com/a.png"}, "source"),
        ({"type": "image", "source": {}}, "source.type"),
        ({"type": "image", "source": {"type": "url"}}, "source.url"),
        ({"type": "image", "source": {"type": "file"}}, "source.file_id"),
        ({"type": "image", "source": without(PDF, "media_type")}, "source.media_type"),
        ({"type": "document"}, "source"),
        ({"type": "document", "source": without(PDF, "data")}, "source.data"),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": 7}}, "source.data"),
        ({"type": "document", "source": {"type": "content"}}, "source.content"),
        ({"type": "document", "source": {"type": "content", "content": [{"type": "text"}]}}, "source.content[0].text"),
        (without(FOUND, "source"), "source"),
        (without(FOUND, "title"), "title"),
        ({**FOUND, "content": [{"type": "text"}]}, "content[0].text"),
        ({"type": "thinking"}, "thinking"),
        ({"type": "redacted_thinking"}, "data"),
        (without(CALL, "id"), "id"),
        (without(CALL, "name"), "name"),
        (without(CALL, "input"), "input"),
        ({**CALL, "input": "{}"}, "input"),
        ({**CALL, "type": "server_tool_use", "name": 1}, "name"),
        ({"type": "tool_result", "content": "x"}, "tool_use_id"),
        (result(5), "content"),
        (result(["x"]), "content[0]"),
        (result([{"type": "text"}]), "content[0].text"),
        (result([IMAGE, {"type": "image"}]), "content[1].source"),
    ],
)
def test_a_block_that_anthropic_would_refuse_is_refused_by_its_path(block: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_messages("messages", [{"role": "user", "content": "x"}, *user(IMAGE, block)])
    assert caught.value.param == f"messages[1].content[1].{where}"
    assert f"'{caught.value.param}'" in caught.value.message


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}, "citations": None},
        {"type": "thinking", "thinking": ""},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "document", "source": PDF, "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "content", "content": "x"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}, IMAGE]}},
        {"type": "image", "source": {"type": "not known yet"}},
        FOUND,
        {**CALL, "caller": {"type": "direct"}},
        {**CALL, "type": "server_tool_use"},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": {"error_code": "unavailable"}},
        {"type": "not known yet"},
        {"type": "tool_result", "tool_use_id": "t", "is_error": True},
        result(None),
        result(""),
        result([{"type": "text", "text": "x"}, IMAGE, FOUND, {"type": "tool_reference", "tool_name": "f"}]),
    ],
)
def test_what_anthropic_takes_or_may_take_some_day_passes(block: dict[str, Any]) -> None:
    check_messages("messages", user(block))


def test_instructions_may_stand_in_the_middle() -> None:
    check_messages("messages", [*user(IMAGE), {"role": "system", "content": "Be brief."}])


def test_what_is_nested_too_deeply_to_be_sent_is_refused() -> None:
    value: Any = {}
    for _ in range(300):
        value = {"a": value}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        check_messages("messages", user({**CALL, "input": value}))


def test_a_system_prompt_is_text() -> None:
    check_system("system", "text")
    check_system("system", [{"type": "text", "text": "x"}])


@pytest.mark.parametrize(
    ("value", "param"),
    [
        (7, "system"),
        (["x"], "system[0]"),
        ([{"text": "x"}], "system[0].type"),
        ([{"type": "image"}], "system[0].type"),
        ([{"type": "text", "text": "x"}, {"type": "text"}], "system[1].text"),
        ([{"type": "text", "text": 5}], "system[0].text"),
    ],
)
def test_a_system_prompt_that_is_no_text_is_refused(value: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_system("system", value)
    assert caught.value.param == param


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
