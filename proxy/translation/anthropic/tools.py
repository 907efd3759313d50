"""The tools of a Messages request: those with a schema are anybody's, the others run at Anthropic.

Some of the latter an application runs itself (a shell, a text editor, a computer), but what they take stands nowhere in
the request: only Anthropic's own models were taught it.
"""

from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.checks import array, invalid_type, json_object, one_of, required, string, text
from proxy.translation.rules import Draft, unsupported_value

SEARCHES = ("web_search_", "web_fetch_")
"""Tools without which an answer is worse, and still one: some applications send them with every request."""
NAME = text(128)
"""Anthropic's bound."""
CHOICES = ("auto", "any", "tool", "none")


def convert_tools(draft: Draft, name: str, value: Any) -> None:
    """Send those that Telnyx can have; a model of Anthropic's gets all of them. Raises InvalidRequest."""
    array(name, value, checks.TOOL_LIMIT)
    checks.measure(name, value)
    claude = str(draft.body["model"]).startswith("anthropic/")
    kept = [tool for index, tool in enumerate(value) if _stays(draft, f"{name}[{index}]", tool, claude=claude)]
    if kept:
        draft.body[name] = value if len(kept) == len(value) else kept


def _stays(draft: Draft, at: str, tool: Any, *, claude: bool) -> bool:
    if type(tool) is not dict:
        raise invalid_type(at, "an object", tool)
    kind = checks.optional(at, tool, "type", string) or "custom"
    if kind == "custom":
        required(at, tool, "name", NAME)
        required(at, tool, "input_schema", json_object)
    elif claude:
        return kind != "mcp_toolset" or _refuse(at, kind)
    elif kind.startswith(SEARCHES):
        draft.lose("tools[].type", "Telnyx does not search the web.", "tools", f"{at}.type")
        return False
    else:
        return _refuse(at, kind)
    return True


def _refuse(at: str, kind: str) -> bool:
    reason = "It is Anthropic's. Give the tool as one with a name and an input_schema."
    raise unsupported_value(f"{at}.type", checks.shorten(kind), reason)


def convert_tool_choice(draft: Draft, name: str, value: Any) -> None:
    """Send it where there are tools to choose from. Raises InvalidRequest."""
    json_object(name, value)
    kind = required(name, value, "type", one_of(*CHOICES))
    if kind == "tool":
        wanted = required(name, value, "name", string)
        if wanted not in [tool.get("name") for tool in draft.body.get("tools", ())]:
            raise InvalidRequest(f"Invalid value: '{name}.name' names none of the tools.", param=f"{name}.name")
    if "tools" in draft.body:
        draft.body[name] = value
    elif draft.source.get("tools") or kind != "any":
        draft.note("dropped", name, reason="There are no tools to choose from.")
    else:
        raise checks.only_with(name, "tools")
