"""Tool calls on their way back: what upstream calls a function -> what the client declared.

Telnyx knows functions only. A `custom` tool goes there as a function of one text, `{"input": "..."}`, and comes back
as `{"type": "custom", "custom": {"name", "input"}}`; the older `functions` come back as `function_call`.
"""

from typing import Any

from proxy import codec
from proxy.translation.rules import Expectation

NO_ARGUMENTS = "{}"
"""What OpenAI sends for a call without arguments. Some servers send the empty text, which is no JSON, and applications
decode it without looking."""
FLAT = frozenset({"name", "arguments"})
"""The fields of `function` that some servers put right into the call."""
_ID_ROOM = 24
"""Characters of the answer's id that go into a made-up call id: OpenAI accepts at most 40 when it comes back."""


def call_id(answer_id: str, choice: int, number: int) -> str:
    """A call id where upstream gave none: unlike any other of this answer, and the same each time it is made."""
    return f"call_{answer_id.removeprefix('chatcmpl-')[:_ID_ROOM]}_{choice}_{number}"


def arguments_text(arguments: Any) -> str:
    """Arguments as the JSON text that OpenAI sends; some servers send the decoded object."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else codec.encode_text(arguments)


def function_of(call: dict[str, Any]) -> dict[str, Any]:
    """The `function` of a call or of a piece of one."""
    function = call.get("function")
    if isinstance(function, dict):
        return function
    return {key: call[key] for key in call if key in FLAT}


def name_of(function: dict[str, Any]) -> str:
    """The function's name, empty where there is none."""
    name = function.get("name")
    return name if isinstance(name, str) else ""


def custom(call: dict[str, Any], name: str, arguments: str) -> dict[str, Any]:
    """`call` (with its id and what else it has) as a call of a custom tool."""
    kept = {key: value for key, value in call.items() if key != "function"}
    return {**kept, "type": "custom", "custom": {"name": name, "input": custom_input(arguments)}}


def custom_input(arguments: str) -> str:
    """The text meant for a custom tool. A model that did not wrap it in `{"input": ...}` gets it through as it is."""
    try:
        value = codec.decode(arguments)
    except codec.NotJson:
        return arguments
    if not isinstance(value, dict) or "input" not in value:
        return arguments
    return arguments_text(value["input"])


def only_first(expects: Expectation) -> bool:
    """Whether one call is all the client can take; `functions` never had room for more."""
    return expects.single_call or expects.legacy_functions


def is_custom(expects: Expectation, name: str) -> bool:
    """Whether a call of `name` goes back as a custom tool's; a client that reads `function_call` knows none."""
    return name in expects.custom_tools and not expects.legacy_functions


def leave_out_nothing(fields: dict[str, Any]) -> None:
    """Take out of a message or delta (changed in place) `tool_calls` that hold none and are no list, such as `{}`."""
    if "tool_calls" in fields and not fields["tool_calls"] and fields["tool_calls"] not in (None, []):
        del fields["tool_calls"]
