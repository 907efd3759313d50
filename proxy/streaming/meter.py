"""What went by in one stream, over all its choices, and how much of it may be held back."""

from typing import Any

from proxy.usage import size

HELD_LIMIT = 1 << 20
"""Bytes a stream may hold back or remember, over all its choices: the input of a custom tool until it is complete, and
texts and arguments until they are checked against a schema. Several times what a model's longest answer needs."""


class Meter:
    """The figures of one stream.

    Attributes:
        output_bytes: UTF-8 bytes of content, reasoning and arguments that upstream sent, hidden ones included.
        reasoning_bytes: how much of it was reasoning.
        started: something of it has been handed on to the client.
    """

    __slots__ = ("_room", "output_bytes", "reasoning_bytes", "started")

    def __init__(self) -> None:
        self.output_bytes = 0
        self.reasoning_bytes = 0
        self.started = False
        self._room = HELD_LIMIT

    def count(self, text: Any) -> None:
        """Add a text; anything else counts nothing."""
        self.output_bytes += size(text)

    def count_reasoning(self, text: Any) -> None:
        """Say that a text, counted or still to be counted as output, is reasoning."""
        self.reasoning_bytes += size(text)

    def hold(self, text: str) -> bool:
        """Whether there is room to remember `text`; if so, it is taken."""
        self._room -= len(text.encode())
        return self._room >= 0
