"""Chunks of a streamed answer as objects: how they are named, framed, and whether they carry usage."""

from typing import Any

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.streaming.events import LF, Malformed
from proxy.translation import failures
from proxy.translation.answers import LATEST

KIND = "chat.completion.chunk"
NAMES = ("id", "object", "created", "model")
"""What is the same in every chunk of an answer."""
Names = tuple[str, str, int, str]
"""The values of NAMES."""
WORDS = frozenset({b"", b"[DONE]"})
SHORT = 16
"""Bytes; only events below it are looked at for one of the words, no chunk is that short."""
TROUBLE = frozenset({"error", "errors", "detail"})
"""Keys that may hold an error; `"error": null` is fatal to one client library and is taken out."""
SIGNS_OF_LIFE = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive"})
"""Names of events whose data means nothing and need not be JSON."""


def frame(data: bytes) -> bytes:
    """The event that a chunk is sent as."""
    return b"data: " + data + b"\n\n"


def sound(told: tuple[Any, Any, Any, Any]) -> bool:
    """Whether upstream's names are such as OpenAI gives, so that the client can have them."""
    name, kind, created, model = told
    if type(name) is not str or type(created) is not int or type(model) is not str or kind != KIND:
        return False
    return bool(name and model and 0 < created < LATEST)


def with_usage_key(data: bytes, chunk: dict[str, Any], *, asked: bool) -> bytes:
    """A chunk that has no usage: with `"usage": null` where the client asked for usage, without it where not."""
    if ("usage" in chunk) is asked:
        return data
    if asked:
        return codec.encode({**chunk, "usage": None})
    return codec.encode({key: value for key, value in chunk.items() if key != "usage"})


def lone_choice(chunk: dict[str, Any], known: Names | None) -> int | None:
    """The index of the one choice of a chunk that can go on as it is, but for its usage key, if the choice can.

    `known` are the names of the chunks before it.
    """
    choices = chunk.get("choices")
    if type(choices) is not list or len(choices) != 1 or chunk.get("usage") is not None:
        return None
    names = (chunk.get("id"), chunk.get("object"), chunk.get("created"), chunk.get("model"))
    if (names != known or type(names[2]) is not int) and not (known is None and sound(names)):
        return None  # to Python, 1 and 1.0 are equal
    if "error" in chunk or "errors" in chunk or "detail" in chunk:
        return None
    index = choices[0].get("index") if type(choices[0]) is dict else None
    return index if type(index) is int else None


def remade(chunk: dict[str, Any], told: Names, rows: list[dict[str, Any]], *, asked: bool) -> dict[str, Any]:
    """Upstream's chunk in the client's terms: named like all others, with other choices, its usage not here."""
    made = {**chunk, **dict(zip(NAMES, told, strict=True)), "choices": rows}
    made.pop("error", None)  # null, or it would have been raised
    if asked:
        made["usage"] = None
    else:
        made.pop("usage", None)
    return made


def spelled(data: bytes, chunk: dict[str, Any], made: dict[str, Any]) -> bytes:
    """A chunk made anew; the bytes it came in where nothing but their spelling is different."""
    body = codec.encode(made)
    return data if LF not in data and body == codec.encode(chunk) else body


def expect_no_error(chunk: dict[str, Any], name: bytes) -> None:
    """Raise the error that an event holds, if it does. `name` is what `event:` said."""
    if not name and "choices" in chunk and TROUBLE.isdisjoint(chunk):
        return  # nothing that could be one
    error = failures.from_event(chunk)
    if error is None and name == b"error":
        error = UpstreamFailed("Telnyx sent an error event without a message.")
    if error is not None:
        raise error


def no_chunk(data: bytes, name: bytes) -> bytes:
    """What the client gets for an event that is not JSON: nothing. Raises Malformed, or the error that it is."""
    if name in SIGNS_OF_LIFE:
        return b""
    if name == b"error":
        raise failures.from_event({"error": data.decode(errors="replace")}) or UpstreamFailed("Telnyx failed.")
    raise Malformed("Telnyx sent an event that is not JSON.")
