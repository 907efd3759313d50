"""Items: what they are, and that they are what they should be.

An item is one thing that was said or done: a message, a call, what came of it, a thought. `KINDS` has a row for each
kind that says something to a model; `HOSTED` those that report what OpenAI's own tools did. Source:
https://platform.openai.com/docs/api-reference/responses/create#responses_create-input and the types of the official
client library.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import InvalidRequest
from proxy.translation import checks
from proxy.translation.responses.contents import check_content
from proxy.translation.responses.outline import Item

ROLES = ("assistant", "system", "developer", "user")

RAN_AT_OPENAI = "It tells of a tool that runs at OpenAI; what came of it stands in the messages, if anywhere."
LOST = "It tells of a tool that Telnyx's models do not know."
HOSTED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("web_search_call", "file_search_call", "tool_search_call", "tool_search_output", "mcp_list_tools",
         "mcp_approval_request", "mcp_approval_response", "compaction_trigger"), ("dropped", RAN_AT_OPENAI)),
    **dict.fromkeys(
        ("computer_call", "computer_call_output", "image_generation_call", "code_interpreter_call", "local_shell_call",
         "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
         "mcp_call", "program", "program_output", "additional_tools", "configuration_update"), ("lossy", LOST)),
}  # fmt: skip
"""Kinds of items that do not go to the model: whether something may be missed, and why."""


def input_items(value: Any) -> list[Item]:
    """`input` of a request as items: a text is a user's message.

    Every item has a type, and every message an array of parts; ids are as the client gave them, or not there. The
    client's objects are not written to.

    Raises:
        InvalidRequest: with the exact place, `input[3].content[0].text`.
    """
    if type(value) is str:
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if type(value) is not list:
        raise checks.invalid_type("input", "one of a string or array of objects", value)
    checks.array("input", value, checks.MESSAGE_LIMIT)
    checks.measure("input", value)  # it will be sent, and stored
    return [check_item(f"input[{index}]", item) for index, item in enumerate(value)]


def check_item(at: str, item: Any) -> Item:
    """One item in its full form; the same object if it is that already. `at` is its place. Raises InvalidRequest."""
    checks.json_object(at, item)
    kind = checks.optional(at, item, "type", checks.string)
    if kind is None:
        kind = _kind(at, item)
        item = {"type": kind, **{key: value for key, value in item.items() if key != "type"}}
    checks.optional(at, item, "id", checks.string)
    handler = KINDS.get(kind)
    if handler is not None:
        whole: Item = handler(at, item)
        return whole
    if kind not in HOSTED:
        raise checks.invalid_value(f"{at}.type", kind, (*KINDS, *HOSTED))
    return item  # type: ignore[no-any-return]  # an object, as was seen


def _kind(at: str, item: Mapping[str, Any]) -> str:
    """What an item without a type is: the two kinds that may leave it out have nothing in common."""
    if item.get("role") is not None:
        return "message"
    if item.get("id") is not None:
        return "item_reference"
    raise checks.missing(f"{at}.type")


def _message(at: str, item: Item) -> Item:
    role = checks.required(at, item, "role", checks.one_of(*ROLES))
    content = item.get("content")
    if content is None:
        raise checks.missing(f"{at}.content")
    check_content(f"{at}.content", content)
    if type(content) is str:
        item = {**item, "content": [_text(role, content)]}
    elif not content and role != "assistant":
        checks.array(f"{at}.content", content, filled=True)
    if role == "assistant" and item.get("status") is None:
        item = {**item, "status": "completed"}
    return item


def _text(role: str, text: str) -> Item:
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "input_text", "text": text}


def _called(at: str, item: Item) -> None:
    checks.required(at, item, "call_id", checks.string)
    checks.required(at, item, "name", checks.string)
    checks.optional(at, item, "namespace", checks.string)


def _function_call(at: str, item: Item) -> Item:
    _called(at, item)
    checks.required(at, item, "arguments", checks.string)
    return item


def _custom_tool_call(at: str, item: Item) -> Item:
    _called(at, item)
    checks.required(at, item, "input", checks.string)
    return item


def _output(at: str, item: Item) -> Item:
    checks.required(at, item, "call_id", checks.string)
    output = item.get("output")
    if output is None:
        raise checks.missing(f"{at}.output")
    check_content(f"{at}.output", output)
    return item


def _reasoning(at: str, item: Item) -> Item:
    for name in ("summary", "content"):
        content = item.get(name)
        if type(content) is str:
            raise checks.invalid_type(f"{at}.{name}", "an array of objects", content)
        if content is not None:
            check_content(f"{at}.{name}", content)
    checks.optional(at, item, "encrypted_content", checks.string)
    return item


def _reference(at: str, item: Item) -> Item:
    checks.required(at, item, "id", checks.string)
    return item


def _compaction(at: str, item: Item) -> Item:
    checks.required(at, item, "encrypted_content", checks.string)
    return item


KINDS: Mapping[str, Callable[[str, Item], Item]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_tool_call,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
    "item_reference": _reference,
    "compaction": _compaction,
}
"""Kinds of items that say something to a model, each with its check, which fills in what is left out."""


def not_found(at: str, name: str) -> InvalidRequest:
    """OpenAI's words for a reference to an item that is not kept."""
    return InvalidRequest(f"Item with id '{checks.shorten(name)}' not found.", param=at, code="item_not_found")
