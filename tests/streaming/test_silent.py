"""Chunks that say nothing are known from other streams: what they are, and that it makes no difference."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.streaming import silent
from proxy.streaming.silent import LONGEST
from tests.streaming import transcripts
from tests.streaming.events_of_chunks import DONE, HI, NAMES, ROLE, chunk, event, open_stream, told

FIRST = {"role": "assistant", "content": ""}
LAST = event(chunk({}, "stop"))
LEAD = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,'


def rest(value: dict[str, Any]) -> bytes:
    """What follows the lead in the bytes of a chunk."""
    return event(value)[len(b"data: ") : -2].removeprefix(LEAD)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("keyed", [False, True])
def test_the_first_and_the_last_chunk_are_known(*, asked: bool, keyed: bool) -> None:
    more: dict[str, Any] = {"usage": None} if keyed else {}
    first, last = event({**chunk(FIRST), **more}), event({**chunk({}, "stop"), **more})
    found = silent.opening(first + HI, asked)
    assert found is not None
    lead, names, value, end = found
    assert (lead, names, end) == (LEAD, tuple(NAMES.values()), len(first))
    assert value.sides is not None
    ending = silent.ending(last[6:-2], lead, asked)
    assert ending is not None
    assert (value.made is None) is (ending.made is None) is (keyed is asked)
    sent = [first, HI, HI, last, DONE]
    assert told(open_stream(include_usage=asked), [b"".join(sent)]) == told(open_stream(0, include_usage=asked), sent)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"}",
        b'"model":1}',
        rest(chunk(FIRST, index=1)),
        rest(chunk(FIRST, error=None)),
        rest(chunk(FIRST, usage={"prompt_tokens": 1})),
        rest({**chunk(FIRST), "model": ""}),
        rest({**chunk(FIRST), "choices": []}),
        rest({**chunk(FIRST), "choices": [1]}),
        rest({**chunk(FIRST), "choices": [{"index": True, "delta": FIRST, "finish_reason": None}]}),
        rest(chunk(FIRST))[:-1] + b',"id":"another"}',
        rest(chunk(FIRST))[:-1] + b"\n}",
        rest(chunk(FIRST))[:-1] + b"\r}",
        rest(chunk(FIRST))[:-1],
    ],
)
def test_nothing_is_known_of(data: bytes) -> None:
    assert silent.known(data, asked=False) is None


@pytest.mark.parametrize(
    "first",
    [
        HI,
        event(chunk({**FIRST, "note": "x" * LONGEST})),
        event({**chunk(FIRST), "id": 'a"b'}),
        event({**chunk(FIRST), "created": 0}),
        event({**chunk(FIRST), "created": -1}),
        event(chunk(FIRST))[:-1],
        event(chunk(FIRST), separators=(", ", ": ")),
        b"\xef\xbb\xbf" + ROLE,
        b": ping\n" + ROLE,
        b"event: error\n" + ROLE,
    ],
)
def test_other_beginnings_are_taken_apart(first: bytes) -> None:
    assert silent.opening(first + HI, asked=False) is None
    sent = first + HI + LAST + DONE
    assert told(open_stream(), [sent]) == told(open_stream(0), [sent])


def test_a_stream_that_has_begun_does_not_begin_again() -> None:
    sent = HI + ROLE + HI + LAST + DONE
    assert told(open_stream(), [sent]) == told(open_stream(0), [sent])


def test_a_sign_of_life_before_the_first_chunk_has_named_the_stream() -> None:
    one, other = open_stream(), open_stream(0)
    assert one.heartbeat() == other.heartbeat()
    assert told(one, [ROLE + HI + LAST + DONE]) == told(other, [ROLE + HI + LAST + DONE])


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.just("chatcmpl-1")
odd = st.sampled_from([{}, {"usage": None}, {"error": None}, {"note": 1}, {"note": "\\"}, {"system_fingerprint": "fp"}])
deltas = st.sampled_from([
    FIRST, {}, {"content": ""}, {"role": "assistant"}, {"content": "Hi"}, {"content": "<think>"}, {"reasoning": "so"},
    {**FIRST, "refusal": None}, {**FIRST, "tool_calls": None}, {"role": "user", "content": ""}, {"content": None},
    {"content": '"delta":{}'}, {"role": "assistant", "content": "", "reasoning_content": ""},
])  # fmt: skip
finishes = st.sampled_from([None, None, None, "stop", "length", "tool_calls", "", "eos", 1])
wishes = st.fixed_dictionaries({
    "include_usage": st.booleans(), "hide_reasoning": st.booleans(), "json_text": st.booleans(),
    "schema": st.sampled_from([None, {"type": "object"}]),
})  # fmt: skip


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Streams whose chunks say little, in names and orders that are nearly those of others."""
    common = {**NAMES, "id": draw(names), "created": draw(st.sampled_from([1, 1_760_000_000, 10**10, 10**12]))}
    made = [draw(st.sampled_from([b"", b": ping\n\n", b"event: ping\n"]))]
    for delta in [FIRST, *draw(st.lists(deltas, max_size=6))]:
        value = chunk(delta, draw(finishes), draw(st.sampled_from([0, 0, 0, 1, None])), **draw(odd))  # type: ignore[arg-type]
        named = {**value, **common, **draw(st.sampled_from([{}, {}, {}, {"id": "another"}, {"model": "m"}]))}
        made.append(event(named, ensure_ascii=draw(st.booleans())))
    return b"".join(made) + draw(st.sampled_from([DONE, b"", LAST + DONE]))


@given(st.data())
def test_any_stream_in_any_slicing_is_the_same_without_it(data: st.DataObject) -> None:
    sent = data.draw(streams())
    wish: dict[str, Any] = data.draw(wishes)
    pieces = [*transcripts.sliced(sent, data.draw(transcripts.cuts_of(sent)))]
    assert told(open_stream(**wish), pieces) == told(open_stream(0, **wish), [sent])


@given(st.data())
def test_a_byte_that_differs_is_noticed(data: st.DataObject) -> None:
    sent = bytearray(ROLE + HI + LAST + DONE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(sent) - 1))
        sent[place : place + 1] = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"\n", b"\r", b",", b"x", b"0", b"{", b"}"])
        )
    assert told(open_stream(), [bytes(sent)]) == told(open_stream(0), [bytes(sent)])


@given(st.dictionaries(st.sampled_from(["model", "choices", "usage", "id", "x"]), st.integers() | st.text(max_size=3)))
def test_what_is_known_is_what_decoding_says(more: dict[str, Any]) -> None:
    value = {**chunk(FIRST), **more}
    found = silent.known(rest(value), asked="usage" in value)
    if found is not None:
        whole = codec.decode(LEAD + rest(value))
        assert whole == json.loads(event(value)[6:])
        assert (found.model, [found.choice]) == (whole["model"], whole["choices"])
