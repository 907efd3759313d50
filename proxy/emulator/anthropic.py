"""The Messages endpoint of the emulated Telnyx: Anthropic's request told as a chat, and the answer told back.

The published schema lists the fields and takes others, too; it says nothing of what they mean. Telnyx's own example of
an answer has every field but `cache_...` ones in its usage. What models think is shown where the request asks for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from proxy.emulator.answers import Completion, Reply
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.schema import AnyObject, Decimal, Either, Flag, Kind, ListOf, Nullable, Record, Tagged, Text, Whole
from proxy.emulator.tools import Call

Request = Mapping[str, Any]
Block = dict[str, Any]


def _open(**fields: Kind) -> Record:
    """An object that has these fields, and perhaps others."""
    return Record(fields, tuple(fields), closed=False)


def _content(blocks: Mapping[str, Record]) -> Either:
    return Either((("str", Text()), ("list[dict]", ListOf(Tagged("type", blocks)))))


_GIVEN = _open(media_type=Text(), data=Text())
_PICTURE = _open(
    source=Tagged(
        "type",
        {
            "base64": _GIVEN,
            "text": _GIVEN,
            "url": _open(url=Text()),
            "file": _open(file_id=Text()),
            "content": _open(content=Either((("str", Text()), ("list[dict]", ListOf(AnyObject()))))),
        },
    )
)
_TEXTS = MappingProxyType({"text": _open(text=Text())})
_IN_RESULTS: Mapping[str, Record] = MappingProxyType(
    {
        **_TEXTS,
        "image": _PICTURE,
        "document": _PICTURE,
        "search_result": _open(source=Text(), title=Text(), content=ListOf(Tagged("type", _TEXTS))),
        "tool_reference": _open(tool_name=Text()),
        "browser_state": _open(tabs=ListOf(AnyObject())),
    }
)
_CALL = _open(id=Text(), name=Text(), input=AnyObject())
_UNREAD = (
    "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result", "container_upload",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
    "advisor_tool_result", "compaction", "fallback", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing",
    "tool_addition", "tool_removal",
)  # fmt: skip
"""Blocks of what runs at Anthropic and of what is in beta there: they say nothing to the models here."""
BLOCKS: Mapping[str, Record] = MappingProxyType(
    {
        **_IN_RESULTS,
        "thinking": _open(thinking=Text()),
        "redacted_thinking": _open(data=Text()),
        "tool_use": _CALL,
        "server_tool_use": _CALL,
        "tool_result": Record(
            {"tool_use_id": Text(), "content": Nullable(_content(_IN_RESULTS))}, ("tool_use_id",), closed=False
        ),
        **dict.fromkeys(_UNREAD, _open()),
    }
)
"""Anthropic's blocks: Telnyx's schema does not list them, so Anthropic's own does."""
_ROLES = Text(("user", "assistant", "system"))
_CHOICE = Tagged("type", {"auto": _open(), "any": _open(), "none": _open(), "tool": _open(name=Text())})
_TOOL = Record({"name": Text(), "input_schema": AnyObject()}, ("name",), closed=False)

SCHEMA = Record(
    {
        "model": Text(),
        "messages": ListOf(_open(role=_ROLES, content=_content(BLOCKS))),
        "max_tokens": Whole(1),
        "system": _content(_TEXTS),
        "stream": Flag(),
        "temperature": Decimal(),
        "top_p": Decimal(),
        "top_k": Whole(),
        "stop_sequences": ListOf(Text()),
        "metadata": AnyObject(),
        "tools": ListOf(_TOOL),
        "tool_choice": _CHOICE,
        "thinking": _open(type=Text()),
        "api_key_ref": Text(),
        "mcp_servers": ListOf(AnyObject()),
        "fallback_config": AnyObject(),
        "billing_group_id": Text(),
        "timeout": Decimal(),
        "max_retries": Whole(),
        "service_tier": Text(),
        "region": Text(("USA", "EU", "AUS", "UAE")),
        "mode": Text(("preferred", "strict")),
    },
    ("model", "messages", "max_tokens"),
    closed=False,
)
"""The published request schema of October 2026."""

STOPS = MappingProxyType({"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"})
_CHOICES = MappingProxyType({"any": "required", "tool": "required", "none": "none"})
_SAME = ("model", "max_tokens", "temperature", "top_p", "service_tier", "region", "mode", "api_key_ref", "stream")


def as_chat(request: Request) -> dict[str, Any]:
    """The same request as a chat, for whoever thinks up the answer."""
    messages = [{"role": "system", "content": _text(request["system"])}] if request.get("system") else []
    for message in request["messages"]:
        messages += _turns(message)
    # Who says nothing gets no thoughts either, but has not said so: None.
    thinks = request["thinking"]["type"] in {"enabled", "adaptive"} if "thinking" in request else None
    chat: dict[str, Any] = {"messages": messages, "enable_thinking": thinks}
    chat |= {name: request[name] for name in _SAME if name in request}
    if request.get("stop_sequences"):
        chat["stop"] = request["stop_sequences"]
    choice = request.get("tool_choice", {})
    tools = [
        tool for tool in request.get("tools", ()) if choice.get("type") != "tool" or tool["name"] == choice["name"]
    ]
    if tools:
        chat["tools"] = [{"type": "function", "function": _function(tool)} for tool in tools]
        chat["tool_choice"] = _CHOICES.get(choice.get("type", ""), "auto")
    return chat


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": tool["name"], "parameters": tool.get("input_schema", {})}


def _turns(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    if isinstance(content, str):
        return [{"role": message["role"], "content": content}]
    results = [block for block in content if block["type"] == "tool_result"]
    turns: list[dict[str, Any]] = [{"role": "tool", "content": _text(block.get("content") or "")} for block in results]
    parts = [part for block in content if (part := _part(block)) is not None]
    return turns if results and not parts else [*turns, {"role": message["role"], "content": parts}]


def _part(block: Mapping[str, Any]) -> dict[str, Any] | None:
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    return {"type": "image_url"} if block["type"] == "image" else None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(block["text"] for block in content if block["type"] == "text")


def whole(completion: Completion, behaviour: Behaviour) -> dict[str, Any]:
    """The message."""
    [reply] = completion.replies
    message = {
        **_head(completion),
        "content": list(_blocks(reply)),
        "stop_reason": STOPS[reply.finish],
        "usage": _usage(completion),
    }
    if behaviour.usage == "missing":
        del message["usage"]
    if "minimal" in behaviour.whole:
        message = {name: message[name] for name in ("content", "stop_reason")}
    return message


def _head(completion: Completion) -> dict[str, Any]:
    return {
        "id": f"msg_{completion.id.removeprefix('chatcmpl-')}",
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(completion: Completion) -> dict[str, int]:
    usage = completion.usage
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return {
        "input_tokens": max(0, usage["prompt_tokens"] - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": usage["completion_tokens"],
    }


def _call_id(call: Call) -> str:
    return call.id.replace("call_", "toolu_").replace("-", "")


def _blocks(reply: Reply) -> Iterator[Block]:
    if reply.reasoning:
        yield {"type": "thinking", "thinking": "".join(reply.reasoning), "signature": "c2lnbmVk"}
    if reply.content:
        yield {"type": "text", "text": "".join(reply.content)}
    for call in reply.calls:
        arguments = orjson.loads(call.arguments)
        yield {"type": "tool_use", "id": _call_id(call), "name": call.name, "input": arguments}


def events(completion: Completion, behaviour: Behaviour) -> Iterator[dict[str, Any]]:
    """The message in pieces, in the order in which Anthropic sends them."""
    [reply] = completion.replies
    minimal = "minimal" in behaviour.chunks
    usage = {} if behaviour.usage == "missing" else {"usage": {**_usage(completion), "output_tokens": 1}}
    if not minimal:
        yield {"type": "message_start", "message": {**_head(completion), **usage}}
        yield {"type": "ping"}
    for index, (block, deltas) in enumerate(_deltas(reply)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if not minimal:
            yield {"type": "content_block_stop", "index": index}
    if usage:
        usage = {"usage": {"output_tokens": completion.usage["completion_tokens"]}}
    yield {"type": "message_delta", "delta": {"stop_reason": STOPS[reply.finish], "stop_sequence": None}, **usage}
    if behaviour.done:
        yield {"type": "message_stop"}


def _deltas(reply: Reply) -> Iterator[tuple[Block, list[Block]]]:
    if reply.reasoning:
        thoughts: list[Block] = [{"type": "thinking_delta", "thinking": token} for token in reply.reasoning]
        yield (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                *thoughts,
                {"type": "signature_delta", "signature": "c2lnbmVk"},
            ],
        )
    if reply.content:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": token} for token in reply.content]
    for call in reply.calls:
        begin = {"type": "tool_use", "id": _call_id(call), "name": call.name, "input": {}}
        yield begin, [{"type": "input_json_delta", "partial_json": piece} for piece in call.pieces]


def frames(told: Iterable[Mapping[str, Any]], behaviour: Behaviour) -> list[bytes]:
    """Events as they are written."""
    newline = behaviour.newline.encode()
    return [
        b"event: %b\ndata: %b\n\n".replace(b"\n", newline) % (event["type"].encode(), orjson.dumps(event))
        for event in told
    ]
