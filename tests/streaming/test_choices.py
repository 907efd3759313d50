"""One choice: what goes on as it is, what is made anew, what goes nowhere."""

import copy
from typing import Any

import pytest

from proxy.errors import UpstreamFailed
from proxy.streaming.choices import ChoiceStream
from proxy.streaming.meter import Meter
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation


def choice_stream(**wishes: Any) -> tuple[ChoiceStream, Meter]:
    expects, meter = Expectation(**wishes), Meter()
    return ChoiceStream(("chatcmpl-1", 0), expects, meter, Conformance(expects)), meter


def choice(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def test_text_goes_on_as_it_is_once_the_start_is_over() -> None:
    stream, meter = choice_stream()
    assert not stream.passes(choice(content="Hi"))
    assert stream.feed(choice(content="Hi")) == choice(role="assistant", content="Hi")
    assert stream.passes(choice(content=" there"))
    assert stream.passes(choice(content=""))
    assert meter.output_bytes == len("Hi there")
    for other in (choice("stop", content="."), choice(content=None), choice(content=".", role=None), choice(), {}):
        assert not stream.passes(other)


def test_reasoning_goes_on_as_it_is_from_the_start_unless_hidden() -> None:
    for hide in (False, True):
        stream, _ = choice_stream(hide_reasoning=hide)
        stream.feed(choice(role="assistant"))
        assert stream.passes(choice(reasoning_content="Hm.")) is not hide


def test_nothing_passes_after_the_finish() -> None:
    stream, _ = choice_stream()
    stream.feed(choice("stop", content="Hi"))
    assert not stream.passes(choice(content="!"))
    assert stream.feed(choice(content="!")) is None
    assert stream.finished


def test_the_input_is_not_changed() -> None:
    stream, _ = choice_stream()
    given = choice(
        "stop", role="user", reasoning="Hm.", content=[{"text": "x"}], tool_calls=[{"function": {"name": "f"}}]
    )
    before = copy.deepcopy(given)
    stream.feed(given)
    assert given == before


def test_a_reason_that_means_a_broken_answer_is_an_error() -> None:
    stream, _ = choice_stream()
    with pytest.raises(UpstreamFailed, match="broke off"):
        stream.feed(choice("abort"))


def test_a_blank_reason_is_a_last_word_only_if_it_is_the_first_one_and_not_on_the_first_chunk() -> None:
    stream, _ = choice_stream()
    stream.feed(choice("", content="Hi"))
    assert (stream.blank, stream.last_word) == (True, False)
    stream.feed(choice("", content="!"))
    assert (stream.blank, stream.last_word) == (True, False)
    stream, _ = choice_stream()
    stream.feed(choice(content="Hi"))
    stream.feed(choice(""))
    assert (stream.blank, stream.last_word) == (True, True)
    stream.passes(choice(content="!"))
    assert (stream.blank, stream.last_word) == (False, False)


def test_what_is_checked_is_the_text_without_its_thinking() -> None:
    expects = Expectation(schema={"type": "integer"})
    checks = Conformance(expects)
    stream = ChoiceStream(("chatcmpl-1", 0), expects, Meter(), checks)
    stream.feed(choice(content="<think>Hm.</think>1"))
    stream.feed(choice("stop", content="2"))
    assert checks.violations == 0
