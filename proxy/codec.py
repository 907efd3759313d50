"""JSON in and out. The only module that knows which JSON library we use (orjson: strict UTF-8, 64-bit integers)."""

import json
import re
from collections import deque
from typing import Any

import orjson


class NotJson(ValueError):
    """The bytes are not JSON, or not JSON we accept.

    Attributes:
        line, column: 1-based position of the fault, 0 where there is none to tell.
        duplicate: the object key that stands twice, if that is the fault; the beginning of a very long one.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, duplicate: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.duplicate = duplicate


CONTAINERS = 1 << 16
"""Arrays and objects of one text from outside. While orjson reads, nobody else is served: these take it 30 ms, and
memory for each; 32 MiB of `[],[],` would take ten seconds and gigabytes."""
COMMAS = 1 << 20
"""Commas of one, for the same reason: a plain value takes an eighth of the time and memory of an array."""
SLICE = 1 << 18
"""Bytes looked at in one go: others are served in between."""


def crowded(data: bytes) -> bool:
    """Whether a text holds more arrays, objects or values than may be read in one go. What stands in strings is none.

    Takes up to 5 ms for each MiB, and lets other threads work.
    """
    if len(data) <= CONTAINERS or (
        data.count(b"[") + data.count(b"{") <= CONTAINERS and (len(data) <= COMMAS or data.count(b",") <= COMMAS)
    ):
        return False
    containers = commas = start = 0
    inside = 0  # of a string: 1, else 0
    while start < len(data):
        end = min(start + SLICE, len(data))
        while end < len(data) and data[end - 1] == _BACKSLASH:
            end += 1
        pieces = data[start:end].replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(pieces[inside::2])
        inside ^= (len(pieces) - 1) & 1
        containers += outside.count(b"[") + outside.count(b"{")
        commas += outside.count(b",")
        if containers > CONTAINERS or commas > COMMAS:
            return True
        start = end
    return False


_BACKSLASH = ord("\\")

glance = orjson.loads
"""`decode` where it is only asked whether the bytes are JSON, and that often: a call less. Raises ValueError."""


def decode(data: bytes | str) -> Any:
    """One JSON value. Raises NotJson with the position."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise _not_json(fault) from None


_POSITION = re.compile(r": line \d+ column \d+ \(char \d+\)$")


def _not_json(fault: orjson.JSONDecodeError) -> NotJson:
    return NotJson(_POSITION.sub("", str(fault)), fault.lineno, fault.colno)


SEARCH_LIMIT = 1 << 26
"""Bytes looked through in search of keys that stand twice, four times as many where all are values, too: 0.4 ms for
each MiB and key, and no memory. A body with thousands of keys is read a second time instead, which takes time in
proportion to its length only, and two more copies of it."""
NAME_LIMIT = 64
"""Characters of a doubled key that are told: a key can be as long as the body."""


def decode_object(data: bytes) -> dict[str, Any]:
    """A JSON object in which no top-level key stands twice. Raises NotJson.

    orjson keeps the last of two equal keys without a word. What was read is therefore written again: if the very same
    bytes come out, nothing was lost. That takes a seventh of the time of reading, and most client libraries write JSON
    the way orjson does, without space and without needless escapes.

    Otherwise `"key"` is counted in the bytes: a key found once stands once, and what a comma or a bracket follows is a
    value (`"role": "user"`). Any other count (it stands deeper, too, or is spelled with escapes) is only a suspicion,
    which the slow, certain reading settles. A key that stands twice in two spellings may not be found.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise _not_json(fault) from None
    if type(value) is not dict:
        raise NotJson("expected a JSON object")
    try:
        if orjson.dumps(value) == data:
            return value
    except orjson.JSONEncodeError:  # nested deeper than orjson writes, but not than it reads
        pass
    if len(data) * len(value) > SEARCH_LIMIT or not all(_stands_once(data, key) for key in value):
        _expect_unique_keys(data)
    return value


def _stands_once(data: bytes, key: str) -> bool:
    name = b'"%b"' % key.encode()
    found = data.count(name)
    if found > 1:
        found -= sum(data.count(name + behind) for behind in _BEHIND_A_VALUE)
    return found == 1


_BEHIND_A_VALUE = (b",", b"}", b"]")


def _expect_unique_keys(data: bytes) -> None:
    objects: deque[list[tuple[str, Any]]] = deque(maxlen=1)  # the outermost is closed last; the others are not kept
    try:
        json.loads(data, object_pairs_hook=objects.append)
    except RecursionError:  # it stops a little before orjson's limit of 1024 levels, depending on the caller's own
        raise NotJson("nested too deeply") from None
    seen: set[str] = set()
    for key, _ in objects[0]:
        if key in seen:
            raise NotJson(f"the key '{key[:NAME_LIMIT]}' stands twice", duplicate=key[:NAME_LIMIT])
        seen.add(key)


encode = orjson.dumps
"""Compact JSON on one line, UTF-8."""


def encode_text(value: Any) -> str:
    """The same as text, for JSON inside JSON (tool arguments)."""
    return orjson.dumps(value).decode()


def encode_pretty(value: Any) -> str:
    """Indented JSON for people."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
