"""Bytes, however sliced -> whole server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

Lines end with LF, CRLF or CR. A CR that is the last byte of a piece ends its line at once; should the next piece begin
with LF, that was the other half of it and is passed over. So no event waits for a byte that may never come.

Each byte is looked at once: a line that is not complete grows in a bytearray and is not searched again, so that an
event of megabytes in small pieces costs no more than the same in one.
"""

import codecs
from typing import Final

Event = tuple[bytes, bytes]
"""(data, name): the data lines joined with LF, and what `event:` said, empty where it said nothing."""
LF: Final = ord("\n")
CR: Final = ord("\r")
"""Bytes to look for with `in`. Asked for a number, Python looks at once; asked for bytes, it first makes an error and
forgets it again, which takes many times as long."""


class Malformed(Exception):
    """What upstream sent is not what it should be; the message says why, in words for the client."""


class EventSplitter:
    """Cuts a stream of bytes into events. `id:`, `retry:`, comments and unknown fields are left out.

    Args:
        limit: bytes one event may have, data lines and the line under way together. It bounds the memory of a stream.

    Attributes:
        overflow: an event grew beyond the limit. Nothing more comes out; where it stood depends on the bytes alone,
            not on their slicing.
        started: the first line, where a byte order mark may stand, is over. Whoever takes events past the splitter, as
            is allowed while it is `between` events, says so here.
    """

    __slots__ = ("_data", "_half", "_limit", "_name", "_size", "_tail", "overflow", "started")

    def __init__(self, limit: int) -> None:
        self.overflow = False
        self._limit = limit
        self._tail = bytearray()  # the line under way
        self._half = False  # the last byte was a CR
        self.started = False
        self._data: list[bytes] = []  # of the event under way
        self._size = 0  # bytes of it, and one per line
        self._name = b""

    def feed(self, piece: bytes) -> list[Event]:
        """The events that are complete with this piece."""
        if self._half and piece:
            self._half = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        if not piece or self.overflow:
            return []
        lines = piece.splitlines()  # of bytes: at LF, CRLF and CR only
        last = piece[-1:]
        rest = b"" if last in b"\r\n" else lines.pop()
        self._half = last == b"\r"
        if lines and self._tail:
            self._tail += lines[0]
            lines[0] = bytes(self._tail)
            self._tail.clear()
        events = self._read(lines)
        if rest:
            self._tail += rest
            self._measure(len(self._tail))
        return events

    @property
    def between(self) -> bool:
        """Whether all that came so far is done with: the next byte is the first one of an event."""
        return not (self._tail or self._half or self._data or self._name or self.overflow)

    def take_back(self, most: int) -> bytes:
        """The line under way, if it has at most so many bytes, or nothing.

        It is held no more and has to be fed again, together with what follows it.
        """
        if len(self._tail) > most:
            return b""
        line = bytes(self._tail)
        self._tail.clear()
        return line

    def finish(self) -> list[Event]:
        """The event that was complete but for its blank line when the stream ended.

        The specification would drop it; servers that close right after their last line mean it.
        """
        lines = [bytes(self._tail), b""]
        self._tail.clear()
        return self._read(lines)

    def _read(self, lines: list[bytes]) -> list[Event]:
        """Take whole lines (without their endings) and give the events they complete."""
        events: list[Event] = []
        if lines and not self.started:
            self.started = True
            lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
        for line in lines:
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append((data, self._name))
                    self._data.clear()
                    self._size = 0
                self._name = b""
            else:
                self._measure(len(line))
                if self.overflow:
                    break
                self._field(line)
        return events

    def _field(self, line: bytes) -> None:
        if line[:5] == b"data:":
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._size += len(value) + 1
        elif line[:6] == b"event:":
            self._name = line[6:].strip()
        elif line == b"data":
            self._data.append(b"")
            self._size += 1

    def _measure(self, line: int) -> None:
        if self._size + line > self._limit:
            self.overflow = True
