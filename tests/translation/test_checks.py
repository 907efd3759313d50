"""What OpenAI would refuse is refused in OpenAI's words."""

from typing import Any

import pytest

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.rules import Check


def refusal(check: Check, value: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        check("x", value)
    return caught.value.message, caught.value.param, caught.value.code


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checks.number(), 10**30),
        (checks.number(0, 2), 0),
        (checks.number(0, 2), 2.0),
        (checks.integer(), -5),
        (checks.integer(1, 4), 4),
        (checks.boolean, False),
        (checks.string, ""),
        (checks.text(3), "abc"),
        (checks.one_of("a", "b"), "b"),
        (checks.json_object, {}),
        (checks.array, []),
        (checks.strings, ["a", ""]),
        (checks.stop_sequences, "END"),
        (checks.stop_sequences, ["a", "b", "c", "d"]),
        (checks.stop_sequences, []),
        (checks.labels, {"k" * 64: "v" * 512}),
    ],
)
def test_a_valid_value_passes(check: Check, value: Any) -> None:
    check("x", value)


@pytest.mark.parametrize(
    ("check", "value", "expected", "got"),
    [
        (checks.number(), "1", "a decimal", "a string"),
        (checks.number(), True, "a decimal", "a boolean"),
        (checks.integer(), True, "an integer", "a boolean"),
        (checks.integer(), 1.0, "an integer", "a decimal number"),
        (checks.boolean, 1, "a boolean", "an integer"),
        (checks.boolean, None, "a boolean", "null"),
        (checks.string, [], "a string", "an array"),
        (checks.one_of("a"), {}, "a string", "an object"),
        (checks.json_object, [], "an object", "an array"),
        (checks.array, {}, "an array", "an object"),
        (checks.string, b"bytes", "a string", "an unknown type"),
    ],
)
def test_a_value_of_another_type_is_named(check: Check, value: Any, expected: str, got: str) -> None:
    assert refusal(check, value) == (
        f"Invalid type for 'x': expected {expected}, but got {got} instead.",
        "x",
        "invalid_type",
    )


@pytest.mark.parametrize(
    ("check", "value", "message", "code"),
    [
        (
            checks.number(0, 2),
            2.5,
            "decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
            "decimal_above_max_value",
        ),
        (
            checks.number(0, 2),
            -1,
            "decimal below minimum value. Expected a value >= 0, but got -1 instead.",
            "decimal_below_min_value",
        ),
        (
            checks.integer(1, 128),
            130,
            "integer above maximum value. Expected a value <= 128, but got 130 instead.",
            "integer_above_max_value",
        ),
        (
            checks.integer(1),
            0,
            "integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "integer_below_min_value",
        ),
        (
            checks.text(2),
            "abc",
            "string too long. Expected a string with maximum length 2, but got a string with length 3 instead.",
            "string_above_max_length",
        ),
        (
            checks.stop_sequences,
            ["a"] * 5,
            "array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
            "array_above_max_length",
        ),
    ],
)
def test_a_value_out_of_range_names_the_bound(check: Check, value: Any, message: str, code: str) -> None:
    assert refusal(check, value) == (f"Invalid 'x': {message}", "x", code)


def test_a_number_of_thousands_of_digits_is_refused_without_writing_it_out() -> None:
    """Python raises ValueError for the text of such a number."""
    message, _, code = refusal(checks.integer(1, 128), 10**5000)
    assert "more than 64 bits" in message
    assert code == "integer_above_max_value"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("a",), "'a'"),
        (("a", "b"), "'a' and 'b'"),
        (("a", "b", "c"), "'a', 'b', and 'c'"),
    ],
)
def test_the_supported_values_are_listed(words: tuple[str, ...], text: str) -> None:
    message, param, code = refusal(checks.one_of(*words), "z" * 200)
    assert message == f"Invalid value: '{'z' * 61}...'. Supported values are: {text}."
    assert (param, code) == ("x", "invalid_value")


def test_an_element_is_named_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        checks.strings("guided_choice", ["a", 5])
    assert caught.value.param == "guided_choice[1]"


def test_an_array_may_have_to_be_filled() -> None:
    checks.array("x", ["a"], 1, filled=True)
    with pytest.raises(InvalidRequest, match="empty array") as caught:
        checks.array("x", [], filled=True)
    assert caught.value.code == "empty_array"


def test_a_required_value_is_there_and_valid() -> None:
    assert checks.required("m", {"role": "user"}, "role", checks.string) == "user"
    for parent in ({}, {"role": None}):
        with pytest.raises(InvalidRequest, match=r"Missing required parameter: 'm\.role'") as caught:
            checks.required("m", parent, "role", checks.string)
        assert (caught.value.param, caught.value.code) == ("m.role", "missing_required_parameter")
    with pytest.raises(InvalidRequest, match=r"Invalid type for 'm\.role'"):
        checks.required("m", {"role": 1}, "role", checks.string)


def test_an_optional_value_is_absent_or_valid() -> None:
    assert checks.optional("m", {"name": "Ann"}, "name", checks.string) == "Ann"
    assert checks.optional("m", {}, "name", checks.string) is None
    assert checks.optional("m", {"name": None}, "name", checks.string) is None
    with pytest.raises(InvalidRequest, match=r"Invalid type for 'm\.name'"):
        checks.optional("m", {"name": 1}, "name", checks.string)


@pytest.mark.parametrize("value", [{}, [1, 2], {"a": "é"}, "text", 2**64 - 1])
def test_free_form_json_is_measured_as_it_is_sent(value: Any) -> None:
    assert checks.measure("x", value) == len(codec.encode(value))


def test_what_cannot_be_sent_is_refused_when_it_is_measured() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for value in (deep, 2**64):
        with pytest.raises(InvalidRequest) as caught:
            checks.measure("x", value)
        assert (caught.value.param, caught.value.code) == ("x", "invalid_value")


def test_text_is_measured_in_bytes() -> None:
    assert checks.size("abc") == 3
    assert checks.size("Grüße") == 7
    assert checks.size("\ud800") == 3


def test_words_that_depend_on_others() -> None:
    assert checks.only_with("tool_choice", "tools").message == (
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    )
    assert checks.only_when_enabled("stream_options", "stream").message == (
        "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    )


@pytest.mark.parametrize("text", ["é" * 70_000, "a" * 65_535 + "\U0001f600" * 9, "\ud800" * 65_537, "x" * 70_000])
def test_the_size_of_a_giant_text_is_that_of_its_slices(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    whole = checks.size(text)
    monkeypatch.setattr(codec, "SLICED", 0)
    assert checks.size(text) == whole == len(text.encode("utf-8", "surrogatepass"))
