"""A whole message from Telnyx -> exactly what Anthropic would have answered.

Telnyx publishes no schema of its answers, and what is behind it may speak OpenAI's language first. So the fields that
Anthropic's client libraries rely on are filled, and nothing else is touched: what needs no change goes on byte for
byte.

Source of the shape: https://platform.claude.com/docs/en/api/messages
"""

import codecs
from collections.abc import Mapping
from typing import Any

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.translation import failures, metering
from proxy.translation.answers import Answer, Identity
from proxy.translation.rules import Expectation
from proxy.usage import Usage, size

THOUGHTS = frozenset({"thinking", "redacted_thinking"})
"""Kinds of blocks that are reasoning."""
STOPS: Mapping[str, str] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's finish reasons -> Anthropic's, for servers that forgot to."""


def answer(raw: bytes, expects: Expectation, identity: Identity, model: str) -> Answer:
    """The body of a 200 from Telnyx as Anthropic would have sent it.

    `model` is the Telnyx id asked for, `identity` names the answer where upstream does not. Raises UpstreamFailed for
    what is no message, and the error that it is instead.
    """
    value = _expect_message(raw)
    given = _given(value)
    written, thought = _sizes(given)
    usage = metering.measure(value.get("usage"), expects.input_bytes, written, thought)
    content = [block_of(block, identity, index) for index, block in enumerate(given)]
    if expects.hide_reasoning:
        content = [block for block in content if block.get("type") not in THOUGHTS]
    made = {
        **head(value, identity, model),
        "content": content,
        "stop_reason": stop_reason(value.get("stop_reason"), called=any(b.get("type") == "tool_use" for b in content)),
        "usage": shown(value.get("usage"), usage),
    }
    made.setdefault("stop_sequence", None)
    body = codec.encode(made)
    same = body == codec.encode(value) and not raw.startswith(codecs.BOM_UTF8)
    return Answer(
        body=raw if same else body,
        usage=usage,
        model=made["model"],
        violations=0,
        estimated=usage.source == "estimated",
    )


def _expect_message(raw: bytes) -> dict[str, Any]:
    """The decoded message. Raises UpstreamFailed, or the error that it is instead."""
    try:
        value = codec.decode(raw.removeprefix(codecs.BOM_UTF8))
    except codec.NotJson:
        kind = "an empty body" if not raw.strip() else "something that is not JSON"
        raise UpstreamFailed(f"Telnyx answered 200 with {kind} instead of a message.") from None
    content = _given(value) if type(value) is dict and value.get("type") != "error" else None
    if type(content) is list and all(type(block) is dict for block in content):
        return dict(value)
    raise failures.from_event(value) or UpstreamFailed("Telnyx answered 200 without a message.")


def _given(value: Mapping[str, Any]) -> Any:
    """The content of a message; a text alone is a block of text."""
    content = value.get("content")
    return [{"type": "text", "text": content}] if type(content) is str else content


def head(value: Mapping[str, Any], identity: Identity, model: str) -> dict[str, Any]:
    """A message with all of what it is called."""
    name, served = value.get("id"), value.get("model")
    return {
        **value,
        "id": name if type(name) is str and name else identity.id,
        "type": "message",
        "role": "assistant",
        "model": served if type(served) is str and served else model,
    }


def block_of(block: dict[str, Any], identity: Identity, index: int) -> dict[str, Any]:
    """One block; a call has an id and an object of arguments."""
    if block.get("type") != "tool_use":
        return block
    name = block.get("id")
    made = {**block, "id": name if type(name) is str and name else call_id(identity, index)}
    if type(block.get("input")) is not dict:
        made["input"] = _arguments(block.get("input"))
    return made


def call_id(identity: Identity, index: int) -> str:
    """The name of a call that upstream gave none: unique, and the same each time."""
    return f"toolu_{identity.id.rpartition('_')[2]}{index}"


def _arguments(value: Any) -> dict[str, Any]:
    try:
        found = codec.decode(value) if type(value) is str and value else {}
    except codec.NotJson:
        found = None
    if type(found) is not dict and value is not None:
        raise UpstreamFailed("Telnyx answered with a tool call whose input is not an object.")
    return found if type(found) is dict else {}


def stop_reason(value: Any, *, called: bool) -> str:
    """Why it ended, in Anthropic's words."""
    if type(value) is not str or not value:
        return "tool_use" if called else "end_turn"
    return STOPS.get(value, value)


def shown(usage: Any, measured: Usage) -> dict[str, Any]:
    """The `usage` object a client gets: upstream's own, completed; nothing it says besides is lost.

    Anthropic's input is what stands beside the cache.
    """
    given = usage if type(usage) is dict else {}
    missing = {
        "input_tokens": measured.input - measured.cached_input - measured.cache_write,
        "output_tokens": measured.output,
    }
    return {**given, **{name: figure for name, figure in missing.items() if type(given.get(name)) is not int}}


def _sizes(content: list[dict[str, Any]]) -> tuple[int, int]:
    """UTF-8 bytes of all that was written, and of the reasoning in it."""
    written = thought = 0
    for block in content:
        reasoning = size(block.get("thinking"))
        thought += reasoning
        written += reasoning + size(block.get("text"))
        if block.get("input"):
            written += len(codec.encode(block["input"]))
    return written, thought
