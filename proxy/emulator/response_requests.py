"""What a request to the emulated Responses endpoint may look like, and the chat that it is for the emulated model.

The published schema names eight fields and takes others, too; `input` is OpenAI's, and so are the others that the
proxy sends, as far as they are taken. Nothing is kept between requests.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from proxy.emulator import failures, validation
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.failures import Failure
from proxy.emulator.schema import AnyObject, Decimal, Flag, ListOf, Record, Text, Whole

Request = Mapping[str, Any]
Item = dict[str, Any]

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SCHEMA = Record(
    {
        "model": Text(),
        "service_tier": Text(),
        "region": Text(("USA", "EU", "AUS", "UAE")),
        "mode": Text(("preferred", "strict")),
        "conversation": Text(),
        "instructions": Text(),
        "stream": Flag(),
        "reasoning": Record({"effort": Text(_EFFORTS)}, closed=False),
        # the rest is OpenAI's
        "max_output_tokens": Whole(1),
        "temperature": Decimal(),
        "top_p": Decimal(),
        "top_logprobs": Whole(0, 20),
        "tools": ListOf(Record({"type": Text(), "name": Text(), "parameters": AnyObject()}, ("type",), closed=False)),
        "text": Record({"format": Record({"type": Text()}, ("type",), closed=False)}, closed=False),
        "include": ListOf(Text()),
    },
    ("input",),
    closed=False,
)
"""The published request schema of October 2026; `input` is looked at by `faults`."""

_PART = Record({"type": Text(("input_text", "input_image", "output_text", "refusal"))}, ("type",), closed=False)
_PARTS: Mapping[str, Record] = MappingProxyType(
    {
        "input_text": Record({"text": Text()}, ("text",), closed=False),
        "input_image": Record({"image_url": Text()}, ("image_url",), closed=False),
        "output_text": Record({"text": Text()}, ("text",), closed=False),
        "refusal": Record({"refusal": Text()}, ("refusal",), closed=False),
    }
)
_OWN = frozenset({"output_text", "refusal"})
"""Parts of what the model said; OpenAI takes them from the assistant only, and no others from it."""
_ITEMS: Mapping[str, Record] = MappingProxyType(
    {
        "message": Record(
            {"role": Text(("user", "assistant", "system", "developer"))}, ("role", "content"), closed=False
        ),
        "function_call": Record(
            {"call_id": Text(), "name": Text(), "arguments": Text()}, ("call_id", "name", "arguments"), closed=False
        ),
        "function_call_output": Record({"call_id": Text()}, ("call_id", "output"), closed=False),
        "reasoning": Record({"id": Text(), "summary": ListOf(AnyObject())}, ("id", "summary"), closed=False),
    }
)
_FORMATS = frozenset({"json_object", "json_schema"})
_LOGPROBS = "message.output_text.logprobs"
_SAME = ("model", "temperature", "top_p", "service_tier", "region", "mode", "stream", "api_key_ref", "tool_choice")


def faults(body: Any) -> list[validation.Fault]:
    """Every fault of a request, as FastAPI tells them."""
    found = validation.faults(SCHEMA, body)
    if found:
        return found
    if "conversation" in body and not _is_uuid(body["conversation"]):
        found.append(validation.fault(("body", "conversation"), "uuid_parsing", "Input should be a valid UUID"))
    for place, item in enumerate(_items(body)):
        found += _item_faults(item, ("body", "input", place))
    return found


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _items(body: Request) -> list[Any]:
    """The items of the input: a text is the user's, and a lone object is an item, as Telnyx's own client types it."""
    given = body["input"]
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return given if isinstance(given, list) else [given]


def _item_faults(item: Any, at: validation.Location) -> list[validation.Fault]:
    kind = str(item.get("type", "message")) if isinstance(item, dict) else ""
    if kind not in _ITEMS:
        return [
            validation.fault(at, "union_tag_invalid", f"Input tag '{kind}' does not match any of the expected tags")
        ]
    found = validation.faults(_ITEMS[kind], item, at)
    inside = "content" if kind == "message" else "output"
    return found if found or inside not in item else _content_faults(item, item[inside], (*at, inside))


def _content_faults(item: Item, content: Any, at: validation.Location) -> list[validation.Fault]:
    if isinstance(content, str):
        return []
    found = validation.faults(ListOf(_PART), content, at)
    if found:
        return found
    for place, part in enumerate(content):
        found += validation.faults(_PARTS[part["type"]], part, (*at, place))
        if (part["type"] in _OWN) != (item.get("role") == "assistant"):
            found.append(validation.fault((*at, place, "type"), "literal_error", f"Invalid value: '{part['type']}'"))
    return found


def refusal(body: Request, behaviour: Behaviour) -> Failure | None:
    """Why a valid request is not served, None if it is."""
    for name in behaviour.responses:
        if name in DOUBTS and (failure := DOUBTS[name](body)) is not None:
            return failure
    for name in ("previous_response_id", "conversation"):
        if name in body:  # nothing is ever kept here
            return failures.envelope(404, "10005", "Resource not found", f"{name} could not be found.", f"/{name}")
    strange = next((tool["type"] for tool in body.get("tools", ()) if tool["type"] not in _TOOLS), None)
    return None if strange is None else failures.bad_request(f"Tools of type '{strange}' are not supported.", "/tools")


def _no_route(_: Request) -> Failure:
    return failures.NO_SUCH_PATH


def _no_tools(body: Request) -> Failure | None:
    return failures.bad_request("Parameter 'tools' is not supported.", "/tools") if body.get("tools") else None


def _no_format(body: Request) -> Failure | None:
    kind = body.get("text", {}).get("format", {}).get("type")
    return failures.bad_request("Parameter 'text.format' is not supported.", "/text") if kind in _FORMATS else None


DOUBTS: Mapping[str, Callable[[Request], Failure | None]] = MappingProxyType(
    {"no-route": _no_route, "tools-refused": _no_tools, "format-refused": _no_format}
)
"""What some models or accounts may lack."""


def as_chat(request: Request, behaviour: Behaviour) -> dict[str, Any]:
    """The same request as a chat, for whoever thinks up the answer."""
    messages = [{"role": "system", "content": request["instructions"]}] if request.get("instructions") else []
    messages += [message for item in _items(request) if (message := _message(item)) is not None]
    chat: dict[str, Any] = {"messages": messages} | {name: request[name] for name in _SAME if name in request}
    chat |= {to: request[name] for name, to in _RENAMED.items() if name in request}
    if request.get("reasoning", {}).get("effort"):
        chat["reasoning_effort"] = request["reasoning"]["effort"]
    if request.get("tools") and "tools-ignored" not in behaviour.responses:
        chat["tools"] = [_TOOLS[tool["type"]](tool) for tool in request["tools"]]
    form = request.get("text", {}).get("format", {})
    if form.get("type") in _FORMATS and "format-ignored" not in behaviour.responses:
        chat["response_format"] = {"type": form["type"], form["type"]: {**form}}
    if _LOGPROBS in request.get("include", ()):
        chat["logprobs"] = True
    return chat


_RENAMED = MappingProxyType({"max_output_tokens": "max_tokens", "top_logprobs": "top_logprobs"})


def _function(tool: Request) -> Item:
    return {"type": "function", "function": {name: tool[name] for name in ("name", "parameters") if name in tool}}


def _search(tool: Request) -> Item:
    return {"type": "retrieval", "retrieval": {"bucket_ids": tool["vector_store_ids"]}}


_TOOLS: Mapping[str, Callable[[Request], Item]] = MappingProxyType({"function": _function, "file_search": _search})


def _message(item: Item) -> Item | None:
    kind = item.get("type", "message")
    if kind == "message":
        role = "system" if item["role"] == "developer" else item["role"]
        return {"role": role, "content": _content(item["content"])}
    if kind == "function_call_output":
        return {"role": "tool", "content": _content(item["output"])}
    return {"role": "assistant", "content": ""} if kind == "function_call" else None


def _content(content: str | list[Item]) -> str | list[Item]:
    if isinstance(content, str):
        return content
    return [_part(part) for part in content]


def _part(part: Item) -> Item:
    if part["type"] == "input_image":
        return {"type": "image_url", "image_url": part["image_url"]}
    return {"type": "text", "text": part.get("text", part.get("refusal"))}
