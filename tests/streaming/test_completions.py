"""Streamed completions: chat chunks retold, of one prompt or of several at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from proxy import codec
from proxy.errors import UpstreamTimeout
from proxy.streaming.completions import CompletionStream
from proxy.translation.completions import Shape
from proxy.translation.rules import Expectation
from proxy.usage import Usage
from tests.streaming.events_of_chunks import DONE, chunk, event
from tests.streaming.transcripts import IDENTITY, MODEL, sliced

ROLE = event(chunk({"role": "assistant", "content": ""}))
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
LAST = event({**chunk({}), "choices": [], "usage": USAGE})
WHOLE = ROLE + event(chunk({"content": "up"})) + event(chunk({"content": "on"})) + event(chunk({}, "stop"))
ANSWER = WHOLE + LAST + DONE


def stream(*prompts: str, **shape: Any) -> CompletionStream:
    wishes = Shape(prompts or ("Once",), sizes=(8,) * (len(prompts) or 1), **shape)
    return CompletionStream(wishes, Expectation(stream=True, hide_reasoning=True), IDENTITY, MODEL)


def told(out: bytes) -> list[Any]:
    """Events as values; `[DONE]` as text."""
    datas = [piece.removeprefix(b"data: ") for piece in out.split(b"\n\n") if piece]
    return [data.decode() if data == b"[DONE]" else codec.decode(data) for data in datas]


def texts(values: list[Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    for value in values:
        for row in value["choices"] if isinstance(value, dict) else ():
            found[row["index"]] = found.get(row["index"], "") + row["text"]
    return found


def test_chunks_are_completions_with_one_ending() -> None:
    reader = stream()
    out = reader.feed(ANSWER)
    *chunks, end = told(out)
    assert end == "[DONE]"
    for value in chunks:
        assert Completion.construct(**value).to_dict() == value, "the client does not validate chunks"
    assert [(row["choices"][0]["text"], row["choices"][0]["finish_reason"]) for row in chunks] == [
        ("up", None), ("on", None), ("", "stop"),
    ]  # fmt: skip
    assert {(row["id"], row["object"], "usage" in row) for row in chunks} == {("cmpl-1", "text_completion", False)}
    assert (reader.ended, reader.error, reader.started, reader.violations) == ("complete", None, True, 0)
    assert (reader.usage, reader.model) == (Usage(9, 2, source="upstream"), MODEL)
    assert reader.feed(b"data: {}\n\n") + reader.finish() + reader.heartbeat() == b""


def test_usage_comes_last_where_it_is_asked_for() -> None:
    *chunks, usage, end = told(stream(include_usage=True).feed(ANSWER))
    assert (usage["choices"], usage["usage"]["total_tokens"], end) == ([], 11, "[DONE]")
    assert [value["usage"] for value in chunks] == [None] * 3


def test_the_prompt_comes_first_and_once_for_each_choice() -> None:
    answer = event(chunk({"content": "a"})) + event(chunk({"content": "b"}, index=1)) + WHOLE
    answer += event(chunk({}, "length", index=1)) + DONE
    assert texts(told(stream(echo=True, choices=2).feed(answer))) == {0: "Onceaupon", 1: "Onceb"}


@given(st.lists(st.integers(0, len(ANSWER)), max_size=5))
def test_any_slicing_gives_the_same_bytes(cuts: list[int]) -> None:
    reader = stream(echo=True, include_usage=True)
    pieces = b"".join(map(reader.feed, sliced(ANSWER, cuts))) + reader.finish()
    assert pieces == stream(echo=True, include_usage=True).feed(ANSWER)


def test_a_fingerprint_goes_on() -> None:
    out = stream().feed(event(chunk({"content": "a"}, system_fingerprint="fp")))
    assert told(out)[0]["system_fingerprint"] == "fp"


def test_a_heartbeat_is_a_chunk_without_text() -> None:
    reader = stream(echo=True)
    assert told(reader.heartbeat())[0]["choices"][0]["text"] == "Once"
    assert told(reader.heartbeat())[0]["choices"][0]["text"] == ""
    reader.feed(WHOLE)
    assert reader.heartbeat() == b"", "every choice has ended"


def test_a_torso_ends_with_an_error() -> None:
    reader = stream()
    out = told(reader.feed(ROLE + event(chunk({"content": "a"}))) + reader.finish())
    assert out[-1]["error"]["code"] == (reader.error and reader.error.code)
    assert reader.ended == "truncated"


def test_an_error_names_the_prompt() -> None:
    fault = {"error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "x"}}
    assert told(stream().feed(event(fault)))[0]["error"]["param"] == "prompt"
    reader = stream()
    reader.feed(ROLE)
    timeout = UpstreamTimeout("Silence.", param="messages[1]")
    assert told(reader.fail(timeout, "stalled"))[0]["error"]["param"] == "prompt"
    assert (reader.ended, reader.error) == ("stalled", timeout)
    assert reader.fail(timeout, "stalled") == b""


def test_trouble_after_the_last_word_is_none() -> None:
    reader = stream()
    reader.feed(WHOLE)
    assert reader.fail(UpstreamTimeout("Silence."), "stalled") == DONE
    assert reader.ended == "complete"


# Several prompts


def test_streams_of_several_prompts_are_one() -> None:
    reader = stream("a", "b", include_usage=True, choices=2, echo=True)
    reader.begin(1)
    out = b""
    for place, answer in ((1, WHOLE), (0, WHOLE), (1, LAST + DONE), (0, LAST)):
        reader.turn_to(place)
        out += reader.feed(answer)
    assert reader.over(1)
    assert not reader.over(0)
    assert reader.ended is None
    reader.close(0)
    *chunks, usage, end = told(out + reader.feed(b"") + reader.finish())
    assert texts(chunks) == {0: "aupon", 2: "bupon"}
    assert (usage["usage"]["total_tokens"], end) == (22, "[DONE]")
    assert reader.over(0)
    assert len({value["id"] for value in chunks}) == 1


@pytest.mark.parametrize("end", ["feed", "fail", "finish"])
def test_one_torso_breaks_them_all(end: str) -> None:
    reader = stream("a", "b")
    reader.begin(1)
    reader.turn_to(1)
    out = reader.feed(ROLE)
    reader.close(1)
    assert reader.ended == "truncated"
    out += {
        "feed": lambda: reader.feed(WHOLE),
        "fail": lambda: reader.fail(UpstreamTimeout("Late."), "timeout"),
        "finish": reader.finish,
    }[end]()
    assert [sorted(value) for value in told(out)] == [["error"]]
    assert reader.ended == "truncated"


def test_prompts_that_were_never_sent_cost_nothing() -> None:
    reader = stream("a", "b", "c")
    reader.feed(WHOLE)
    estimated = Usage(2, 1, source="estimated")
    assert reader.usage == estimated
    reader.begin(2)
    assert reader.usage.input == 4
    assert told(reader.heartbeat())[0]["choices"][0]["index"] == 2
    assert "error" in told(reader.fail(UpstreamTimeout("Late."), "timeout"))[-1]
