"""Answers as bytes: aiohttp parses what comes in; what goes out is one block of headers and few writes.

aiohttp asks little of a response: `prepare`, `write_eof` and `keep_alive`. A `web.Response` would build its headers in
a multi-dictionary, look through them for what to add, and write them through two more objects; half of what a plain
answer costs here would be that. What a connection owes the protocol stands in this file instead.

Source: RFC 9112, sections 6 (framing), 9.3 (persistence); RFC 9110, section 6.6.1 (Date).
"""

from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion, HttpVersion11, web

from proxy.edge.connection import GONE, Connection

REASONS: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}
END = b"0\r\n\r\n"
"""The last chunk of a chunked body."""
NEXT, LAST = b"\r\n", b"\r\n" + END
"""What stands behind a chunk: behind the last one with data the end as well."""


LONE = 1024
"""Bytes up to which a piece has most likely come alone, as chunks of a model do: there is nothing to write with it."""
SIZES = tuple(b"%x\r\n" % size for size in range(1024))
"""How a chunk of so many bytes begins: most have one event, and its size need not be spelled each time."""


@lru_cache(maxsize=2)
def date(second: int) -> str:
    """A Unix time as `Date` has it. Made once a second."""
    return formatdate(second, usegmt=True)


def head(status: int, lines: str) -> bytes:
    """The status line and the headers, without the blank line behind them. Raises ValueError for an end of a head."""
    if "\r\n\r\n" in lines or "\n\n" in lines:
        raise ValueError("a header holds the end of the head")
    return f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n{lines}".encode("latin-1")


def line(name: str, value: str) -> str:
    """One header. Raises ValueError for a value that breaks out of it."""
    if "\r" in value or "\n" in value:
        raise ValueError("a header holds the end of a line")
    return f"{name}: {value}\r\n"


def _persistence(version: HttpVersion, *, keep_alive: bool) -> bytes:
    """What has to be said about the connection: only what is not the version's default."""
    if version >= HttpVersion11:
        return b"" if keep_alive else b"Connection: close\r\n"
    return b"Connection: keep-alive\r\n" if keep_alive else b""


class Reply:
    """A whole answer.

    Attributes:
        status, lines, body: as they go out; `lines` are headers, each with its end. The length and what concerns the
            connection are added when they do.
        keep_alive: whether another request may follow; known once it is prepared.
        prepared: it has been written.
        ended: nothing is missing of it when it has been written; see `StreamedReply`.
    """

    ended = True

    __slots__ = ("_connection", "body", "keep_alive", "lines", "prepared", "status")

    def __init__(self, connection: Connection, status: int, lines: str, body: bytes) -> None:
        self._connection = connection
        self.status = status
        self.lines = lines
        self.body = body
        self.keep_alive: bool | None = None
        self.prepared = False

    def add(self, name: str, value: str) -> None:
        """One header more."""
        self.lines += line(name, value)

    def force_close(self) -> None:
        """The connection ends with this answer."""
        self.keep_alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it, if that has not been done."""
        if not self.prepared:
            self.show(request)

    def show(self, request: web.BaseRequest) -> None:
        """Write all of it. Raises ConnectionError where the client has gone."""
        self.prepared = True
        version, body = request.version, self.body
        self.keep_alive = keep_alive = request.keep_alive and self.keep_alive is not False
        persistence = b"" if keep_alive and version is HttpVersion11 else _persistence(version, keep_alive=keep_alive)
        connection = self._connection
        transport = connection.transport  # as `Connection.send` does
        if transport is None or transport.is_closing():
            raise ConnectionResetError(GONE)
        connection.outbox.post(
            transport,
            b"%bContent-Length: %d\r\n%b\r\n%b"
            % (head(self.status, self.lines), len(body), persistence, b"" if request.method == "HEAD" else body),
        )
        self.body = b""  # it may be large, and the client slow

    async def write_eof(self) -> None:
        """Wait until the client has taken most of it. Raises ConnectionError where it goes."""
        if self._connection.writing_paused:
            await self._connection.drained()


class StreamedReply:
    """An answer in pieces, each of which goes out at once: chunked, or for HTTP/1.0 until the connection ends.

    One whose length is known says it, and is neither.

    Only the head waits for the first piece, where `show_soon` was called until the event loop's next turn at most: both
    then go out in one write.

    Attributes:
        keep_alive: whether another request may follow.
        prepared: always; it has begun when aiohttp gets it.
        ended: nothing more can be written.
    """

    __slots__ = ("_chunked", "_connection", "_head", "_length", "_request", "ended", "keep_alive")

    prepared = True

    def __init__(
        self, connection: Connection, request: web.BaseRequest, *, last: bool, length: int | None = None
    ) -> None:
        """`last`: the connection ends with this answer. `length`: bytes of its body; None where nobody knows."""
        self._request = request
        self._connection = connection
        version = request.version
        self._chunked = length is None and (version is HttpVersion11 or version >= HttpVersion11)
        self._length = length
        self._head = b""
        self.keep_alive = (self._chunked or length is not None) and request.keep_alive and not last
        self.ended = False

    def begin(self, lines: str) -> None:
        """Make the head, with these headers; from now on there is an answer. It goes out with the first piece."""
        framing = b"Transfer-Encoding: chunked\r\n" if self._chunked else b""
        persistence = b"" if self.keep_alive else _persistence(self._request.version, keep_alive=False)
        if self._length is not None:
            framing = b"Content-Length: %d\r\n" % self._length
            persistence = _persistence(self._request.version, keep_alive=self.keep_alive)
        self._head = head(200, lines) + framing + persistence + b"\r\n"
        self._connection.begun = True

    def show_soon(self) -> None:
        """Let the head wait for the first piece until the event loop's next turn, and no longer."""
        self._connection.loop.call_soon(self._show)

    def _show(self) -> None:
        if self._head:
            with suppress(ConnectionError):  # who has gone is told to those who wait
                self._send(b"")

    def _send(self, data: bytes) -> None:
        shown, self._head = self._head, b""
        self._connection.send(shown + data)

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Write a piece, and the end with it if it is the last one. Raises ConnectionError."""
        shown, self._head = self._head, b""
        if self._chunked:  # joined, for it may be large, and is copied once so
            length = len(data)
            size = SIZES[length] if length < len(SIZES) else b"%x\r\n" % length
            data = b"".join((shown, size, data, LAST if last else NEXT))
        elif shown:
            data = shown + data
        self.ended = last
        connection = self._connection
        transport = connection.transport  # as `Connection.send` does: a call less for each chunk
        if transport is None or transport.is_closing():
            raise ConnectionResetError(GONE)
        connection.outbox.post(transport, data, lone=len(data) <= LONE)

    def force_close(self) -> None:
        """The connection ends with this answer."""
        self.keep_alive = False

    def cut(self) -> None:
        """The connection ends now, without the end of the answer, so that nobody takes what came for all of it."""
        self.ended, self.keep_alive = True, False
        transport = self._connection.transport
        if transport is not None:
            self._connection.outbox.flush()  # what was written before is not what is missing
            transport.abort()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing: it has begun."""

    async def write_eof(self) -> None:
        """Write the end where it is missing, and wait until the client has taken most of it. Raises ConnectionError."""
        if not self.ended:
            self.ended = True
            if self._chunked or self._head:
                self._send(END if self._chunked else b"")
        if self._connection.stuck is not None:
            await self._connection.drained()


Answering = Reply | StreamedReply
"""What a request ends in."""
