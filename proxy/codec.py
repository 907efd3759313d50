"""JSON in and out. The only module that knows which JSON library we use (orjson: strict UTF-8, 64-bit integers)."""

import json
import re
from typing import Any

import orjson


class NotJson(ValueError):
    """The bytes are not JSON, or not JSON we accept.

    Attributes:
        line, column: 1-based position of the fault.
        duplicate: the object key that stands twice, if that is the fault.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, duplicate: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.duplicate = duplicate


def decode(data: bytes | str) -> Any:
    """One JSON value. Raises NotJson with the position."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        message = re.sub(r": line \d+ column \d+ \(char \d+\)$", "", str(fault))
        raise NotJson(message, fault.lineno, fault.colno) from None


def decode_object(data: bytes) -> dict[str, Any]:
    """A JSON object in which no top-level key stands twice. Raises NotJson.

    orjson keeps the last of two equal keys without a word. Counting `"key"` in the bytes is cheap and only
    ever over-counts (the key may stand deeper, too), so the slow, certain reading happens only on a suspicion.
    """
    value = decode(data)
    if not isinstance(value, dict):
        raise NotJson("expected a JSON object")
    if any(data.count(b'"' + key.encode("utf-8", "surrogatepass") + b'"') > 1 for key in value):
        _expect_unique_keys(data)
    return value


def _expect_unique_keys(data: bytes) -> None:
    depth_first: list[list[tuple[str, Any]]] = []
    json.loads(data, object_pairs_hook=depth_first.append)
    seen: set[str] = set()
    for key, _ in depth_first[-1]:  # the outermost object is closed last
        if key in seen:
            raise NotJson(f"the key '{key}' stands twice", duplicate=key)
        seen.add(key)


def encode(value: Any) -> bytes:
    """Compact JSON on one line, UTF-8."""
    return orjson.dumps(value)


def encode_text(value: Any) -> str:
    """The same as text, for JSON inside JSON (tool arguments)."""
    return orjson.dumps(value).decode()


def encode_pretty(value: Any) -> str:
    """Indented JSON for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
