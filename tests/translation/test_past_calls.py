"""Tool calls of earlier turns."""

from typing import Any

import pytest

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation.past_calls import arguments_size, convert_call, legacy_call
from proxy.translation.rules import Draft, Policy


def draft() -> Draft:
    return Draft({}, Policy())


def call(arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}, **fields}


@pytest.mark.parametrize("arguments", ["{}", '{"a": 1}', "not json"])
def test_a_call_that_needs_no_change_is_the_same_object(arguments: str) -> None:
    """Arguments are not read: a model may have written what is not JSON, and the next one should see it."""
    old = call(arguments)
    assert convert_call(draft(), "c", old) is old


@pytest.mark.parametrize(
    "old",
    [
        call(index=0),
        call(type=None),
        call(""),
        call(None),
        {"id": "call_1", "function": {"name": "f"}},
        {"id": "call_1", "function": {"name": "f", "arguments": "{}", "parsed_arguments": {}}},
    ],
)
def test_a_call_is_given_what_it_lacks_and_nothing_more(old: dict[str, Any]) -> None:
    assert convert_call(draft(), "c", old) == call()


def test_the_input_of_a_custom_tool_becomes_an_argument() -> None:
    noted = draft()
    new = convert_call(noted, "c", {"id": "call_1", "type": "custom", "custom": {"name": "f", "input": 'a "b"\n'}})
    assert codec.decode(new["function"]["arguments"]) == {"input": 'a "b"\n'}
    assert noted.changes.header() == "converted=messages[].tool_calls[].custom"


def test_a_function_call_gets_the_id_it_is_told() -> None:
    assert legacy_call("c", {"name": "f", "arguments": "{}"}, "call_1") == call()


def test_the_size_is_that_of_the_arguments() -> None:
    assert arguments_size(call('"é"')) == 4


@pytest.mark.parametrize("value", [None, "f", [], 1])
def test_a_function_call_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="expected an object"):
        legacy_call("c", value, "call_1")
