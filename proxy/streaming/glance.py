"""What a stream of events says that it consumed, for those who hand it on unread.

The events may be those of chat completions, of the Responses API or of Anthropic's messages: a usage stands in the
event itself, in its response or in its message. Of each figure the last word counts, as the last event has it.
"""

from typing import Any

from proxy import codec
from proxy.streaming.events import EventSplitter
from proxy.translation import metering
from proxy.usage import NOTHING, Usage

AROUND = ("response", "message")
"""Fields of an event that hold the answer, and its usage with it."""


class UsageGlance:
    """A look at a stream that goes by. An event larger than `limit` bytes ends it; what was seen before counts."""

    __slots__ = ("_figures", "_splitter")

    def __init__(self, limit: int) -> None:
        self._splitter = EventSplitter(limit)
        self._figures: dict[str, Any] = {}

    @property
    def usage(self) -> Usage:
        """What was said so far; nothing where it is not known of input and output."""
        usage = metering.measure(self._figures, 0, 0)
        return usage if usage.source == "upstream" else NOTHING

    def feed(self, piece: bytes) -> bool:
        """The next bytes, however sliced; whether they say something about the usage."""
        said = False
        for data, _ in self._splitter.feed(piece):
            if b'"usage"' in data:
                said = self._look(data) or said
        return said

    def _look(self, data: bytes) -> bool:
        try:
            value = codec.decode(data)
        except codec.NotJson:
            return False
        said = False
        for each in (value, *(value.get(name) for name in AROUND)) if type(value) is dict else ():
            usage = each.get("usage") if type(each) is dict else None
            if type(usage) is dict:
                said = True
                self._figures.update((name, figure) for name, figure in usage.items() if figure is not None)
        return said
