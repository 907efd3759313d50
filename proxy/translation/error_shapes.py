"""What an upstream error says, read out of whatever shape it has.

Telnyx's envelope       {"errors": [{code, title, detail, source: {pointer}}]}   gateway and business rules
FastAPI                 {"detail": [{loc, msg, type}]} or {"detail": "text"}     validation
OpenAI                  {"error": {message, type, param, code}} or a text        proxied providers, vLLM
flat                    {"message": "text", ...}                                 load balancers, frameworks

Upstream is not trusted to keep to them: a message may be a list, a code a number, anything nested a thousand levels
deep. Nothing here recurses, and what is read is bounded.

Sources: https://developers.telnyx.com/development/api-guide/errors, https://fastapi.tiangolo.com (422).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TEXT_LIMIT = 1 << 16
"""Characters of a message that are read. Verdicts and redaction look at all of them."""
NAME_LIMIT = 200
"""Characters of a code, a type or the path of a field."""
PART_LIMIT = 20
"""Texts that one message is put together from: a faulty request can have thousands of faults."""


@dataclass(frozen=True, slots=True)
class Said:
    """An upstream error, whatever its shape: what was said, about which field, under which code.

    Attributes:
        message: the words, "" if there are none.
        code: Telnyx's number as text, pydantic's error type, or OpenAI's code.
        param: the path of the field as OpenAI writes it (`messages[0].content`).
        type: OpenAI's type; None in the other shapes.
        html: the body was a page of HTML.
    """

    message: str = ""
    code: str | None = None
    param: str | None = None
    type: str | None = None
    html: bool = False


def said(value: Any) -> Said | None:
    """The error in a decoded body or event, or None if it is none: `"error": null` is no error."""
    if not isinstance(value, dict):
        return None
    if value.get("error"):
        return _openai(value["error"])
    if value.get("errors"):
        return _telnyx(value["errors"])
    if "choices" in value:
        return None  # an answer; what it holds under more common names is its own
    if value.get("detail"):
        return _fastapi(value["detail"])
    return _openai(value) if isinstance(value.get("message"), str) else None


_NAMES = ("code", "type", "param")
_TEXTS = ("detail", "title", "message", "description")


def _openai(value: Any) -> Said:
    if not isinstance(value, dict):
        return Said(_words(value))
    message = _words(value.get("message")) or _words({k: v for k, v in value.items() if k not in _NAMES})
    code, kind, param = (_name(value.get(name)) for name in _NAMES)
    return Said(message, code, param, kind)


def _telnyx(value: Any) -> Said:
    rows = _rows(value, ("code", *_TEXTS))
    if not rows:
        return Said(_words(value))
    source = rows[0].get("source")
    pointer = (source.get("pointer") or source.get("parameter")) if isinstance(source, dict) else None
    return Said(
        _joined(next((text for name in _TEXTS if (text := _words(row.get(name)))), "") for row in rows),
        _name(rows[0].get("code")),
        _path(pointer.strip("/").split("/")) if isinstance(pointer, str) and pointer != "/base" else None,
    )


def _fastapi(value: Any) -> Said:
    rows = _rows(value, ("msg",))
    if not rows:
        return _openai(value)
    paths = [_path(row["loc"]) if isinstance(row.get("loc"), list) else None for row in rows]
    texts = (
        f"{path}: {_words(row['msg'])}" if path else _words(row["msg"]) for path, row in zip(paths, rows, strict=True)
    )
    return Said(_joined(texts), _name(rows[0].get("type")), paths[0])


def _rows(value: Any, marks: Iterable[str]) -> list[Mapping[str, Any]]:
    """The objects of a list (or a lone one) that have at least one of the marks; the first PART_LIMIT of them."""
    rows = value[:PART_LIMIT] if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, dict) and any(mark in row for mark in marks)]


LABELS = frozenset({"str", "int", "float", "bool", "none", "dict", "list"})
"""Steps that pydantic puts into a path for the member of a union it tried: no field of the request has such a name."""


def _path(steps: Iterable[Any]) -> str | None:
    """`["body", "messages", 0, "content"]` -> `messages[0].content`, as OpenAI writes `param`.

    What names a member of a union is left out: a type (`str`, `list[Part]`), or the tag of a member, which stands there
    twice where the field in it has the same name (`tools[0].function.function.name`).
    """
    path, last = "", ""
    for step in steps:
        text = _name(step) or ""
        if not text or (text == "body" and not path):
            continue
        if text in LABELS or "[" in text or (text == last and not text.isdecimal()):
            continue
        last = text
        if len(path) + len(text) > NAME_LIMIT:
            break
        path += f"[{text}]" if path and text.isdecimal() else f".{text}" if path else text
    # FastAPI's ["body", 42] is a place in bytes that are no JSON.
    return None if path.isdecimal() else path or None


def _name(value: Any) -> str | None:
    """A code, type or step of a path: a text, or a number as text; None for anything longer than such things are."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    text = str(value)
    return text if 0 < len(text) <= NAME_LIMIT else None


def _words(value: Any) -> str:
    """A text as it is; of anything else the texts and numbers in it, in order, as far as PART_LIMIT."""
    found: list[str] = []
    waiting = [value]
    while waiting and len(found) < PART_LIMIT:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found.append(str(item))
    return _joined(found)


def _joined(texts: Iterable[str]) -> str:
    text = "; ".join(text for text in texts if text)
    if len(text) <= TEXT_LIMIT:
        return text
    # Cut at a word: half a key would no longer be recognised as one.
    return text[:TEXT_LIMIT].rpartition(" ")[0]
