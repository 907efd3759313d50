"""Tool calls of earlier turns: every form of them becomes a function call with an id and its arguments as a string."""

from collections.abc import Mapping
from typing import Any

from proxy import codec
from proxy.translation import checks
from proxy.translation.rules import Draft

NO_ARGUMENTS = "{}"
TYPES = ("function", "custom")

EMPTY = "Arguments must be JSON; an empty string becomes an empty object."
CUSTOM = "Telnyx has function tools only; the input of a custom tool becomes the argument `input`."


def convert_call(draft: Draft, at: str, call: Any) -> Mapping[str, Any]:
    """One element of `tool_calls`; the same object if Telnyx takes it as it is. `at` is its path.

    Fields that streams add to a call (`index`) are left out without a word.
    """
    if _is_usual(call):
        return call  # type: ignore[no-any-return]  # a dictionary, as was seen
    checks.json_object(at, call)
    name = checks.required(at, call, "id", checks.string)
    kind = checks.optional(at, call, "type", checks.string) or "function"
    if kind == "custom":
        custom = checks.required(at, call, "custom", checks.json_object)
        draft.note_once("converted", "messages[].tool_calls[].custom", CUSTOM)
        return _function_call(name, *_custom(f"{at}.custom", custom))
    if kind != "function":
        raise checks.invalid_value(f"{at}.type", kind, TYPES)
    function = checks.required(at, call, "function", checks.json_object)
    tool, arguments = _function(f"{at}.function", function)
    if not function.get("arguments"):
        draft.note_once("converted", "messages[].tool_calls[].function.arguments", EMPTY)
    sent = _function_call(name, tool, arguments)
    return call if sent == call else sent


def _is_usual(call: Any) -> bool:
    """Whether a call is what Telnyx itself sends, neither more nor less."""
    if type(call) is not dict or len(call) != 3 or call.get("type") != "function" or type(call.get("id")) is not str:  # noqa: PLR2004 - with the function
        return False
    function = call.get("function")
    if type(function) is not dict or len(function) != 2 or type(function.get("name")) is not str:  # noqa: PLR2004 - with the arguments
        return False
    arguments = function.get("arguments")
    return type(arguments) is str and arguments != ""


def legacy_call(at: str, call: Any, name: str) -> Mapping[str, Any]:
    """The older `function_call`, which has no id, under the id `name`."""
    checks.json_object(at, call)
    return _function_call(name, *_function(at, call))


def arguments_size(call: Mapping[str, Any]) -> int:
    """UTF-8 bytes of a converted call's arguments."""
    return checks.size(call["function"]["arguments"])


def _function_call(name: str, tool: str, arguments: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": tool, "arguments": arguments}}


def _function(at: str, function: Mapping[str, Any]) -> tuple[str, str]:
    tool = checks.required(at, function, "name", checks.string)
    return tool, checks.optional(at, function, "arguments", checks.string) or NO_ARGUMENTS


def _custom(at: str, custom: Mapping[str, Any]) -> tuple[str, str]:
    tool = checks.required(at, custom, "name", checks.string)
    text = checks.required(at, custom, "input", checks.string)
    return tool, codec.encode_text({"input": text})
