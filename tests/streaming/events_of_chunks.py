"""Events that hold a chunk, streams to feed them to, and a look at the templates these have."""

import json
from typing import Any

from proxy.streaming.chat import ChatStream
from proxy.streaming.templates import AS_IT_CAME, LESSONS, Template
from proxy.translation.rules import Expectation
from tests.streaming import transcripts
from tests.streaming.transcripts import IDENTITY, MODEL

NAMES = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": MODEL}
DONE = b"data: [DONE]\n\n"


def chunk(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {**NAMES, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def with_usage_key(delta: Any, *, there: bool) -> dict[str, Any]:
    return {**chunk(delta), "usage": None} if there else chunk(delta)


def event(value: dict[str, Any], **spelling: Any) -> bytes:
    return b"data: " + json.dumps(value, **{"separators": (",", ":"), **spelling}).encode() + b"\n\n"


def told(stream: ChatStream, pieces: list[bytes]) -> tuple[Any, ...]:
    """All there is to know of a stream."""
    client = transcripts.play(stream, pieces)
    error = stream.error and stream.error.envelope()
    return client, stream.ended, error, stream.usage, stream.violations, stream.started, stream.model


def open_stream(lessons: int = LESSONS, limit: int = 1 << 20, **wishes: Any) -> ChatStream:
    stream = ChatStream(Expectation(stream=True, **wishes), IDENTITY, MODEL, event_limit=limit)
    stream._templates.lessons = lessons
    return stream


def learned(stream: ChatStream) -> tuple[Template, ...]:
    return tuple(template for template in stream._templates.kept if not template.guessed)


def taken(template: Template, run: bytes) -> bytes | None:
    """What a template makes of a run of events, the very bytes where it says so."""
    assert run.startswith(template.prefix)
    assert run.endswith(template.suffix)
    out = template.take(run[template.begin : template.end])
    return run if out is AS_IT_CAME else out


def guessed(stream: ChatStream) -> tuple[Template, ...]:
    return tuple(template for template in stream._templates.kept if template.guessed)


PIECES = ["Hi", " there", "", "\n", "\\", 'a"b', "é", "€", "😀", "\x7f", "\u2028", "/", "\x01", "{", "```json\n{"]
ROLE = event(chunk({"role": "assistant", "content": ""}))
HI = event(chunk({"content": "Hi"}))


def taught(limit: int = 1 << 20, **wish: Any) -> tuple[ChatStream, Template]:
    stream = open_stream(limit=limit, **wish)
    stream.feed(ROLE + HI)
    (template,) = learned(stream)
    return stream, template
