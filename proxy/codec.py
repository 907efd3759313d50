"""JSON in and out. The only module that knows which JSON library we use (orjson: strict UTF-8, 64-bit integers)."""

import json
import re
from collections import deque
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any

import orjson

Bytes = bytes | bytearray
Giants = dict[int, tuple[str, memoryview]]
"""Long strings of a text, by `id`: the string itself, so that no other gets its id, and the bytes it was written as."""


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


def crowded(data: Bytes) -> bool:
    """Whether a text holds more arrays, objects or values than may be read in one go. What stands in strings is none.

    Takes up to 4 ms for each MiB, of prose next to nothing, and lets other threads work.
    """
    if len(data) <= CONTAINERS or (
        _count(data, b"[") + _count(data, b"{") <= CONTAINERS and (len(data) <= COMMAS or _count(data, b",") <= COMMAS)
    ):
        return False
    containers = commas = start = 0
    inside = 0  # of a string: 1, else 0
    while start < len(data):
        end = min(start + SLICE, len(data))
        while end < len(data) and data[end - 1] == _BACKSLASH:
            end += 1
        # Of the same length: that takes half the time.
        pieces = data[start:end].replace(b"\\\\", b"  ").replace(b'\\"', b"  ").split(b'"')
        outside = b"".join(pieces[inside::2])
        inside ^= (len(pieces) - 1) & 1
        containers += outside.count(b"[") + outside.count(b"{")
        commas += outside.count(b",")
        if containers > CONTAINERS or commas > COMMAS:
            return True
        start = end
    return False


FEW = 256
"""Signs that are found one by one. Next to none are in prose or in a picture: to go through it that way takes 12 µs for
each MiB, where to count takes 300."""


def _count(data: Bytes, sign: bytes) -> int:
    at = -1
    for found in range(FEW):
        at = data.find(sign, at + 1)
        if at < 0:
            return found
    return data.count(sign)


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


def decode_object(data: Bytes, giants: Giants | None = None) -> dict[str, Any]:
    """A JSON object in which no top-level key stands twice. Raises NotJson.

    orjson keeps the last of two equal keys without a word. What was read is therefore written again: if the very same
    bytes come out, nothing was lost. That takes a seventh of the time of reading, and most client libraries write JSON
    the way orjson does, without space and without needless escapes.

    Otherwise `"key"` is counted in the bytes: a key found once stands once, and what a comma or a bracket follows is a
    value (`"role": "user"`). Any other count (it stands deeper, too, or is spelled with escapes) is only a suspicion,
    which the slow, certain reading settles. A key that stands twice and is spelled with needless escapes may not be
    found.

    `giants`: gets the long strings of a large text that was written so, for `encode_large`. They keep the text alive.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise _not_json(fault) from None
    if type(value) is not dict:
        raise NotJson("expected a JSON object")
    try:
        if (orjson.dumps(value) == data) if len(data) < SLICED else _is_as_written(value, data, giants):
            return value
    except orjson.JSONEncodeError:  # nested deeper than orjson writes, but not than it reads
        pass
    text = data if len(data) < OUTLINED else _outline(data) or data
    if len(text) * len(value) > SEARCH_LIMIT or not all(_stands_once(text, key) for key in value):
        # No key at the top, spelled with as many escapes as it may be, is one whose inside is left out.
        _expect_unique_keys(text if all(len(key) * ESCAPE < LONG for key in value) else data)
    return value


SLICED = 1 << 21
"""Bytes from which on a text is written again in slices: the whole would be another copy of it, or two."""
GIANT = 1 << 16
"""Characters of a string that is written in slices, and of such a slice."""
MARK = "\0giant"
"""What stands for one meanwhile."""
_MARKED = orjson.dumps(MARK)[1:-1]
DEPTH = 8
"""Levels on which they are looked for: the picture of a message is on the seventh."""


def _is_as_written(value: dict[str, Any], data: Bytes, giants: Giants | None) -> bool:
    """Whether a value is written as these very bytes. If so, `giants` gets its long strings."""
    strings: list[str] = []
    between = orjson.dumps(_without_giants(value, strings, DEPTH)).split(_MARKED)
    if len(between) != len(strings) + 1:  # somebody else says the same: never mind
        return False
    found, view, at = Giants(), memoryview(data), 0
    for text, string in zip(between, strings, strict=False):
        began = at + len(text)
        pieces = (orjson.dumps(string[start : start + GIANT])[1:-1] for start in range(0, len(string), GIANT))
        for piece in chain((text,), pieces):
            if not data.startswith(piece, at):
                return False
            at += len(piece)
        found[id(string)] = string, view[began:at]
    if len(data) != at + len(between[-1]) or not data.startswith(between[-1], at):
        return False
    if giants is not None:
        giants.update(found)
    return True


class Pieces:
    """A large text in pieces, which are views of another where they can be: to put them together would be a copy."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece)

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


def encode_large(value: dict[str, Any], giants: Giants) -> bytes | Pieces:
    """What `encode` writes, in pieces where it has `giants`: they are not written again, but views of where they were.

    Of 10 MB that saves a quarter of the time and two copies: Python keeps the UTF-8 of a string that is written, for as
    long as it lives.
    """
    strings: list[str] = []
    between = orjson.dumps(_without_giants(value, strings, DEPTH)).split(_MARKED)
    if not strings:
        return between[0]
    if len(between) != len(strings) + 1:  # a text that looks like the mark
        return orjson.dumps(value)
    written = (giants[id(string)][1] if id(string) in giants else orjson.dumps(string)[1:-1] for string in strings)
    return Pieces(chain.from_iterable(zip_longest(between, written, fillvalue=b"")))


def _without_giants(value: Any, strings: list[str], depth: int) -> Any:
    """The same value, or as much of it made anew as has a giant in it; these are added to `strings`."""
    if type(value) is str:
        strings.append(value)
        return MARK
    made = None
    for key, inner in value.items() if type(value) is dict else enumerate(value):
        kind = type(inner)
        if (depth and inner and (kind is dict or kind is list)) or (kind is str and len(inner) > GIANT):
            other = _without_giants(inner, strings, depth - 1)
            if other is not inner:
                made = value.copy() if made is None else made
                made[key] = other
    return value if made is None else made


OUTLINED = 1 << 14
"""Bytes from which on keys are looked for in the outline of a text."""
LONG = 256
"""Bytes of a string from which on an outline goes without its inside."""
SPARSE = 2048
"""An outline is drawn where fewer quotes than one in so many bytes are: to find more takes longer than it saves."""
RUN = 64
"""Backslashes before a quote, at most: nobody writes more."""
ESCAPE = 12
"""Bytes that a character takes at most, outside the basic plane as two escapes."""


def _outline(data: Bytes) -> Bytes | None:
    """A JSON text without what stands in its long strings; None where it has too many short ones.

    Most of a large text are a few prompts, files or pictures. To find the end of one takes 12 µs for each MiB, to look
    for a key in it 400.
    """
    quotes = _quotes(data, len(data) // SPARSE)
    if quotes is None:
        return None
    kept: list[Bytes] = []
    begin = 0
    for opening, closing in zip(quotes[::2], quotes[1::2], strict=True):
        if closing - opening > LONG:
            kept.append(data[begin : opening + 1])
            begin = closing
    kept.append(data[begin:])
    return b"".join(kept)


def _quotes(data: Bytes, most: int) -> list[int] | None:
    """Where the strings of a JSON text begin and end; None where there are more quotes in it than so many."""
    found: list[int] = []
    at = data.find(b'"')
    for _ in range(most):
        if at < 0:
            return found
        slashes = 0
        if data[at - 1] == _BACKSLASH:
            run = data[max(at - RUN, 0) : at]
            slashes = len(run) - len(run.rstrip(b"\\"))
            if slashes == RUN:
                return None
        if slashes % 2 == 0:
            found.append(at)
        at = data.find(b'"', at + 1)
    return None


def _stands_once(data: Bytes, key: str) -> bool:
    name = orjson.dumps(key)
    found = data.count(name)
    if found == 1:
        end = data.find(name) + len(name)
        return data[end : end + SPACE].lstrip(_SPACE).startswith(b":")  # else it is a value, and the key is spelled so
    return found - sum(data.count(name + behind) for behind in _BEHIND_A_VALUE) == 1


SPACE = 16
"""Bytes of it between a key and its colon, at most: nobody writes more."""
_SPACE = b" \t\r\n"
_BEHIND_A_VALUE = (b",", b"}", b"]")


def _expect_unique_keys(data: Bytes) -> None:
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
