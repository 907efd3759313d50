"""Tools, and which of them a model may or must use.

Telnyx takes function tools and its own retrieval tool, and `tool_choice` as one of three words. Named choices are
honoured by sending only the tools that may be chosen; custom tools become functions with one text argument; the older
`functions` become tools. The way back is in `Expectation`.

`retrieval` is a matter of security: tenants may share one Telnyx account, and a bucket id chosen freely would read
another tenant's documents.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.rules import Draft, unsupported_value

Tool = Mapping[str, Any]

CHOICES = ("none", "auto", "required")
CHOICE_TYPES = ("function", "allowed_tools", "custom")
MODES = ("auto", "required")
FUNCTION_FIELDS = ("name", "description", "parameters", "strict")
NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
TEXT_PARAMETER: Mapping[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
"""What a custom tool takes, as the parameters of a function."""

STRICT = "Telnyx has no strict functions; the proxy checks the arguments and counts what does not fit."
CUSTOM = "Telnyx has function tools only; it becomes one with a text argument."
NAMED = "Telnyx knows only none, auto and required: just the named tool is sent, with required."
ALLOWED = "Telnyx knows only none, auto and required: just the allowed tools are sent, with their mode."


def convert_tools(draft: Draft, name: str, value: Any) -> None:
    """The row of `tools`."""
    checks.array(name, value, checks.TOOL_LIMIT)
    if not value:
        draft.note("dropped", name, reason="An empty list of tools is none.")
        return
    sent = [
        _usual_function(draft, tool) or _convert_tool(draft, f"{name}[{index}]", tool)
        for index, tool in enumerate(value)
    ]
    _send(draft, name, sent)


def _usual_function(draft: Draft, tool: Any) -> Tool | None:
    """A function tool with a name, parameters, perhaps a description and `strict`, as Telnyx takes it.

    None for any other tool, and for one that holds a fault: `_convert_tool` says in the right words what is wrong.
    """
    if type(tool) is not dict or len(tool) != 2 or tool.get("type") != "function":  # noqa: PLR2004 - with the function
        return None
    function = tool.get("function")
    if type(function) is not dict:
        return None
    name, parameters, described = function.get("name"), function.get("parameters"), "description" in function
    if (
        type(name) is not str
        or type(parameters) is not dict
        or (described and type(function["description"]) is not str)
    ):
        return None
    strict = function.get("strict")
    if len(function) != 2 + described + (strict is not None):
        return None
    if strict is None:
        return tool
    if type(strict) is not bool:
        return None
    draft.note_once("dropped", "tools[].function.strict", STRICT)
    if strict:
        draft.expects.tool_schemas[name] = parameters
    return {"type": "function", "function": _without_strict(function)}


def _without_strict(function: Mapping[str, Any]) -> dict[str, Any]:
    """In the order in which `_function` writes them."""
    return {key: function[key] for key in ("name", "description", "parameters") if key in function}


def _send(draft: Draft, name: str, tools: list[Tool]) -> None:
    draft.expects.input_bytes += checks.measure(name, tools)
    draft.body["tools"] = tools


def _convert_tool(draft: Draft, at: str, tool: Any) -> Tool:
    """One tool; the same object if Telnyx takes it as it is. `at` is its path."""
    checks.json_object(at, tool)
    kind = checks.required(at, tool, "type", checks.string)
    handler = _TYPES.get(kind)
    if handler is None:
        raise checks.invalid_value(f"{at}.type", kind, _TYPES)
    checks.required(at, tool, kind, checks.json_object)
    sent = handler(draft, f"{at}.{kind}", tool[kind])
    draft.lose_others("tools[].*", at, tool, ("type", kind))
    return tool if len(tool) == len(sent) and sent.get(kind) is tool[kind] else sent


def _function(draft: Draft, at: str, function: Mapping[str, Any]) -> Tool:
    """A function tool; `strict` and `parameters` are remembered for the check of the arguments."""
    name = checks.required(at, function, "name", checks.string)
    checks.optional(at, function, "description", checks.string)
    parameters = checks.optional(at, function, "parameters", checks.json_object)
    strict = checks.optional(at, function, "strict", checks.boolean)
    if strict is not None:
        draft.note_once("dropped", "tools[].function.strict", STRICT)
    if strict and parameters is not None:
        draft.expects.tool_schemas[name] = parameters
    if parameters is None:
        draft.note_once("converted", "tools[].function.parameters", "A function without parameters takes none.")
    draft.lose_others("tools[].function.*", at, function, FUNCTION_FIELDS)
    sent = {key: function[key] for key in ("name", "description") if function.get(key) is not None}
    sent["parameters"] = NO_PARAMETERS if parameters is None else parameters
    return {"type": "function", "function": function if sent == function else sent}


def _custom(draft: Draft, at: str, custom: Mapping[str, Any]) -> Tool:
    """A custom tool as a function with one text argument. A grammar cannot be kept, so it is refused."""
    name = checks.required(at, custom, "name", checks.string)
    description = checks.optional(at, custom, "description", checks.string)
    form = checks.optional(at, custom, "format", checks.json_object)
    kind = None if form is None else checks.required(f"{at}.format", form, "type", checks.string)
    if kind == "grammar":
        raise unsupported_value(f"{at}.format.type", "grammar", "Telnyx cannot hold a model to a grammar.")
    if kind not in {None, "text"}:
        raise checks.invalid_value(f"{at}.format.type", kind, ("text", "grammar"))
    draft.lose_others("tools[].custom.*", at, custom, ("name", "description", "format"))
    draft.expects.custom_tools |= {name}
    draft.note_once("emulated", "tools[].custom", CUSTOM)
    named = {"name": name} if description is None else {"name": name, "description": description}
    return {"type": "function", "function": {**named, "parameters": TEXT_PARAMETER}}


def _retrieval(draft: Draft, at: str, retrieval: Mapping[str, Any]) -> Tool:
    """Telnyx's own tool, for the buckets that the policy allows."""
    buckets = checks.required(at, retrieval, "bucket_ids", checks.strings)
    for index, bucket in enumerate(buckets):
        if not any(fnmatchcase(bucket, pattern) for pattern in draft.policy.buckets):
            raise InvalidRequest(
                f"Invalid value: '{checks.shorten(bucket)}'. This key may not search this bucket.",
                param=f"{at}.bucket_ids[{index}]",
            )
    results = checks.optional(at, retrieval, "max_num_results", checks.integer(1, checks.INT64 - 1))
    draft.lose_others("tools[].retrieval.*", at, retrieval, ("bucket_ids", "max_num_results"))
    sent = {"bucket_ids": buckets} if results is None else {"bucket_ids": buckets, "max_num_results": results}
    return {"type": "retrieval", "retrieval": sent}


_TYPES: Mapping[str, Callable[[Draft, str, Mapping[str, Any]], Tool]] = {
    "function": _function,
    "custom": _custom,
    "retrieval": _retrieval,
}


def convert_functions(draft: Draft, name: str, value: Any) -> None:
    """The row of the older `functions`: a list of what now stands under `function` of a tool."""
    checks.array(name, value, checks.TOOL_LIMIT)
    if draft.source.get("tools"):
        raise InvalidRequest(f"Invalid value for '{name}': '{name}' cannot be used together with 'tools'.", param=name)
    if not value:
        draft.note("dropped", name, reason="An empty list of functions is none.")
        return
    tools = []
    for index, function in enumerate(value):
        checks.json_object(f"{name}[{index}]", function)
        tools.append(_function(draft, f"{name}[{index}]", function))
    draft.expects.legacy_functions = True
    draft.note("converted", name, reason="Telnyx's form of it is tools; calls go back as function_call.")
    _send(draft, name, tools)


def convert_function_call(draft: Draft, name: str, value: Any) -> None:
    """The row of the older `function_call`: `none`, `auto` or `{name}`. Late: it looks at the functions."""
    if not draft.expects.legacy_functions:
        raise checks.only_with(name, "functions")
    if type(value) is str:
        if value not in {"none", "auto"}:
            raise checks.invalid_value(name, value, ("none", "auto"))
        draft.body["tool_choice"] = value
    else:
        if type(value) is not dict:
            raise checks.invalid_type(name, "one of a string or object", value)
        _choose_one(draft, name, checks.required(name, value, "name", checks.string))
    draft.note("converted", name, reason="Telnyx's form of it is tool_choice.")


def convert_tool_choice(draft: Draft, name: str, value: Any) -> None:
    """The row of `tool_choice`: a word, a named tool, or allowed tools with a mode. Late: it looks at the tools."""
    if not draft.body.get("tools"):
        raise checks.only_with(name, "tools")
    if type(value) is str:
        if value not in CHOICES:
            raise checks.invalid_value(name, value, CHOICES)
        draft.body[name] = value
        return
    if type(value) is not dict:
        raise checks.invalid_type(name, "one of a string or object", value)
    kind = checks.required(name, value, "type", checks.string)
    if kind == "allowed_tools":
        _choose_some(draft, f"{name}.{kind}", checks.required(name, value, kind, checks.json_object))
        draft.note("converted", name, reason=ALLOWED)
    elif kind in CHOICE_TYPES:
        _choose_one(draft, name, _named(name, value, kind))
        draft.note("converted", name, reason=NAMED)
    else:
        raise checks.invalid_value(f"{name}.type", kind, CHOICE_TYPES)


def _named(at: str, tool: Mapping[str, Any], kind: str) -> str:
    name: str = checks.required(
        f"{at}.{kind}", checks.required(at, tool, kind, checks.json_object), "name", checks.string
    )
    return name


def _choose_one(draft: Draft, param: str, name: str) -> None:
    """Only the named tool, with `required`. OpenAI then finishes with `stop`, not with `tool_calls`."""
    draft.body["tools"] = _only(draft, param, {name})
    draft.body["tool_choice"] = "required"
    draft.expects.named_choice = True


def _choose_some(draft: Draft, at: str, allowed: Mapping[str, Any]) -> None:
    mode = checks.required(at, allowed, "mode", checks.one_of(*MODES))
    tools = checks.required(at, allowed, "tools", checks.array)
    checks.array(f"{at}.tools", tools, checks.TOOL_LIMIT, filled=True)
    names = set()
    for index, tool in enumerate(tools):
        param = f"{at}.tools[{index}]"
        checks.json_object(param, tool)
        kind = checks.required(param, tool, "type", checks.one_of("function", "custom"))
        names.add(_named(param, tool, kind))
    draft.body["tools"] = _only(draft, "tool_choice", names)
    draft.body["tool_choice"] = mode


def _only(draft: Draft, param: str, names: set[str]) -> list[Tool]:
    """The tools of these names. Raises InvalidRequest for a name that is not among the tools."""
    by_name = {tool["function"]["name"]: tool for tool in draft.body["tools"] if "function" in tool}
    for name in sorted(names - by_name.keys()):
        text = f"Tool choice '{checks.shorten(name)}' not found in 'tools' parameter."
        raise InvalidRequest(text, param=param)
    return [tool for name, tool in by_name.items() if name in names]


def convert_parallel_tool_calls(draft: Draft, name: str, value: Any) -> None:
    """The row of `parallel_tool_calls`: true is how Telnyx is anyway, false hands on the first call only."""
    checks.boolean(name, value)
    if value:
        draft.note("dropped", name, reason="It is how Telnyx is anyway.")
    else:
        draft.expects.single_call = True
        draft.note("emulated", name, reason="Telnyx may make several calls; only the first is handed on.")
