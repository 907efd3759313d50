"""What a valid value is, in the words and codes of OpenAI's own API, so that an application sees the error it knows.

A check takes the path of a value in the request (`messages[0].role`) and the value, and raises InvalidRequest.
The texts are those that people quote from the live API: "Invalid type for 'n': expected an integer, but got a string
instead." (`invalid_type`), "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 130 instead."
(`integer_above_max_value`), and so on. What the client wrote is shown only where it is short and helps.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy import codec
from proxy.errors import InvalidRequest
from proxy.translation.rules import Check

SHOWN_LIMIT = 64
"""Characters of a client's value that an error message repeats."""
MESSAGE_LIMIT = 10_000
"""Messages in one conversation. OpenAI takes 2,048; the bound only keeps one request from holding up all others."""
TOOL_LIMIT = 1_024
"""Tools in one request. OpenAI takes 128."""
DEPTH_MARGIN = 8
"""Levels that a tool or schema may still be wrapped in before it is sent (`tools[].function.parameters` are four)."""
INT64 = 2**63

_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def shorten(text: str) -> str:
    """A client's text as an error message may repeat it."""
    return text if len(text) <= SHOWN_LIMIT else text[: SHOWN_LIMIT - 3] + "..."


def invalid_type(param: str, expected: str, value: Any) -> InvalidRequest:
    """The value has the wrong JSON type; `expected` with its article ("an integer")."""
    got = _KINDS.get(type(value), "an unknown type")
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return InvalidRequest(message, param=param, code="invalid_type")


def invalid_value(param: str, value: str, supported: Iterable[str]) -> InvalidRequest:
    """The value is not one of a fixed set."""
    *others, last = [f"'{name}'" for name in supported]
    names = f"{', '.join(others)}{',' if len(others) > 1 else ''} and {last}" if others else last
    message = f"Invalid value: '{shorten(value)}'. Supported values are: {names}."
    return InvalidRequest(message, param=param, code="invalid_value")


def missing(param: str) -> InvalidRequest:
    """A required value is not there."""
    return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def only_with(param: str, other: str) -> InvalidRequest:
    """A value that makes no sense without another one (`tool_choice` without `tools`)."""
    message = f"Invalid value for '{param}': '{param}' is only allowed when '{other}' are specified."
    return InvalidRequest(message, param=param)


def only_when_enabled(param: str, other: str) -> InvalidRequest:
    """A value that makes no sense unless a switch is on (`top_logprobs` without `logprobs`)."""
    message = f"The '{param}' parameter is only allowed when '{other}' is enabled."
    return InvalidRequest(message, param=param)


def number(low: float | None = None, high: float | None = None) -> Check:
    """A number from `low` to `high`. A boolean is not a number, though it is one in Python."""

    def check(param: str, value: Any) -> None:
        if type(value) is not float and type(value) is not int:
            raise invalid_type(param, "a decimal", value)
        if low is not None and value < low:
            raise _out_of_range(param, "decimal", value, low=low)
        if high is not None and value > high:
            raise _out_of_range(param, "decimal", value, high=high)

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number from `low` to `high`."""

    def check(param: str, value: Any) -> None:
        if type(value) is not int:
            raise invalid_type(param, "an integer", value)
        if low is not None and value < low:
            raise _out_of_range(param, "integer", value, low=low)
        if high is not None and value > high:
            raise _out_of_range(param, "integer", value, high=high)

    return check


def _out_of_range(
    param: str, kind: str, value: float, *, low: float | None = None, high: float | None = None
) -> InvalidRequest:
    which, side, sign, bound = ("below", "min", ">=", low) if high is None else ("above", "max", "<=", high)
    # Python refuses to write out integers of thousands of digits.
    got = "a number of more than 64 bits" if isinstance(value, int) and value.bit_length() > 64 else value  # noqa: PLR2004 - the bits of the message
    message = (
        f"Invalid '{param}': {kind} {which} {side}imum value. Expected a value {sign} {bound}, but got {got} instead."
    )
    return InvalidRequest(message, param=param, code=f"{kind}_{which}_{side}_value")


def boolean(param: str, value: Any) -> None:
    """True or false."""
    if value is not True and value is not False:
        raise invalid_type(param, "a boolean", value)


def string(param: str, value: Any) -> None:
    """Text of any length."""
    if type(value) is not str:
        raise invalid_type(param, "a string", value)


def text(longest: int) -> Check:
    """Text of at most so many characters."""

    def check(param: str, value: Any) -> None:
        string(param, value)
        if len(value) > longest:
            raise InvalidRequest(
                f"Invalid '{param}': string too long. Expected a string with maximum length {longest}, "
                f"but got a string with length {len(value)} instead.",
                param=param,
                code="string_above_max_length",
            )

    return check


def one_of(*supported: str) -> Check:
    """One of a fixed set of words."""

    def check(param: str, value: Any) -> None:
        string(param, value)
        if value not in supported:
            raise invalid_value(param, value, supported)

    return check


def json_object(param: str, value: Any) -> None:
    """An object with any content."""
    if type(value) is not dict:
        raise invalid_type(param, "an object", value)


def array(param: str, value: Any, longest: int | None = None, *, filled: bool = False) -> None:
    """An array of at most so many elements, and of at least one if `filled`."""
    if type(value) is not list:
        raise invalid_type(param, "an array", value)
    if filled and not value:
        message = (
            f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise InvalidRequest(message, param=param, code="empty_array")
    if longest is not None and len(value) > longest:
        raise InvalidRequest(
            f"Invalid '{param}': array too long. Expected an array with maximum length {longest}, "
            f"but got an array with length {len(value)} instead.",
            param=param,
            code="array_above_max_length",
        )


def strings(param: str, value: Any) -> None:
    """An array of text."""
    array(param, value)
    for index, element in enumerate(value):
        if type(element) is not str:
            raise invalid_type(f"{param}[{index}]", "a string", element)


STOP_LIMIT = 4
"""Stop sequences, at OpenAI and at Telnyx."""


def stop_sequences(param: str, value: Any) -> None:
    """Text, or an array of at most four."""
    if type(value) is not str:
        if type(value) is not list:
            raise invalid_type(param, "one of a string or array of strings", value)
        array(param, value, STOP_LIMIT)
        strings(param, value)


def labels(param: str, value: Any) -> None:
    """OpenAI's `metadata`: at most 16 pairs, keys of 64 and values of 512 characters."""
    json_object(param, value)
    if len(value) > 16:  # noqa: PLR2004 - the bound stands in the message below
        raise InvalidRequest(
            f"Invalid '{param}': too many properties. Expected an object with at most 16 properties, "
            f"but got an object with {len(value)} properties instead.",
            param=param,
            code="object_above_max_properties",
        )
    for key, label in value.items():
        text(64)(param, key)
        text(512)(f"{param}.{key}", label)


def required(param: str, parent: Mapping[str, Any], key: str, check: Check) -> Any:
    """The value of `parent[key]`, which must be there, not null, and pass the check. `param` is the parent's path."""
    value = parent.get(key)
    if value is None:
        raise missing(f"{param}.{key}")
    check(f"{param}.{key}", value)
    return value


def optional(param: str, parent: Mapping[str, Any], key: str, check: Check) -> Any:
    """The same for a value that may be absent or null; then None."""
    value = parent.get(key)
    if value is not None:
        check(f"{param}.{key}", value)
    return value


def measure(param: str, value: Any) -> int:
    """Bytes of free-form JSON (a schema, tools) as it will be sent. Raises InvalidRequest if it cannot be.

    The encoder's own bound on nesting does what a walk in Python would, without recursion over a client's data. The
    value is wrapped first, because it will stand inside the request, where it must not be the last straw.
    """
    wrapped = value
    for _ in range(DEPTH_MARGIN):
        wrapped = [wrapped]
    try:
        return len(codec.encode(wrapped)) - 2 * DEPTH_MARGIN
    except TypeError:
        message = f"Invalid '{param}': nested too deeply, or a number of more than 64 bits."
        raise InvalidRequest(message, param=param) from None


def size(content: str) -> int:
    """UTF-8 bytes of a text."""
    if content.isascii():
        return len(content)
    if len(content) < codec.SLICED:  # having been read and written once, it knows its UTF-8
        return len(content.encode("utf-8", "surrogatepass"))
    slices = (content[start : start + codec.GIANT] for start in range(0, len(content), codec.GIANT))
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in slices)
