"""A model's thinking, under whatever name it comes -> `reasoning_content`.

Three spellings exist: `reasoning_content` (most servers, and what clients read), `reasoning` (newer vLLM, routers), and
`<think>...</think>` at the start of the text (where the server does not know the model's format). Only a tag at the
very start counts: further on it is what the model wants to say.
"""

from collections.abc import Callable
from typing import Any

OPENING = "<think>"
CLOSING = "</think>"
SPACE = " \t\r\n"
"""What may stand around the tags; it is layout of the chat template and belongs to neither text."""
LEAD_LIMIT = 64
"""Characters of space before the opening tag. It bounds what is held back while undecided; templates put two."""
SECRET = ("reasoning_content", "reasoning", "reasoning_details")
"""The fields that tell the model's thinking, left out where it is hidden; the third one is a router's."""


def settle(fields: dict[str, Any], *, hide: bool) -> None:
    """Bring a message or delta (a copy, changed in place) to the one spelling, or to none where reasoning is hidden.

    Two spellings with different texts both stay: there is no telling which one is right.
    """
    if hide:
        for name in SECRET:
            if fields.get(name):
                del fields[name]
        return
    reasoning = fields.get("reasoning")
    if isinstance(reasoning, str) and reasoning and fields.get("reasoning_content") in (None, "", reasoning):
        del fields["reasoning"]
        fields["reasoning_content"] = reasoning


def add(fields: dict[str, Any], text: str) -> None:
    """Put `text` behind the reasoning that a message or delta (changed in place) already has."""
    known = fields.get("reasoning_content")
    fields["reasoning_content"] = known + text if isinstance(known, str) else text


class ThinkSplitter:
    """Splits a text that arrives in pieces into (reasoning, content); any slicing gives the same two texts.

    Held back is only what could still become a tag: at the start `<think>` and the space before it, later the first
    characters of `</think>`. An opening tag that is never closed makes the whole text reasoning, as it happens when the
    cap on tokens strikes while the model thinks.
    """

    __slots__ = ("_held", "_phase")

    def __init__(self) -> None:
        self._phase: _Phase = _start
        self._held = ""

    @property
    def plain(self) -> bool:
        """Whether the start is over; every further piece is content and need not be fed."""
        return self._phase is _plain

    def feed(self, text: str) -> tuple[str, str]:
        """(reasoning, content) that are certain after this piece."""
        held, reasoning, content = self._held + text, "", ""
        before: _Phase | None = None
        while before is not self._phase:
            before = self._phase
            self._phase, thought, said, held = before(held)
            reasoning += thought
            content += said
        self._held = held
        return reasoning, content

    def release(self) -> str:
        """The content that was held back while an opening tag could follow, now that something else has begun."""
        if self._phase is not _start:
            return ""
        self._phase = _plain
        rest, self._held = self._held, ""
        return rest

    def finish(self) -> tuple[str, str]:
        """What was still held back when the text ended."""
        rest, self._held = self._held, ""
        return (rest, "") if self._phase is _thinking else ("", rest)


_Phase = Callable[[str], tuple["_Phase", str, str, str]]
"""A phase of the text: what is held -> (the phase after it, reasoning, content, what stays held)."""


def _start(held: str) -> tuple[_Phase, str, str, str]:
    """Before the opening tag, if there is one."""
    text = held.lstrip(SPACE)
    if len(held) - len(text) > LEAD_LIMIT:
        return _plain, "", "", held
    if text.startswith(OPENING):
        return _opened, "", "", text[len(OPENING) :]
    return (_start if OPENING.startswith(text) else _plain), "", "", held


def _opened(held: str) -> tuple[_Phase, str, str, str]:
    """Right behind the opening tag, where templates put a line ending."""
    text = held.lstrip(SPACE)
    return (_thinking if text else _opened), "", "", text


def _thinking(held: str) -> tuple[_Phase, str, str, str]:
    """Between the tags. The first characters of a closing tag wait for the rest of it."""
    before, tag, after = held.partition(CLOSING)
    if tag:
        return _closed, before, "", after
    kept = next((n for n in range(len(CLOSING) - 1, 0, -1) if before.endswith(CLOSING[:n])), 0)
    cut = len(before) - kept
    return _thinking, before[:cut], "", before[cut:]


def _closed(held: str) -> tuple[_Phase, str, str, str]:
    """Right behind the closing tag."""
    text = held.lstrip(SPACE)
    return (_plain if text else _closed), "", "", text


def _plain(held: str) -> tuple[_Phase, str, str, str]:
    """The text proper."""
    return _plain, "", held, ""


def split(text: str) -> tuple[str, str]:
    """(reasoning, content) of a whole text."""
    if not text.lstrip(SPACE).startswith(OPENING):
        return "", text
    splitter = ThinkSplitter()
    reasoning, content = splitter.feed(text)
    more, rest = splitter.finish()
    return reasoning + more, content + rest
