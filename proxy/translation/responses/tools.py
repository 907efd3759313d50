"""Tools as the Responses API writes them, and which of them a model may or must use, in the words of chat.

Functions and custom tools are flat here and nested there. Tools of a namespace become tools of their own. A file search
becomes Telnyx's retrieval; the chat translation decides which buckets may be searched. A web search is dropped, because
clients offer it unasked; all other tools run at OpenAI, and an answer that should have used one would be a wrong one.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.responses.draft import ResponseDraft
from proxy.translation.rules import unsupported_value
from proxy.translation.tools import CHOICES, MODES, NAMED

Tool = Mapping[str, Any]
ChatTool = dict[str, Any]
Placed = tuple[str, ChatTool]
"""A tool for chat and where the client has it."""

FUNCTION_FIELDS = frozenset({"type", "name", "description", "parameters", "strict"})
CUSTOM_FIELDS = frozenset({"type", "name", "description", "format"})
NAMESPACE_FIELDS = frozenset({"type", "name", "description", "tools"})
SEARCH_FIELDS = frozenset({"type", "vector_store_ids", "max_num_results"})

NO_SEARCH = "Telnyx does not search the web."
FLATTENED = "A tool of a namespace is sent as a tool of its own; calls of it go back with the namespace."
BUCKETS = "A file search is Telnyx's retrieval; vector_store_ids are the buckets."
GRAMMAR = "Telnyx cannot hold a model to a grammar; the model is told of it."
NO_TOOLS = "There is no tool to choose."

WEB_SEARCH = (
    "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
)  # fmt: skip
HOSTED: Mapping[str, str] = {
    "code_interpreter": "Telnyx runs no code; offer a function and run the code yourself.",
    "image_generation": "Telnyx makes no images.",
    "mcp": "Telnyx does not call MCP servers; call them yourself and offer their tools as functions.",
    "tool_search": "All tools are offered from the start.",
    "programmatic_tool_calling": "Telnyx runs no code.",
    **dict.fromkeys(
        ("computer", "computer_use", "computer_use_preview"),
        "Telnyx's models are not made for it; offer functions instead.",
    ),
    **dict.fromkeys(
        ("local_shell", "shell", "apply_patch"), "Telnyx's models do not know it; offer a function instead."
    ),
}
"""Tools that only OpenAI's service and models have, and what to do instead."""


def convert_tools(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `tools`."""
    checks.array(name, value, checks.TOOL_LIMIT)
    checks.measure(name, value)  # the response object repeats it
    for index, tool in enumerate(value):
        at = f"{name}[{index}]"
        checks.json_object(at, tool)
        if checks.required(at, tool, "type", checks.string) != "namespace" and type(tool.get("name")) is str:
            draft.names.take(tool["name"])
    sent: list[ChatTool] = []
    repeated: list[dict[str, Any]] = []
    for index, tool in enumerate(value):
        before = len(sent)
        for at, one in _convert(draft, f"{name}[{index}]", tool):
            draft.places.add(f"tools[{len(sent)}]", at)
            sent.append(one)
        if len(sent) > before:  # what was left out cannot be used, and is not told to be there
            repeated.append(_repeated(tool))
    checks.array(name, sent, checks.TOOL_LIMIT)
    draft.echo[name] = repeated
    if sent:
        draft.body[name] = sent


def _convert(draft: ResponseDraft, at: str, tool: Tool) -> Iterator[Placed]:
    """What one tool becomes: one, several, or none. `at` is its place."""
    kind = tool["type"]
    if kind == "namespace":
        yield from _namespace(draft, at, tool)
    elif kind in WEB_SEARCH:
        draft.lose(f"tools[].{kind}", NO_SEARCH, "web_search_options", f"{at}.type")
    elif kind in HOSTED:
        _unsupported(draft, f"{at}.type", kind, HOSTED[kind])
    else:
        handler = _TYPES.get(kind)
        if handler is None:
            raise checks.invalid_value(f"{at}.type", kind, (*_TYPES, "namespace", *WEB_SEARCH, *HOSTED))
        yield at, handler(draft, at, tool)


def _unsupported(draft: ResponseDraft, param: str, kind: str, reason: str) -> None:
    if draft.refuses_tools:
        raise unsupported_value(param, kind, reason)
    draft.note_once("lossy", f"tools[].{kind}", reason)


def _function(draft: ResponseDraft, at: str, tool: Tool) -> ChatTool:
    checks.required(at, tool, "name", checks.string)
    checks.optional(at, tool, "description", checks.string)
    checks.optional(at, tool, "parameters", checks.json_object)
    checks.optional(at, tool, "strict", checks.boolean)
    draft.leave_out("tools[]", at, tool, FUNCTION_FIELDS)
    fields = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {key: tool[key] for key in fields if tool.get(key) is not None}}


def _custom(draft: ResponseDraft, at: str, tool: Tool) -> ChatTool:
    checks.required(at, tool, "name", checks.string)
    checks.optional(at, tool, "description", checks.string)
    form = checks.optional(at, tool, "format", checks.json_object)
    draft.leave_out("tools[]", at, tool, CUSTOM_FIELDS)
    fields = ("name", "description", "format")
    sent = {key: tool[key] for key in fields if tool.get(key) is not None}
    if form is not None and form.get("type") == "grammar":
        draft.lose("tools[].format", GRAMMAR, "tools", f"{at}.format.type")
        del sent["format"]
        sent["description"] = _told(at, tool, form)
    return {"type": "custom", "custom": sent}


def _told(at: str, tool: Tool, form: Tool) -> str:
    """The description with the grammar in it: coding agents cannot do without the tool, and models mostly keep it."""
    syntax = checks.required(f"{at}.format", form, "syntax", checks.one_of("lark", "regex"))
    definition = checks.required(f"{at}.format", form, "definition", checks.string)
    told = f"The input must keep to this grammar ({syntax}), with nothing around it:\n{definition}"
    return "\n\n".join(filter(None, (tool.get("description"), told)))


def _file_search(draft: ResponseDraft, at: str, tool: Tool) -> ChatTool:
    buckets = checks.required(at, tool, "vector_store_ids", checks.strings)
    checks.array(f"{at}.vector_store_ids", buckets, filled=True)
    results = checks.optional(at, tool, "max_num_results", checks.integer(1, 50))
    draft.leave_out("tools[]", at, tool, SEARCH_FIELDS)
    draft.note_once("converted", "tools[].file_search", BUCKETS)
    sent = {"bucket_ids": buckets} if results is None else {"bucket_ids": buckets, "max_num_results": results}
    return {"type": "retrieval", "retrieval": sent}


_TYPES: Mapping[str, Callable[[ResponseDraft, str, Tool], ChatTool]] = {
    "function": _function,
    "custom": _custom,
    "file_search": _file_search,
}


def _namespace(draft: ResponseDraft, at: str, tool: Tool) -> Iterator[Placed]:
    """The tools of a namespace, each under a name that tells where it comes from."""
    namespace = checks.required(at, tool, "name", checks.string)
    checks.optional(at, tool, "description", checks.string)
    members = checks.required(at, tool, "tools", checks.array)
    draft.leave_out("tools[]", at, tool, NAMESPACE_FIELDS)
    draft.note_once("converted", "tools[].namespace", FLATTENED)
    for index, member in enumerate(members):
        place = f"{at}.tools[{index}]"
        checks.json_object(place, member)
        kind = checks.required(place, member, "type", checks.one_of("function", "custom"))
        name = draft.names.flat(namespace, checks.required(place, member, "name", checks.string))
        yield place, _TYPES[kind](draft, place, {**member, "name": name})


def _repeated(tool: Tool) -> dict[str, Any]:
    """A tool as the response object repeats it: of a function all that it may have."""
    if tool["type"] != "function":
        return dict(tool)
    return {"description": None, "parameters": None, **tool, "strict": tool.get("strict") or False}


def convert_tool_choice(draft: ResponseDraft, name: str, value: Any) -> None:
    """The row of `tool_choice`: a word, a named tool, or allowed tools with a mode. Late: it looks at the tools."""
    draft.echo[name] = value
    if type(value) is str:
        if value not in CHOICES:
            raise checks.invalid_value(name, value, CHOICES)
        if value == "required" or "tools" in draft.body:
            draft.body[name] = value
        else:
            draft.note("dropped", name, reason=NO_TOOLS)
    elif type(value) is dict:
        kind = checks.required(name, value, "type", checks.string)
        handler = _CHOICES.get(kind)
        if handler is None:
            raise _no_choice(f"{name}.type", kind)
        checks.measure(name, value)  # the response object repeats it
        handler(draft, name, value)
    else:
        raise checks.invalid_type(name, "one of a string or object", value)


def _no_choice(param: str, kind: str) -> InvalidRequest:
    """A tool that cannot be chosen because it is not there."""
    if kind in WEB_SEARCH:
        return unsupported_value(param, kind, NO_SEARCH)
    if kind in HOSTED:
        return unsupported_value(param, kind, HOSTED[kind])
    return checks.invalid_value(param, kind, (*_CHOICES, *WEB_SEARCH, *HOSTED))


def _choose_named(draft: ResponseDraft, name: str, choice: Tool) -> None:
    draft.body[name] = _named(draft, name, choice)


def _named(draft: ResponseDraft, at: str, tool: Tool) -> ChatTool:
    """A function or custom tool as chat names it; the client may leave its namespace out."""
    name = checks.required(at, tool, "name", checks.string)
    namespace = checks.optional(at, tool, "namespace", checks.string)
    kind = tool["type"]
    return {"type": kind, kind: {"name": draft.names.flat(namespace, name) if namespace else draft.names.find(name)}}


def _choose_allowed(draft: ResponseDraft, name: str, choice: Tool) -> None:
    mode = checks.required(name, choice, "mode", checks.one_of(*MODES))
    tools = checks.required(name, choice, "tools", checks.array)
    checks.array(f"{name}.tools", tools, checks.TOOL_LIMIT, filled=True)
    allowed, repeated = [], []
    for index, tool in enumerate(tools):
        at = f"{name}.tools[{index}]"
        checks.json_object(at, tool)
        kind = checks.required(at, tool, "type", checks.string)
        if kind in {"function", "custom"}:
            allowed.append(_named(draft, at, tool))
            repeated.append(tool)
        elif kind in WEB_SEARCH:
            draft.note_once("lossy", f"{name}.tools[].{kind}", NO_SEARCH)
        else:
            raise _no_choice(f"{at}.type", kind) if kind in HOSTED else _not_alone(f"{at}.type", kind)
    if not allowed:
        raise checks.only_with(name, "tools")
    draft.echo[name] = {**choice, "tools": repeated}
    draft.body[name] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}}


def _not_alone(param: str, kind: str) -> InvalidRequest:
    return checks.invalid_value(param, kind, ("function", "custom", *WEB_SEARCH))


def _choose_search(draft: ResponseDraft, name: str, choice: Tool) -> None:
    """`file_search`: nothing else is offered, and something must be used."""
    tools = draft.body.get("tools", ())
    found = [index for index, tool in enumerate(tools) if tool["type"] == "retrieval"]
    if not found:
        raise InvalidRequest("Tool choice 'file_search' not found in 'tools' parameter.", param=name)
    for place, origin in enumerate([draft.places.origin(f"tools[{index}]") for index in found]):
        draft.places.add(f"tools[{place}]", origin)
    draft.body["tools"] = [tools[index] for index in found]
    draft.body[name] = "required"
    draft.note("converted", name, reason=NAMED)


_CHOICES: Mapping[str, Callable[[ResponseDraft, str, Tool], None]] = {
    "function": _choose_named,
    "custom": _choose_named,
    "allowed_tools": _choose_allowed,
    "file_search": _choose_search,
}
