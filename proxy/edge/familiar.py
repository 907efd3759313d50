"""Heads that come again: a client says the same with every request, but for the length of its body.

To parse one takes a tenth of all the time of a plain request, so it is done once. A head that is, byte for byte, one
that aiohttp has parsed, with another number as its content length, says what that one said.

**Two parsers that disagree about where a request ends let one client speak for another.** So nothing is decided here
that aiohttp has not decided before: only bytes known by heart are recognised, only where aiohttp's parser stands
between two requests (`Place` knows), and only together with their whole body. All else is aiohttp's, as ever.

Some client libraries (Python's) send head and body one after the other. A head that is known waits a moment for a body
that is short: what is done for a request is done once then, and not begun, left and taken up again.

Sources: RFC 9112, sections 2.2 (ends of lines), 6.2 and 6.3 (where a body ends), 11.2 (request smuggling).
"""

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from aiohttp import HttpVersion11, StreamReader, hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy

if TYPE_CHECKING:
    from aiohttp.base_protocol import BaseProtocol

END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
DIGITS = 7
"""Of a length: a body that comes in one piece with its head has fewer."""
HEAD_LIMIT = 8192
"""Bytes of a head that is kept, or waited for; others are parsed each time."""
WAITED_FOR = 64 * 1024
"""Bytes that a body may still lack for its head to wait."""
MOMENT = 0.05
"""Seconds that it waits, and up to a tick of the timers more. Then aiohttp gets it, and the request begins; as it does
when something has come, and it is not all."""
VAIN = 16
"""Heads that are learned on a connection without one that comes again: then it is not of one client, but of many."""
NOT_PLAIN = frozenset({hdrs.CONTENT_ENCODING, hdrs.EXPECT, hdrs.TRANSFER_ENCODING, hdrs.UPGRADE, hdrs.TRAILER})
"""Headers whose requests are not only a head and a body."""


class Head:
    """One that came before."""

    __slots__ = ("__weakref__", "_before", "_behind", "_digits", "_last", "_message", "_raw")

    def __init__(self, before: bytes, digits: bytes, behind: bytes, message: RawRequestMessage) -> None:
        self._before, self._digits, self._behind, self._message = before, digits, behind, message
        self._last = digits, message  # of another length; one only, for every connection may have its own head
        raw = message.raw_headers
        at = next(place for place, (name, _) in enumerate(raw) if name.lower() == b"content-length")
        self._raw = raw[:at], raw[at][0], raw[at + 1 :]

    def begins(self, data: bytes) -> tuple[bytes, int] | None:
        """Whether these bytes begin with this head: the digits of the body's length, and where the body begins."""
        before = len(self._before)
        if not data.startswith(self._before):
            return None
        end = data.find(b"\r", before, before + DIGITS + 1)
        if end <= before or not data.startswith(self._behind, end):
            return None
        digits = data[before:end]
        if digits != self._digits and (not digits.isdigit() or digits[0] == _ZERO):
            return None
        return digits, end + len(self._behind)

    def message(self, digits: bytes) -> RawRequestMessage:
        """What aiohttp would make of it with this length."""
        if digits == self._digits:
            return self._message
        if digits != self._last[0]:
            self._last = digits, self._made(digits)
        return self._last[1]

    def _made(self, digits: bytes) -> RawRequestMessage:
        first, (before, name, behind) = self._message, self._raw
        headers = CIMultiDict(first.headers)
        headers[hdrs.CONTENT_LENGTH] = digits.decode()
        return RawRequestMessage(
            first.method, first.path, first.version, CIMultiDictProxy(headers), (*before, (name, digits), *behind),
            first.should_close, first.compression, first.upgrade, first.chunked, first.url,
        )  # fmt: skip


_ZERO = ord("0")


class Heads:
    """The heads that connections know, each of them once: many connections are of one client.

    Attributes:
        patient: a head may wait for its body.
    """

    def __init__(self) -> None:
        self.patient = True
        self._known: WeakValueDictionary[tuple[bytes, bytes], Head] = WeakValueDictionary()

    def learn(self, head: bytes, message: RawRequestMessage) -> Head | None:
        """A head that has been parsed; None if it is no plain one."""
        headers = message.headers
        if (
            message.method != hdrs.METH_POST
            or message.version != HttpVersion11
            or len(head) > HEAD_LIMIT
            or not headers.get(hdrs.CONTENT_TYPE, "").startswith("application/json")
            or not NOT_PLAIN.isdisjoint(headers)
        ):
            return None
        at = head.lower().find(LENGTH) + len(LENGTH)
        end = head.find(b"\r", at)
        line = head[at:end]
        digits = line.strip(b" ")
        if not digits.isdigit() or not line.endswith(digits):
            return None
        before, behind = head[: end - len(digits)], head[end:]
        known = self._known.get((before, behind))
        if known is None:
            self._known[before, behind] = known = Head(before, digits, behind, message)
        return known


class Place:
    """Where aiohttp's parser stands, as far as that can be told from outside.

    Attributes:
        between: it stands between two requests: nothing of a body lacks, and nothing of a head has come.
        known: it can be told. Once something else was said on this connection than heads and bodies of a known length,
            one after the other, it cannot be told any more.
        head: the last one that may come again.
        heads: all that are known, on other connections, too.
        vain: heads that were learned since one came again.
    """

    __slots__ = ("_left", "_seen", "between", "head", "heads", "known", "vain")

    def __init__(self, heads: Heads) -> None:
        self.heads = heads
        self.head: Head | None = None
        self.between = self.known = True
        self.vain = 0
        self._left = 0  # bytes that the body of the last request lacks
        self._seen = b""  # of the next head

    def lost(self) -> None:
        """Nobody knows any more."""
        self.between = self.known = False
        self._left, self._seen, self.head = 0, b"", None

    def moved(self, data: bytes, began: int, last: tuple[Any, StreamReader] | None) -> None:
        """What aiohttp has parsed: these bytes, in which so many requests began, and that is the last one."""
        if began == 1 and last is not None and not self._left:
            self._began(self._seen + data, *last)
        elif not began and len(data) <= self._left:
            self._left -= len(data)
            self.between = not (self._left or self._seen)
        elif not (began or self._left) and len(self._seen) + len(data) <= HEAD_LIMIT:
            self._seen += data
            self.between = not self._seen
        else:
            self.lost()

    def _began(self, data: bytes, message: Any, payload: StreamReader) -> None:
        if type(message) is not RawRequestMessage:  # aiohttp's word for what is none
            self.lost()
            return
        length, end = _length(data, message), data.find(END) + len(END)
        left = -1 if length is None else length - (len(data) - end)
        ended = payload is EMPTY_PAYLOAD or payload._eof  # noqa: SLF001 - what the parser itself says of it
        if left < 0 or (left == 0) is not ended:
            self.lost()
            return
        self._left, self._seen, self.between = left, b"", left == 0
        if length:
            self._learn(data[:end], message)

    def _learn(self, head: bytes, message: RawRequestMessage) -> None:
        learned = self.heads.learn(head, message)
        if learned is not None and learned is not self.head:
            self.head = learned
            self.vain += 1
            if self.vain > VAIN:
                self.lost()


def _length(data: bytes, message: RawRequestMessage) -> int | None:
    """Of the body; None where that is not the whole truth, or where the head ends is not beyond all doubt."""
    if message.chunked or message.upgrade or message.should_close:
        return None
    head = data[: data.find(END) + len(END)]
    lines = head.count(b"\r\n")
    if not head.startswith(message.method.encode() + b" ") or (head.count(b"\r"), head.count(b"\n")) != (lines, lines):
        return None
    said = message.headers.getall(hdrs.CONTENT_LENGTH, ["0"])
    return int(said[0]) if len(said) == 1 and said[0].isascii() and said[0].isdigit() else None


class Whole:
    """A body that came in one piece with its head. Who wants to read it as a stream gets one.

    Attributes:
        data: the body; empty once it was taken.
    """

    __slots__ = ("_protocol", "_reader", "data")

    def __init__(self, data: bytes, protocol: "BaseProtocol") -> None:
        self.data = data
        self._protocol = protocol
        self._reader: StreamReader | None = None

    def take(self) -> bytes:
        """All of it, once."""
        if self._reader is not None:
            return self._reader.read_nowait()
        data, self.data = self.data, b""
        return data

    def is_eof(self) -> bool:
        """Whether nothing more comes."""
        return True

    def __getattr__(self, name: str) -> Any:
        """What a stream has."""
        if self._reader is None:
            data = self.take()
            self._reader = StreamReader(self._protocol, len(data) + 1, loop=self._protocol._loop)  # noqa: SLF001
            if data:
                self._reader.feed_data(data)
            self._reader.feed_eof()
        return getattr(self._reader, name)
