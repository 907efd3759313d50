"""What a Messages request has the model read: checked as far as it is relied on, and measured in bytes and images.

Content goes on as it came, cache marks included. What names something that is kept at Anthropic is refused, for nobody
else has it.

Source of the shape: https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.translation import checks
from proxy.translation.checks import (
    array,
    invalid_type,
    invalid_value,
    json_object,
    one_of,
    optional,
    required,
    size,
    string,
)
from proxy.translation.rules import Check, unsupported_value

Block = Mapping[str, Any]
Look = Callable[[str, Block], None]
"""Takes the path of a block and the block, and raises InvalidRequest."""

ROLES = ("user", "assistant", "system")
"""The last is for instructions in the middle of a conversation."""
PICTURES = frozenset({"image", "document"})
"""Kinds of blocks that are counted as an image each: how long a document is, nobody knows before it is read."""
KEPT_ELSEWHERE = "It is kept at Anthropic, where Telnyx cannot fetch it. Send the content itself."
TEXTS = ("text", "thinking", "context", "title")
"""Fields of a block that are read as text."""
DEPTH = 8
"""Levels of content in content: a tool's result holds blocks, and those of a search hold more."""


@dataclass(slots=True)
class Weight:
    """UTF-8 bytes of text, and images."""

    text: int = 0
    images: int = 0


def check_messages(param: str, value: Any) -> None:
    """The conversation. Raises InvalidRequest."""
    array(param, value, checks.MESSAGE_LIMIT, filled=True)
    for index, message in enumerate(value):
        at = f"{param}[{index}]"
        if type(message) is not dict:
            raise invalid_type(at, "an object", message)
        role = required(at, message, "role", string)
        if role not in ROLES:
            raise invalid_value(f"{at}.role", role, ROLES)
        if message.get("content") is None:
            raise checks.missing(f"{at}.content")
        check_content(f"{at}.content", message["content"])
    checks.measure(param, value)


def check_system(param: str, value: Any) -> None:
    """The system prompt: text, or blocks of text. Raises InvalidRequest."""
    for at, kind, block in _described(param, value):
        one_of("text")(f"{at}.type", kind)
        _text(at, block)
    checks.measure(param, value)


def _described(param: str, value: Any) -> Iterator[tuple[str, str, Block]]:
    """Path, type and block of an array of blocks; a text has none. Raises InvalidRequest for anything else."""
    if type(value) is str:
        return
    if type(value) is not list:
        raise invalid_type(param, "one of a string or array of objects", value)
    for index, block in enumerate(value):
        at = f"{param}[{index}]"
        if type(block) is not dict:
            raise invalid_type(at, "an object", block)
        yield at, required(at, block, "type", string), block


def _content_of(blocks: Mapping[str, Look]) -> Check:
    """Text, or an array of blocks that say what they are. A type that is not listed may be new: Telnyx has the word."""

    def check(param: str, value: Any) -> None:
        for at, kind, block in _described(param, value):
            look = blocks.get(kind)
            if look is not None:
                look(at, block)

    return check


def _needs(**fields: Check) -> Look:
    """A block with these fields at least."""

    def look(at: str, block: Block) -> None:
        for name, check in fields.items():
            required(at, block, name, check)

    return look


def _source(param: str, value: Any) -> None:
    """Where an image or a document comes from."""
    json_object(param, value)
    look = SOURCES.get(required(param, value, "type", string))
    if look is not None:
        look(param, value)


def _result(at: str, block: Block) -> None:
    """A tool may have nothing to say."""
    required(at, block, "tool_use_id", string)
    optional(at, block, "content", _check_result)


_text = _needs(text=string)
_image = _needs(source=_source)
_given = _needs(media_type=string, data=string)
_call = _needs(id=string, name=string, input=json_object)

SOURCES: Mapping[str, Look] = {
    "base64": _given,
    "text": _given,
    "url": _needs(url=string),
    "file": _needs(file_id=string),
    "content": _needs(content=_content_of({"text": _text, "image": _image})),
}
RESULTS: Mapping[str, Look] = {
    "text": _text,
    "image": _image,
    "document": _image,
    "search_result": _needs(source=string, title=string, content=_content_of({"text": _text})),
}
"""Blocks that a tool's result may hold."""
BLOCKS: Mapping[str, Look] = {
    **RESULTS,
    "thinking": _needs(thinking=string),  # only Anthropic's own models sign it
    "redacted_thinking": _needs(data=string),
    "tool_use": _call,
    "server_tool_use": _call,
    "tool_result": _result,
}
"""Blocks of a message, each with what Anthropic's schema requires and whoever reads it relies on."""

_check_result = _content_of(RESULTS)
check_content = _content_of(BLOCKS)


def expect_at_hand(param: str, messages: list[Any]) -> None:
    """Raises InvalidRequest for content that is only named, by the id it has at Anthropic."""
    for index, message in enumerate(messages):
        for block in _blocks(message["content"]):
            source = block.get("source")
            kind = source.get("type") if type(source) is dict else None
            if kind == "file" or block.get("type") == "container_upload":
                raise unsupported_value(f"{param}[{index}].content", "file", KEPT_ELSEWHERE)


def weigh(request: Mapping[str, Any]) -> Weight:
    """What the model reads of a request whose messages and system prompt were checked."""
    weight = Weight()
    _add(weight, request.get("system"))
    for message in request["messages"]:
        _add(weight, message["content"])
    tools = request.get("tools")
    if tools:
        weight.text += checks.measure("tools", tools)
    return weight


def _add(weight: Weight, content: Any) -> None:
    if type(content) is str:
        weight.text += size(content)
        return
    for block in _blocks(content):
        if block.get("type") in PICTURES:
            weight.images += 1
        weight.text += sum(size(text) for name in TEXTS if type(text := block.get(name)) is str)
        if type(block.get("content")) is str:
            weight.text += size(block["content"])
        if block.get("input") is not None:
            weight.text += checks.measure("messages", block["input"])


def _blocks(content: Any, depth: int = DEPTH) -> Iterator[dict[str, Any]]:
    """Every block, and those that stand in the content of others."""
    for block in content if type(content) is list else ():
        if type(block) is dict:
            yield block
            if depth:
                yield from _blocks(block.get("content"), depth - 1)
