"""A form with a file, read as it comes: the fields before the file, the file piece by piece, the fields behind it.

Nothing is read ahead but what the connection has at hand.
"""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import IO, NamedTuple, Self

from aiohttp import HttpVersion11
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_TYPE, EXPECT

from proxy.edge import multipart
from proxy.edge.body import BROKEN, CONTINUE, FAULTS, PLAIN
from proxy.edge.exchange import Exchange
from proxy.edge.multipart import END, Event, Part, Splitter
from proxy.errors import BodyTooLarge, InvalidRequest, RequestTimeout, StoreUnavailable

FILE = "file"
HEAD = 4096
"""First bytes of a file that are remembered. A recording says in them how long it is, mostly in the first 44."""
WRITTEN = 1024 * 1024
"""Bytes that are written to disk, and read from it, at a time: by another thread, which costs more than a write."""


class Bounds(NamedTuple):
    """How much is taken, and how long it may take.

    Attributes:
        what: the file is, for people.
        size: bytes of it; around: bytes of all fields together, and of what else stands around it.
        seconds: for all of it; setting: where an operator says how many.
    """

    what: str
    size: int
    around: int
    seconds: float
    setting: str


class Form:
    """The form of one request.

    Attributes:
        pairs: the fields so far, by the names that they were sent under.
        file: the head of the file's part, once it has come.
        size: bytes of the file so far.
        head: its first bytes.
    """

    def __init__(self, exchange: Exchange, bounds: Bounds) -> None:
        """Raises InvalidRequest, BodyTooLarge for what the head of the request alone says."""
        request = exchange.request
        if request.headers.get(CONTENT_ENCODING, "").strip().lower() not in PLAIN:
            raise InvalidRequest("The content encoding of the request body is not supported (HINT: send it as it is).")
        self._exchange = exchange
        self._bounds = bounds
        self._due = exchange.services.clock.steady() + bounds.seconds
        self._splitter = Splitter(multipart.boundary_of(request.headers.get(CONTENT_TYPE, "")))
        self._events: deque[Event] = deque()
        self._around = 0
        self.pairs: list[tuple[str, str]] = []
        self.file: Part | None = None
        self.size, self.head = 0, b""
        if (request.content_length or 0) > bounds.size + bounds.around:
            raise self._too_large()
        if request.headers.get(EXPECT, "").lower() == "100-continue" and request.version >= HttpVersion11:
            exchange.connection.send(CONTINUE)

    async def fields(self) -> bool:
        """Read fields up to the file, or to the end of the form; whether it was the file.

        Raises InvalidRequest, BodyTooLarge, RequestTimeout.
        """
        while (event := await self._next()) is not None:
            if isinstance(event, Part):
                if event.content_type.lower().startswith("multipart/"):
                    raise InvalidRequest("A form inside the form is not supported.", code="invalid_multipart")
                if event.name == FILE:
                    if self.file is not None:
                        raise InvalidRequest("Duplicate parameter: 'file' stands twice in the request.", param=FILE,
                                             code="duplicate_parameter")  # fmt: skip
                    self.file = event
                    return True
                self.pairs.append((event.name, await self._text(event.name)))
        return False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file. Raises as `fields`."""
        while (event := await self._next()) is not END:
            if event is None:
                raise multipart.broken()
            if isinstance(event, bytes):
                self.size += len(event)
                if self.size > self._bounds.size:
                    raise self._too_large()
                if len(self.head) < HEAD:
                    self.head += event[:HEAD]
                yield event

    async def _text(self, name: str) -> str:
        pieces: list[bytes] = []
        while (event := await self._next()) is not END:
            if not isinstance(event, bytes):
                raise multipart.broken()
            self._around += len(event)
            if self._around > self._bounds.around:
                raise BodyTooLarge(f"The fields of the form are larger than {self._bounds.around} bytes.", param=name)
            pieces.append(event)
        try:
            return b"".join(pieces).decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"Invalid '{name}': the text is not UTF-8.", param=name) from None

    async def _next(self) -> Event | None:
        """What comes next; None at the end of the form."""
        while not self._events:
            if self._splitter.ended:
                return None
            piece = await self._read()
            if not piece:
                raise multipart.broken()
            self._events.extend(self._splitter.feed(piece))
        return self._events.popleft()

    async def _read(self) -> bytes:
        """The next bytes of the body. Waiting for them is no time of ours."""
        exchange, content = self._exchange, self._exchange.request.content
        steady = exchange.services.clock.steady
        before = steady()
        try:
            async with asyncio.timeout(max(0.0, self._due - before)) as patience:
                piece = await content.readany()
        except TimeoutError:
            if not patience.expired():
                raise
            raise RequestTimeout(
                f"The {self._bounds.what} did not arrive within {self._bounds.seconds:g} s ({self._bounds.setting})."
            ) from None
        except FAULTS as fault:
            raise InvalidRequest(BROKEN) from fault
        finally:
            exchange.record.client_waited += steady() - before
        exchange.record.bytes_in += len(piece)
        return piece

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The {self._bounds.what} is larger than {self._bounds.size} bytes, which is what this proxy accepts.",
            param=FILE,
        )


class Spool:
    """A file on disk without a name: gone with whoever has it open, also if that is killed. Used as a context.

    Attributes:
        size: its bytes.
    """

    def __init__(self) -> None:
        """Raises StoreUnavailable."""
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        except OSError as fault:
            raise cannot_write("recording", fault) from fault
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written is tried once more
            self._file.close()

    async def take(self, pieces: AsyncIterator[bytes]) -> None:
        """Write all of it. Raises as the source, and StoreUnavailable."""
        waiting: list[bytes] = []
        held = 0
        async for piece in pieces:
            waiting.append(piece)
            held += len(piece)
            if held >= WRITTEN:
                await self._write(waiting, held)
                waiting, held = [], 0
        await self._write(waiting, held)

    async def _write(self, pieces: list[bytes], size: int) -> None:
        try:
            await asyncio.to_thread(self._put, pieces)
        except OSError as fault:
            raise cannot_write("recording", fault) from fault
        self.size += size

    def _put(self, pieces: list[bytes]) -> None:
        self._file.writelines(pieces)
        self._file.flush()  # what does not fit is found now

    async def pieces(self) -> AsyncIterator[bytes]:
        """All that was written, from its beginning. Raises OSError."""
        at = 0
        while at < self.size:
            piece = await asyncio.to_thread(self._read, at)
            at += len(piece)
            yield piece

    def _read(self, at: int) -> bytes:
        self._file.seek(at)
        return self._file.read(WRITTEN)


def cannot_write(what: str, fault: OSError) -> StoreUnavailable:
    """The error for an upload that finds no room on our disk, or no disk. `what` it is, for people."""
    return StoreUnavailable(f"The {what} cannot be written at the moment: {fault.strerror or 'an error of the disk'}.")
