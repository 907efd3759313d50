"""One choice: what goes on as it is, what is made anew, what goes nowhere."""

import copy
import itertools
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
        assert stream.passes(choice(reasoning_content="Hm.")) == (None if hide else "reasoning_content")


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


ROLES: list[dict[str, Any]] = [
    {}, {"role": "assistant"}, {"role": "assistant", "content": ""}, {"role": "assistant", "content": None},
    {"role": ""}, {"role": 1}, {"role": None}, {"content": ""}, {"content": "", "reasoning": None}, {"content": "x"},
    {"tool_calls": []},
]  # fmt: skip
REASONS: list[Any] = [None, "stop", "length", "content_filter", "", "tool_calls", "eos", "STOP", 1, ["stop"]]
STATES: list[list[dict[str, Any]]] = [
    [], [choice(role="assistant")], [choice(content="Hi")], [choice(content="<thi")], [choice("stop")],
    [choice(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}}])], [choice("")],
]  # fmt: skip


@pytest.mark.parametrize("wish", [{}, {"json_text": True}, {"schema": {"type": "object"}}, {"hide_reasoning": True}])
@pytest.mark.parametrize("state", range(len(STATES)))
def test_what_stays_is_what_would_be_made_of_it(wish: dict[str, Any], state: int) -> None:
    """And the choice is the same behind it, whichever way it went."""
    stayed = 0
    for delta, reason in itertools.product(ROLES, REASONS):
        given = {"index": 0, "delta": delta, "finish_reason": reason}
        (one, _), (other, _) = choice_stream(**wish), choice_stream(**wish)
        for before in STATES[state]:
            assert one.feed(before) == other.feed(before)
        if one.stays(given):
            stayed += 1
            assert other.feed(given) == given
            assert seen(one) == seen(other)
        else:
            assert seen(one) == seen(other)  # nothing has happened
    assert bool(stayed) == (STATES[state] != [choice("stop")])


def seen(stream: ChoiceStream) -> dict[str, Any]:
    """All that is to be seen of a choice but the objects it shares."""
    names = ("blank", "finished", "introduced", "last_word", "_blanks", "_easy", "_texts", "_unsaid")
    return {name: getattr(stream, name) for name in names}


def test_without_a_finish_reason_or_delta_nothing_stays() -> None:
    stream, _ = choice_stream()
    assert not stream.stays({"index": 0, "delta": {"role": "assistant"}})
    assert not stream.stays({"index": 0, "delta": None, "finish_reason": None})


@pytest.mark.parametrize("text", ["Hi", " there", "\n x", "<b", " <thx", "\u00e9"])
def test_plain_content_opens_a_choice(text: str) -> None:
    stream, _ = choice_stream()
    assert not stream.opens(text)
    stream.feed(choice(role="assistant"))
    assert stream.opens(text)
    assert stream.passes(choice(content=text)) == "content"
    assert stream.opens("<think>")


@pytest.mark.parametrize("text", ["", " ", "<", " <think", "<think>x"])
def test_what_may_be_thinking_does_not(text: str) -> None:
    stream, _ = choice_stream()
    stream.feed(choice(role="assistant"))
    assert not stream.opens(text)
    assert not stream.passes(choice(content=text))
