"""The second line of defence: what looks like a key is masked in every value of every log line.

The first is that nobody logs keys, prompts or answers. But an exception's text may quote a header, and a library may
log what it was given; so each value is looked at once more before it is written, and made harmless in form as well:
plain JSON types, bounded in length and depth, valid UTF-8.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "***"

VALUE_LIMIT = 16_384
"""Characters of a value; enough for the traceback of a deep stack. The middle is cut: the cause stands at the end."""

DEPTH_LIMIT = 6
"""Levels of containers inside a value; log lines are flat, only something recursive goes deeper."""

_KEYS = re.compile(
    r"sk-tp-[A-Za-z0-9_-]+"  # of this proxy
    r"|(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{6,}"  # of OpenAI and others; `disk-usage` is none
    r"|KEY[0-9A-Za-z]{6,}_[0-9A-Za-z_-]+"  # Telnyx: KEY, digits, underscore, secret
    r"|KEY[0-9A-Za-z]{16,}"
    r"|(?i:bearer)[\s:=]+[^\s\"',;]+"
)

_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)  # integers beyond have no JSON form that readers agree on


def mask(text: str) -> str:
    """The text with `***` for whatever is shaped like an API key or a bearer token."""
    # Four searches for a substring, spelled out: a tenth of the cost of the expression, on every value of every line.
    if "sk-" in text or "KEY" in text or "earer" in text or "EARER" in text:
        return _KEYS.sub(MASK, text)
    return text


def redact(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks and bounds every value of an event, in place."""
    for name, value in event.items():
        if type(value) is not float and value is not True:  # most of a line that cannot be wrong
            event[name] = plain(value)  # the names stay, so changing values under the iteration is safe
    return event


def plain(value: Any, depth: int = DEPTH_LIMIT) -> Any:
    """A masked copy made of JSON types alone; what has no JSON form appears as its masked text."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool or kind is float or (kind is int and _SMALLEST <= value <= _LARGEST):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"  # bytes are bodies, and bodies are prompts and answers
    if isinstance(value, Mapping):
        return {_text(str(name)): plain(item, depth - 1) for name, item in value.items()} if depth else "..."
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth - 1) for item in value] if depth else "..."
    return _text(str(value))


def _text(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # header values carry undecodable bytes as lone surrogates
    masked = mask(text)
    if len(masked) > VALUE_LIMIT:
        return f"{masked[: VALUE_LIMIT // 2]} ... {masked[-VALUE_LIMIT // 2 :]}"
    return masked
