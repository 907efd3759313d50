"""What a whole completion says, the stream that is made of it says, too."""

import pytest

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.streaming.chat import ChatStream
from proxy.streaming.unpieced import events
from proxy.translation.answers import Identity
from proxy.translation.rules import Expectation

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def told(completion: object, *, usage: bool = True) -> list[dict[str, object]]:
    """The chunks that a client gets of it."""
    stream = ChatStream(Expectation(stream=True, include_usage=usage), Identity("chatcmpl-1", 7), "m", event_limit=4096)
    out = stream.feed(events(codec.encode(completion)))
    assert (stream.ended, stream.error) == ("complete", None)
    lines = [line.removeprefix(b"data: ") for line in out.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [codec.decode(line) for line in lines[:-1]]


def test_text_calls_and_usage_come_as_chunks() -> None:
    message = {"role": "assistant", "content": "It rains.", "tool_calls": [CALL, None]}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": {"content": []}}
    chunks = told({"id": "chatcmpl-x", "created": 9, "model": "served", "choices": [choice], "usage": usage})
    assert {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks} == {
        ("chatcmpl-x", "chat.completion.chunk", 9, "served")
    }
    rows = [row for chunk in chunks for row in chunk["choices"]]  # type: ignore[attr-defined]
    assert "".join(row["delta"].get("content") or "" for row in rows) == "It rains."
    (call,) = [call for row in rows for call in row["delta"].get("tool_calls") or ()]
    assert (call["index"], call["id"], call["function"]) == (0, "call_1", CALL["function"])
    assert [row["finish_reason"] for row in rows if row["finish_reason"]] == ["tool_calls"]
    assert chunks[-1]["usage"]["total_tokens"] == 5  # type: ignore[index]


def test_what_is_missing_is_made_up_for() -> None:
    chunks = told({"choices": [{"message": {"content": "a"}}, {"index": 1, "message": "odd"}, "odd"]}, usage=False)
    rows = [row for chunk in chunks for row in chunk["choices"]]  # type: ignore[attr-defined]
    assert {row["index"] for row in rows} == {0, 1, 2}
    assert [row["finish_reason"] for row in rows if row["finish_reason"]] == ["stop"] * 3


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b'{"choices": []}', b'{"error": {"message": "no"}}'])
def test_what_is_no_completion_is_the_error_that_it_is(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        events(raw)
