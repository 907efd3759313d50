"""Tool calls in pieces. The transcripts `tools-*` tell most of it; here are bounds, and what a whole answer says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.streaming.calls import MOST, CallStream
from proxy.streaming.events import Malformed
from proxy.streaming.meter import HELD_LIMIT, Meter
from proxy.translation.answers import Identity, answer
from proxy.translation.conformance import Conformance
from proxy.translation.rules import Expectation

STRICT = {"f": {"type": "object"}}


def call_stream(**wishes: Any) -> tuple[CallStream, Conformance]:
    expects = Expectation(**wishes)
    checks = Conformance(expects)
    return CallStream(expects, ("chatcmpl-1", 0), Meter(), checks), checks


def piece(index: int, name: str | None = None, arguments: Any = "") -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"index": index, "function": function}


def test_a_delta_that_needs_no_change_gets_none() -> None:
    stream, _ = call_stream()
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}, "extra": 1}
    later = {"index": 0, "function": {"arguments": "{}", "extra": 1}}
    assert stream.feed([first]) == [first]
    assert stream.feed([later]) == [later]
    assert list(stream.feed([first])[0]) == ["index", "function", "extra"]


@pytest.mark.parametrize("entries", [{}, "x", [1], [None], [[]]])
def test_what_is_no_list_of_calls_is_malformed(entries: Any) -> None:
    stream, _ = call_stream()
    with pytest.raises(Malformed):
        stream.feed(entries)


def test_calls_are_bounded() -> None:
    stream, _ = call_stream()
    stream.feed([piece(index, "f") for index in range(MOST)])
    with pytest.raises(Malformed, match="more than"):
        stream.feed([piece(MOST, "f")])


def test_arguments_too_long_to_check_are_handed_on_unchecked() -> None:
    stream, checks = call_stream(tool_schemas=STRICT)
    stream.feed([piece(0, "f")])
    for _ in range(3):
        assert stream.feed([piece(0, None, "x" * HELD_LIMIT)]) == [piece(0, None, "x" * HELD_LIMIT)]
    stream.finish([], check=True)
    assert checks.violations == 0


def test_nothing_is_lost_when_a_late_name_comes_with_more_than_can_be_remembered() -> None:
    stream, _ = call_stream(tool_schemas=STRICT)
    assert stream.feed([{"index": 0, "function": {"arguments": "x"}}]) == []
    (made,) = stream.feed([piece(0, "f", "y" * HELD_LIMIT)])
    assert made["function"]["arguments"] == "x" + "y" * HELD_LIMIT


def test_a_nameless_call_too_large_to_be_held_is_malformed() -> None:
    stream, _ = call_stream()
    with pytest.raises(Malformed, match="too large"):
        stream.feed([piece(0, None, "x" * (HELD_LIMIT + 1))])


def test_what_is_cut_short_is_not_checked() -> None:
    stream, checks = call_stream(tool_schemas=STRICT)
    stream.feed([piece(0, "f", "[")])
    stream.finish([], check=False)
    assert checks.violations == 0
    stream, checks = call_stream(tool_schemas=STRICT)
    stream.feed([piece(0, "f", "[")])
    stream.finish([], check=True)
    assert checks.violations == 1


names = st.sampled_from(["f", "g", "shell"])
whole_calls = st.lists(st.tuples(names, st.sampled_from(["", "{}", '{"input":"ls"}', '{"x":1}', "ls"])), min_size=1)
wishes = st.fixed_dictionaries({
    "single_call": st.booleans(), "custom_tools": st.sampled_from([frozenset(), frozenset({"shell"})]),
    "tool_schemas": st.just(STRICT),
})  # fmt: skip


@given(wishes, whole_calls, st.integers(1, 4))
def test_the_pieces_tell_the_same_as_a_whole_answer(
    wish: dict[str, Any], given_calls: list[tuple[str, str]], step: int
) -> None:
    """Calls of custom tools come behind the others, everything else is the same."""
    stream, checks = call_stream(**wish)
    made = []
    for index, (name, arguments) in enumerate(given_calls):
        made += stream.feed([{**piece(index, name), "id": f"call_{index}"}])
        for at in range(0, len(arguments), step):
            made += stream.feed([piece(index, None, arguments[at : at + step])])
    stream.finish(made, check=True)
    added: dict[int, dict[str, Any]] = {}
    for entry in made:
        if entry["index"] in added:
            added[entry["index"]]["function"]["arguments"] += entry["function"]["arguments"]
        else:
            added[entry["index"]] = entry
    tool_calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(given_calls)
    ]
    body = {"choices": [{"message": {"tool_calls": tool_calls}, "finish_reason": "tool_calls"}]}
    whole = answer(json.dumps(body).encode(), Expectation(**wish), Identity("chatcmpl-1", 1), "m")
    expected = json.loads(whole.body)["choices"][0]["message"]["tool_calls"]
    got = [{key: value for key, value in entry.items() if key != "index"} for entry in added.values()]
    assert sorted(got, key=lambda call: str(call["id"])) == sorted(expected, key=lambda call: str(call["id"]))
    assert sorted(added) == list(range(len(got)))
    assert checks.violations == whole.violations
