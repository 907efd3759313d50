"""Tool calls in the client's terms."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.translation import calls
from proxy.translation.rules import Expectation


@given(st.text(min_size=0, max_size=60), st.integers(0, 127), st.integers(0, 1023))
def test_a_made_up_id_is_one_that_openai_takes_back(answer_id: str, choice: int, number: int) -> None:
    made = calls.call_id("chatcmpl-" + answer_id, choice, number)
    assert len(made) <= 40
    assert made != calls.call_id("chatcmpl-" + answer_id, choice, number + 1)
    assert made == calls.call_id("chatcmpl-" + answer_id, choice, number)


@pytest.mark.parametrize(
    ("given_arguments", "text"), [("{}", "{}"), ("", ""), (None, ""), ({"x": 1}, '{"x":1}'), ([1], "[1]"), (5, "5")]
)
def test_arguments_are_text(given_arguments: Any, text: str) -> None:
    assert calls.arguments_text(given_arguments) == text


@pytest.mark.parametrize(
    ("call", "function", "name"),
    [
        ({"function": {"name": "f", "x": 1}}, {"name": "f", "x": 1}, "f"),
        ({"id": "a", "name": "f", "arguments": "{}"}, {"name": "f", "arguments": "{}"}, "f"),
        ({"function": None}, {}, ""),
        ({"function": {"name": None}}, {"name": None}, ""),
    ],
)
def test_a_function_is_found_nested_and_flat(call: dict[str, Any], function: dict[str, Any], name: str) -> None:
    assert calls.function_of(call) == function
    assert calls.name_of(function) == name


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"ls -l"}', "ls -l"),
        ('{"input":""}', ""),
        ('{"input":null}', ""),
        ('{"input":{"a":1}}', '{"a":1}'),
        ('{"command":"ls"}', '{"command":"ls"}'),
        ("ls -l", "ls -l"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_input_of_a_custom_tool_is_unwrapped_or_let_through(arguments: str, text: str) -> None:
    assert calls.custom_input(arguments) == text


@given(st.text())
def test_any_input_survives_the_wrapping(text: str) -> None:
    assert calls.custom_input(json.dumps({"input": text})) == text


def test_a_custom_call_keeps_what_else_it_has() -> None:
    call = {"id": "a", "index": 0, "type": "function", "function": {"name": "f"}, "extra": 1}
    assert calls.custom(call, "f", '{"input":"x"}') == {
        "id": "a", "index": 0, "type": "custom", "extra": 1, "custom": {"name": "f", "input": "x"},
    }  # fmt: skip


def test_who_takes_one_call_only() -> None:
    assert not calls.only_first(Expectation())
    assert calls.only_first(Expectation(single_call=True))
    assert calls.only_first(Expectation(legacy_functions=True))


def test_what_is_a_custom_tool() -> None:
    tools = frozenset({"shell"})
    assert calls.is_custom(Expectation(custom_tools=tools), "shell")
    assert not calls.is_custom(Expectation(custom_tools=tools), "f")
    assert not calls.is_custom(Expectation(custom_tools=tools, legacy_functions=True), "shell")


@pytest.mark.parametrize("value", [None, [], [{}], {"a": 1}])
def test_calls_stay_and_so_do_null_and_an_empty_list(value: Any) -> None:
    fields = {"content": "Hi", "tool_calls": value}
    calls.leave_out_nothing(fields)
    assert fields == {"content": "Hi", "tool_calls": value}


@pytest.mark.parametrize("fields", [{}, {"tool_calls": {}}, {"tool_calls": ""}, {"tool_calls": 0}])
def test_nothing_that_is_no_list_is_left_out(fields: dict[str, Any]) -> None:
    calls.leave_out_nothing(fields)
    assert fields == {}
