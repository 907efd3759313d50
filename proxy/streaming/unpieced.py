"""A whole chat completion -> the events in which the same would have come in pieces.

Telnyx was asked for a stream and answered in one piece: there may be a server behind it that knows no streams. What it
said is paid for, so the client gets it, by the way that every stream takes.
"""

from typing import Any

from proxy import codec
from proxy.streaming.chunks import KIND, NAMES, frame
from proxy.translation.answers import completion

DONE = b"data: [DONE]\n\n"
ENDED = "stop"
"""What a choice of a whole answer ended with that does not say: nothing of it is missing."""


def events(raw: bytes) -> bytes:
    """The events of a stream that says what a completion says. Raises UpstreamFailed for what is none."""
    value = completion(raw)
    named = {**{name: value[name] for name in NAMES if name in value}, "object": KIND}
    choices = [choice if isinstance(choice, dict) else {} for choice in value["choices"]]
    chunks: list[dict[str, Any]] = [
        {**named, "choices": [_said(choice, place) for place, choice in enumerate(choices)]},
        {**named, "choices": [_ended(choice, place) for place, choice in enumerate(choices)]},
    ]
    if value.get("usage") is not None:
        chunks.append({**named, "choices": [], "usage": value["usage"]})
    return b"".join(frame(codec.encode(chunk)) for chunk in chunks) + DONE


def _said(choice: dict[str, Any], place: int) -> dict[str, Any]:
    message = choice.get("message")
    delta = dict(message) if isinstance(message, dict) else {}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [{**call, "index": at} for at, call in enumerate(calls) if isinstance(call, dict)]
    said = {"index": choice.get("index", place), "delta": delta, "finish_reason": None}
    return said if choice.get("logprobs") is None else {**said, "logprobs": choice["logprobs"]}


def _ended(choice: dict[str, Any], place: int) -> dict[str, Any]:
    return {
        "index": choice.get("index", place),
        "delta": {},
        "finish_reason": choice.get("finish_reason") or ENDED,
    }
