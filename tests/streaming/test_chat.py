"""A stream from Telnyx becomes one from OpenAI: the transcripts, any slicing of them, what holds for anything."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounts.ledger import STREAM_ENDS
from proxy.errors import ShuttingDown, UpstreamFailed, UpstreamTimeout
from proxy.streaming.chat import MOST_CHOICES, ChatStream
from proxy.streaming.meter import HELD_LIMIT
from proxy.translation.rules import Expectation
from tests.streaming import transcripts
from tests.streaming.transcripts import IDENTITY, MODEL, Transcript
from tests.trying import examples

NAMES = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": MODEL}


def event(delta: dict[str, Any] | None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    chunk = {**NAMES, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def open_stream(**wishes: Any) -> ChatStream:
    return ChatStream(Expectation(stream=True, **wishes), IDENTITY, MODEL)


ROLE = event({"role": "assistant", "content": ""})
HI = event({"content": "Hi"})
STOP = event({}, "stop")
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize("transcript", transcripts.ALL, ids=lambda transcript: transcript.name)
def test_the_client_gets_what_the_transcript_says(transcript: Transcript) -> None:
    stream, about = transcript.stream(), transcript.about
    assert transcripts.play(stream, [transcript.upstream]) == transcript.client
    assert stream.ended == about["ended"]
    assert stream.ended in STREAM_ENDS
    assert (stream.error is None) == (stream.ended == "complete")
    assert stream.violations == about.get("violations", 0)
    assert stream.model == about.get("model", MODEL)
    if "usage" in about:
        assert [stream.usage.input, stream.usage.output, stream.usage.source] == about["usage"]


@pytest.mark.parametrize("transcript", transcripts.ALL, ids=lambda transcript: transcript.name)
def test_one_byte_at_a_time_and_trailing_garbage_change_nothing(transcript: Transcript) -> None:
    bytewise = [transcript.upstream[at : at + 1] for at in range(len(transcript.upstream))]
    assert transcripts.play(transcript.stream(), bytewise) == transcript.client
    stream = transcript.stream()
    got = transcripts.play(stream, [transcript.upstream])
    assert (
        got + stream.feed(b'data: {"choices":[{"delta":{"content":"!"}}]}\n\n') + stream.finish() == transcript.client
    )


@pytest.mark.parametrize("transcript", transcripts.ALL, ids=lambda transcript: transcript.name)
def test_without_templates_it_is_the_same(transcript: Transcript) -> None:
    stream = transcript.stream()
    stream._templates.lessons = 0
    assert transcripts.play(stream, [transcript.upstream]) == transcript.client


@given(st.data())
@settings(max_examples=examples(200))
def test_any_slicing_gives_the_same_bytes(data: st.DataObject) -> None:
    transcript = data.draw(st.sampled_from(transcripts.ALL))
    cuts = data.draw(transcripts.cuts_of(transcript.upstream))
    assert transcripts.play(transcript.stream(), transcripts.sliced(transcript.upstream, cuts)) == transcript.client


# What must hold whatever upstream sends. Odd values stand where a real server was seen to put them.

texts = st.sampled_from(["", "Hi", " there", "<think>", "</think>", "\n", "é", "{"])
ids = st.sampled_from([None, "", "call_a", "call_b"])
odd: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(0, 2) | texts,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["text", "name", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)
functions = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["", "f", "shell"]) | odd, "arguments": texts | odd}
)
entries = st.fixed_dictionaries(
    {}, optional={"index": st.integers(0, 2) | odd, "id": ids | odd, "type": odd, "function": functions | odd}
)
deltas = st.fixed_dictionaries({}, optional={
    "role": st.just("assistant") | odd, "content": texts | odd, "refusal": odd, "function_call": odd,
    "reasoning": texts | odd, "reasoning_content": texts | odd, "tool_calls": st.lists(entries, max_size=3) | odd,
})  # fmt: skip
finishes = st.sampled_from([None, None, None, "", "stop", "tool_calls", "length", "eos", "error"]) | odd
choices = st.fixed_dictionaries({}, optional={
    "index": st.integers(0, 1) | odd, "delta": deltas | odd, "finish_reason": finishes, "message": deltas, "text": odd,
})  # fmt: skip
chunks = st.fixed_dictionaries({}, optional={
    "id": st.just("chatcmpl-1") | odd, "object": odd, "created": st.just(1_760_000_000) | odd, "model": odd,
    "choices": st.lists(choices, max_size=2) | odd, "error": st.none() | odd, "message": odd,
    "usage": odd | st.just({"prompt_tokens": 1, "completion_tokens": 2}),
})  # fmt: skip
wishes = st.fixed_dictionaries({
    "include_usage": st.booleans(), "legacy_functions": st.booleans(), "named_choice": st.booleans(),
    "single_call": st.booleans(), "hide_reasoning": st.booleans(),
    "custom_tools": st.sampled_from([frozenset(), frozenset({"shell"})]),
    "schema": st.sampled_from([None, {"type": "object"}]),
    "tool_schemas": st.sampled_from([{}, {"f": {"type": "object"}}]),
})  # fmt: skip
endings = st.sampled_from([b"", STOP, STOP + DONE, DONE, b"data: oops\n\n", event({}, "stop", index=1) + STOP + DONE])


@given(wishes, st.lists(chunks | st.none(), max_size=6), endings)
@settings(max_examples=examples(300))
def test_whatever_comes_the_client_gets_a_sound_stream(
    wish: dict[str, Any], sent: list[dict[str, Any] | None], ending: bytes
) -> None:
    stream = open_stream(**wish)
    got = b""
    for chunk in sent:
        got += stream.heartbeat() if chunk is None else stream.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    got += stream.feed(ending) + stream.finish()
    received = transcripts.chunks(got)
    assert got.endswith(DONE) == (stream.ended == "complete")
    expect_sound(received, asked=wish["include_usage"], complete=stream.ended == "complete")
    if wish["hide_reasoning"]:
        assert not any(
            "reasoning_content" in row["delta"] and row["delta"]["reasoning_content"] for row in rows(received)
        )


def rows(received: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for chunk in received for row in chunk["choices"]]


def expect_sound(received: list[dict[str, Any]], *, asked: bool, complete: bool) -> None:
    """The promises of a stream, whatever was sent."""
    for name in ("id", "object", "created", "model"):
        assert len({chunk[name] for chunk in received}) <= 1
    with_usage = [chunk for chunk in received if chunk.get("usage")]
    assert len(with_usage) == (asked and complete)
    assert all(("usage" in chunk) == asked for chunk in received)
    assert all(chunk["choices"] or chunk is received[-1] for chunk in received)
    for index in {row["index"] for row in rows(received)}:
        mine = [row for row in rows(received) if row["index"] == index]
        assert [row["delta"].get("role") for row in mine] == ["assistant"] + [None] * (len(mine) - 1)
        reasons = [row["finish_reason"] for row in mine]
        assert reasons[:-1] == [None] * (len(mine) - 1)
        assert reasons[-1] in {"stop", "length", "tool_calls", "content_filter", "function_call"} or not complete
        expect_sound_calls([row["delta"] for row in mine])


def expect_sound_calls(sent: list[dict[str, Any]]) -> None:
    seen: set[int] = set()
    for call in (call for delta in sent for call in delta.get("tool_calls") or []):
        assert type(call["index"]) is int
        if call["index"] in seen:
            assert not {"id", "type", "name"} & call.keys()
            assert "name" not in call["function"]
        else:
            assert call["index"] == len(seen)
            assert call["id"]
            assert set(call) >= {"type", call["type"]}
            seen.add(call["index"])
        assert call.get("type") == "custom" or isinstance(call["function"]["arguments"], str)


@given(pieces=st.lists(st.text('{}":ab1,[]', min_size=1, max_size=5), min_size=1, max_size=5), legacy=st.booleans())
def test_the_pieces_of_arguments_add_up_to_the_whole(pieces: list[str], *, legacy: bool) -> None:
    stream = open_stream(legacy_functions=legacy)
    sent = [event({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": p}}]}) for p in pieces]
    deltas = [row["delta"] for row in rows(transcripts.chunks(transcripts.play(stream, [ROLE, *sent, STOP])))]
    got = [d["function_call"] if legacy else d["tool_calls"][0]["function"] for d in deltas[1:-1]]
    assert "".join(function["arguments"] for function in got) == "".join(pieces)
    assert [function.get("name") for function in got] == ["f"] + [None] * (len(pieces) - 1)


@given(st.binary(max_size=300))
def test_any_bytes_at_all_give_one_ending(upstream: bytes) -> None:
    transcripts.chunks(transcripts.play(open_stream(), [upstream]))


def test_a_comment_gives_nothing() -> None:
    stream = open_stream()
    assert stream.feed(b": keepalive\n\n") == b""
    assert stream.feed(b"") == b""
    assert stream.ended is None


def test_nothing_comes_before_an_event_is_whole() -> None:
    stream = open_stream()
    assert stream.feed(ROLE[:-1]) == b""
    assert stream.feed(ROLE[-1:]) == ROLE


@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_an_event_that_is_too_large_ends_the_stream(size: int) -> None:
    stream = ChatStream(Expectation(), IDENTITY, MODEL, event_limit=2000)
    upstream = ROLE + b'data: {"x": "' + b"x" * 2000 + b'"}\n\n' + STOP
    got = b"".join(stream.feed(upstream[at : at + size]) for at in range(0, len(upstream), size))
    assert got.startswith(ROLE)
    assert stream.ended == "malformed"
    assert b"too large" in got
    assert stream.finish() == b""


def test_an_ending_before_an_event_that_is_too_large_stands() -> None:
    stream = ChatStream(Expectation(), IDENTITY, MODEL, event_limit=2000)
    assert stream.feed(ROLE + STOP + DONE + b"data: " + b"x" * 3000) == ROLE + STOP + DONE
    assert stream.ended == "complete"


def test_more_choices_than_openai_has_end_the_stream() -> None:
    stream = open_stream()
    for index in range(MOST_CHOICES):
        assert stream.feed(event({"role": "assistant"}, index=index))
    assert b'"error"' in stream.feed(event({"role": "assistant"}, index=MOST_CHOICES))
    assert stream.ended == "malformed"


def test_started_means_that_something_was_said() -> None:
    stream = open_stream(hide_reasoning=True)
    for silent in (b": x\n\n", ROLE, event({"reasoning_content": "Hm."}), event({"content": "<thi"})):
        stream.feed(silent)
        assert not stream.started
    stream.feed(event({"content": "s is it"}))
    assert stream.started


@pytest.mark.parametrize("delta", [{"reasoning": "Hm."}, {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}])
def test_reasoning_and_calls_are_a_start_too(delta: dict[str, Any]) -> None:
    stream = open_stream()
    stream.feed(event(delta))
    assert stream.started


class TestFail:
    """The caller saw trouble: a reset, a stall, a timeout, a shutdown."""

    def test_the_client_is_told_once(self) -> None:
        stream, error = open_stream(), UpstreamTimeout("Telnyx sent nothing for 120 seconds.")
        stream.feed(ROLE + HI)
        got = stream.fail(error, "stalled")
        assert got == b"data: " + json.dumps(error.envelope(), separators=(",", ":")).encode() + b"\n\n"
        assert (stream.ended, stream.error) == ("stalled", error)
        assert stream.fail(ShuttingDown("Bye."), "shutdown") + stream.feed(STOP) + stream.finish() == b""
        assert stream.ended == "stalled"

    def test_before_the_first_chunk(self) -> None:
        stream = open_stream()
        assert b'"error"' in stream.fail(UpstreamFailed("Reset."), "upstream_reset")
        assert stream.usage.output == 0

    def test_the_whole_answer_is_no_failure_though_its_end_is_missing(self) -> None:
        stream = open_stream()
        stream.feed(ROLE + HI + STOP)
        assert stream.fail(UpstreamFailed("Reset."), "upstream_reset") == DONE
        assert (stream.ended, stream.error) == ("complete", None)


class TestHeartbeat:
    """A sign of life for clients that give up on silence."""

    def test_it_is_an_empty_delta_named_like_the_others(self) -> None:
        stream = open_stream()
        stream.feed(ROLE)
        assert stream.heartbeat() == event({})

    def test_before_the_first_chunk_it_has_the_role_and_the_names_stay(self) -> None:
        """The first delta of a choice has its role; without it LangChain.js loses tool calls and usage."""
        stream = open_stream(include_usage=True)
        beats = [stream.heartbeat(), stream.heartbeat()]
        got = b"".join(beats) + transcripts.play(stream, [ROLE + HI + STOP + DONE])
        received = transcripts.chunks(got)
        expect_sound(received, asked=True, complete=True)
        assert [row["delta"] for row in rows(received)] == [
            {"role": "assistant"}, {}, {"content": ""}, {"content": "Hi"}, {},
        ]  # fmt: skip
        assert received[0]["id"] == IDENTITY.id
        assert not stream.feed(b"")

    def test_it_is_no_start(self) -> None:
        stream = open_stream()
        stream.heartbeat()
        assert not stream.started

    def test_it_goes_to_a_choice_that_is_open(self) -> None:
        stream = open_stream()
        stream.feed(ROLE + event({"role": "assistant"}, index=1) + STOP)
        assert stream.heartbeat() == event({}, index=1)

    def test_there_is_none_once_every_choice_is_finished_or_the_stream_has_ended(self) -> None:
        stream = open_stream()
        stream.feed(ROLE + STOP)
        assert stream.heartbeat() == b""
        stream.finish()
        assert stream.heartbeat() == b""


def test_the_memory_of_a_stream_is_bounded() -> None:
    """A custom tool's input has to be held until it is whole."""
    stream = open_stream(custom_tools=frozenset({"shell"}))
    piece = event({"tool_calls": [{"index": 0, "function": {"name": "shell", "arguments": "x" * 65_536}}]})
    for _ in range(HELD_LIMIT // 65_536):
        assert b"error" not in stream.feed(piece)
    assert b"too large" in stream.feed(piece)
    assert stream.ended == "malformed"


def test_what_is_too_long_to_remember_is_handed_on_unchecked() -> None:
    stream = open_stream(schema={"type": "object"})
    long = event({"content": "x" * (HELD_LIMIT // 2)})
    assert stream.feed(ROLE + long) == ROLE + long
    assert stream.feed(long + long + STOP + DONE) == long + long + STOP + DONE
    assert stream.violations == 0
