"""What the first chunk of a choice tells of those to come; and what is only said to be so once it was seen."""

from typing import Any

import pytest

from proxy.streaming import templates
from proxy.streaming.templates import LESSONS, LIMIT
from tests.streaming.events_of_chunks import (
    DONE,
    HI,
    PIECES,
    ROLE,
    chunk,
    event,
    guessed,
    learned,
    open_stream,
    taught,
    told,
)


@pytest.mark.parametrize("first", ["Hi", " there", "\u00e9", "<b>", " <x"])
def test_an_ordinary_stream_in_one_piece_is_that_very_piece(first: str) -> None:
    stream = open_stream()
    texts = [first, *PIECES[1:]]
    whole = ROLE + b"".join(event(chunk({"content": text})) for text in texts) + event(chunk({}, "stop")) + DONE
    assert stream.feed(whole) is whole
    assert stream.ended == "complete"
    assert stream.usage.output == -(-sum(len(text.encode()) for text in texts) // 4)


@pytest.mark.parametrize("refusal", [{}, {"refusal": None}])
def test_the_first_chunk_tells_how_the_texts_will_look(refusal: dict[str, None]) -> None:
    stream = open_stream()
    stream.feed(event(chunk({"role": "assistant", "content": "", **refusal})))
    (template,) = guessed(stream)
    assert stream.feed(HI + HI) == HI + HI
    assert learned(stream) == (template,)


@pytest.mark.parametrize("text", ["", " ", "\n", "<", "<think>", " <thi", '"', "\\", "x"])
def test_a_first_text_that_may_be_more_than_text_is_looked_at_closely(text: str) -> None:
    stream = open_stream()
    sent = [ROLE, event(chunk({"content": text})), HI, HI, event(chunk({}, "stop")) + DONE]
    assert told(stream, [b"".join(sent)]) == told(open_stream(0), sent)


@pytest.mark.parametrize(
    "value",
    [
        chunk({"role": "assistant"}),
        chunk({"role": "assistant", "content": "", "tool_calls": None}),
        chunk({"role": "assistant", "content": ""}, note="\\"),
        chunk({"role": "assistant", "content": ""}, note="x" * LIMIT),
        chunk({"role": "assistant", "content": ""}, note={"delta": 1}),
        {**chunk({"content": "", "role": "assistant"}), "note": {"delta": {"role": "assistant", "content": ""}}},
    ],
)
def test_nothing_is_guessed_of(value: dict[str, Any]) -> None:
    stream = open_stream()
    assert stream.feed(event(value)) == event(value)
    assert not guessed(stream)


def test_a_wrong_guess_is_dropped_and_costs_nothing() -> None:
    stream = open_stream()
    stream.feed(ROLE)
    other = event(chunk({"content": "Hi"}, note=1))
    assert stream.feed(other * 3) == other * 3
    assert not guessed(stream)
    assert stream._templates.lessons == LESSONS - 1


def test_of_many_choices_only_some_are_guessed() -> None:
    stream = open_stream()
    for index in range(templates.MOST + 1):
        stream.feed(event(chunk({"role": "assistant", "content": ""}, index=index)))
    assert len(guessed(stream)) == templates.MOST


@pytest.mark.parametrize("odd", ['a "quoted" {"x": "y"}, z', '"},"', "}"])
def test_a_text_may_have_in_it_what_stands_behind_it(odd: str) -> None:
    stream, _ = taught()
    run = b"".join(event(chunk({"content": text})) for text in ("a", odd, "b"))
    assert stream.feed(run) is run
