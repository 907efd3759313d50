"""A whole message: untouched where it is whole, completed where it is not."""

from typing import Any

import pytest
from anthropic.types import Message

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed, UpstreamUnavailable
from proxy.translation.answers import Answer, Identity
from proxy.translation.anthropic.answer import answer
from proxy.translation.rules import Expectation

MODEL = "moonshotai/Kimi-K2.6"
IDENTITY = Identity("msg_abc", 1)
TEXT = {"type": "text", "text": "Hello"}
WHOLE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [TEXT],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2},
}


def read(value: Any, **wishes: Any) -> Answer:
    raw = value if isinstance(value, bytes) else codec.encode(value)
    return answer(raw, Expectation(input_bytes=40, **wishes), IDENTITY, MODEL)


def test_what_is_whole_goes_on_byte_for_byte() -> None:
    raw = codec.encode_pretty(WHOLE).encode()
    made = read(raw)
    assert made.body is raw
    assert (made.model, made.estimated, made.violations) == (MODEL, False, 0)
    usage = made.usage
    assert (usage.input, usage.output, usage.cached_input, usage.cache_write) == (17, 3, 5, 2)


def test_what_is_missing_is_filled_in() -> None:
    call = {"type": "tool_use", "name": "f", "input": '{"a":1}'}
    made = read({"content": [TEXT, call, {**call, "id": "toolu_1", "input": None}], "stop_reason": "tool_calls"})
    value = codec.decode(made.body)
    message = Message.model_validate(value)
    assert (message.id, message.role, message.model, message.stop_reason) == ("msg_abc", "assistant", MODEL, "tool_use")
    assert [block["id"] for block in value["content"][1:]] == ["toolu_abc1", "toolu_1"]
    assert [block["input"] for block in value["content"][1:]] == [{"a": 1}, {}]
    assert made.estimated
    assert message.usage.input_tokens == 10
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("content", "said", "reason"),
    [
        ([TEXT], None, "end_turn"),
        ([{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "", "tool_use"),
        ([TEXT], "length", "max_tokens"),
        ([TEXT], "pause_turn", "pause_turn"),
    ],
)
def test_why_it_ended_is_said_in_anthropics_words(content: Any, said: Any, reason: str) -> None:
    made = codec.decode(read({**WHOLE, "content": content, "stop_reason": said}).body)
    assert made["stop_reason"] == reason


def test_reasoning_is_left_out_where_the_operator_hides_it() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    value = {**WHOLE, "content": [thought, TEXT]}
    assert codec.decode(read(value, hide_reasoning=True).body)["content"] == [TEXT]
    assert codec.decode(read(value).body)["content"] == [thought, TEXT]


def test_reasoning_is_counted() -> None:
    value = {**WHOLE, "content": [{"type": "thinking", "thinking": "12345678"}, TEXT], "usage": None}
    usage = read(value).usage
    assert (usage.output, usage.reasoning, usage.source) == (4, 2, "estimated")
    counted = {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    assert read({**WHOLE, "usage": counted}).usage.reasoning == 4


def test_a_text_in_place_of_blocks_is_one() -> None:
    assert codec.decode(read({**WHOLE, "content": "Hello"}).body)["content"] == [TEXT]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html>", b"[]", b"{}", b'{"content":[1]}', b'{"content":null}',
        b'{"content":[{"type":"tool_use","name":"f","input":"{"}]}',
        b'{"content":[{"type":"tool_use","name":"f","input":"[1]"}]}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        read(raw)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, UpstreamUnavailable),
        ({"errors": [{"code": "10007", "title": "x", "detail": "y"}]}, UpstreamFailed),
        ({"type": "error", "content": []}, UpstreamFailed),
    ],
)
def test_an_error_inside_a_200_is_raised(value: Any, kind: type[ProxyError]) -> None:
    with pytest.raises(kind):
        read(value)


def test_a_byte_order_mark_is_taken_off() -> None:
    assert read(b"\xef\xbb\xbf" + codec.encode(WHOLE)).body == codec.encode(WHOLE)
