"""Bytes -> the client's request: bounded in size and time, decoded once."""

import asyncio
import zlib
from typing import Any

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.hdrs import CONTENT_ENCODING, EXPECT
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_exceptions import HTTPException

from proxy import codec
from proxy.edge.exchange import Exchange
from proxy.edge.familiar import Whole
from proxy.errors import BodyTooLarge, InvalidRequest, RequestTimeout

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
PLAIN = frozenset({"", "identity"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib's way to say: whichever of the two the header of the data tells."""
LARGE = 1 << 18
"""Bytes from which on a body is read by another thread: below it takes less than a millisecond, or a few at worst."""
FAULTS = (HTTPException, web.RequestPayloadError, ValueError, zlib.error)
"""What reading a broken body raises: the first two are aiohttp's."""
BROKEN = "The request body is broken in its transfer or content encoding."


async def read_object(exchange: Exchange, *, sent_on: bool = False) -> dict[str, Any]:
    """The request body as a JSON object. Raises BodyTooLarge, RequestTimeout, InvalidRequest.

    `sent_on`: `exchange.giants` gets its long strings, to be sent to Telnyx as they came.
    """
    body: bytes | bytearray | None = _at_hand(exchange)
    if body is None:
        body = await _read(exchange)
    giants: codec.Giants | None = {} if sent_on else None
    try:
        if len(body) <= LARGE:
            return codec.decode_object(body)
        value = await asyncio.to_thread(_decode_large, body, giants)
    except codec.NotJson as fault:
        raise _no_json(fault) from None
    exchange.giants = giants or None
    return value


async def read_bytes(exchange: Exchange) -> bytes:
    """The request body as it is, unpacked. Raises BodyTooLarge, RequestTimeout, InvalidRequest."""
    body = _at_hand(exchange)
    return bytes(await _read(exchange)) if body is None else body


def _at_hand(exchange: Exchange) -> bytes | None:
    """A body that came in one piece with its head, as nearly all do; None for any other. Raises BodyTooLarge.

    What aiohttp's ways to take it do for every piece has no use for the only one.
    """
    content: object = exchange.request.content
    body = content.take() if type(content) is Whole else _only_piece(exchange.request)
    if body is not None:
        if len(body) > exchange.services.bounds.body:
            raise _too_large(exchange.services.bounds.body)
        exchange.record.bytes_in = len(body)
    return body


def _only_piece(request: web.BaseRequest) -> bytes | None:
    content = request.content
    if CONTENT_ENCODING in request.headers or type(content) is not StreamReader:
        return None
    pieces = content._buffer  # noqa: SLF001
    if not content._eof or content._exception is not None or len(pieces) != 1 or content._buffer_offset:  # noqa: SLF001
        return None
    # A reader takes 1 KB, as long as a stream lasts. aiohttp's own requests do not let go of theirs; they come behind
    # one that wanted to become a websocket.
    if type(request) is not web.BaseRequest:
        request.content = EMPTY_PAYLOAD
    return pieces.popleft()


async def _read(exchange: Exchange) -> bytearray:
    request, limit = exchange.request, exchange.services.settings.limits.body
    pieces = _Pieces(request, limit)
    try:
        if request.content.is_eof():
            pieces.take(request.content.read_nowait())
        else:
            await _await(exchange, pieces)
        body = pieces.end()
    except FAULTS as fault:
        raise InvalidRequest(BROKEN) from fault
    exchange.record.bytes_in = len(body)
    return body


async def _await(exchange: Exchange, pieces: "_Pieces") -> None:
    """Read a body that takes its time."""
    steady, limits = exchange.services.clock.steady, exchange.services.settings.limits
    request = exchange.request
    before = steady()
    if (request.content_length or 0) > limits.body:
        raise _too_large(limits.body)
    if request.headers.get(EXPECT, "").lower() == "100-continue" and request.version >= HttpVersion11:
        exchange.connection.send(CONTINUE)
    try:
        async with asyncio.timeout(limits.body_timeout):
            while piece := await request.content.readany():
                pieces.take(piece)
    except TimeoutError:
        raise RequestTimeout(f"The request body did not arrive within {limits.body_timeout:g} s.") from None
    finally:
        exchange.record.client_waited += steady() - before


class _Pieces:
    """A body on its way, unpacked. Raises BodyTooLarge, and zlib.error or ValueError for what cannot be unpacked.

    It grows in one place. Pieces kept until they are joined would be a copy more, and leave holes in the heap.
    """

    __slots__ = ("_body", "_limit", "_received", "_unpack")

    def __init__(self, request: web.BaseRequest, limit: int) -> None:
        self._unpack = _unpacker(request.headers.get("Content-Encoding", ""))
        self._limit = limit
        self._body = bytearray()
        self._received = 0

    def take(self, piece: bytes) -> None:
        """The next bytes as they came."""
        self._received += len(piece)  # counted, too: there are blocks that unpack to nothing
        if self._unpack is not None:
            piece = self._unpack.decompress(piece, self._limit - len(self._body) + 1)
        self._body += piece
        if max(len(self._body), self._received) > self._limit:
            raise _too_large(self._limit)

    def end(self) -> bytearray:
        """All of it."""
        unpack = self._unpack
        if unpack is not None and (unpack.unused_data or not unpack.eof):
            raise ValueError("the packed data end too late or too early")
        return self._body


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    """What unpacks the body; None where it comes as it is. Raises InvalidRequest for a way of packing we do not know.

    aiohttp could do it, but would also unpack what is not read: a bomb sent without a key, for seconds.
    """
    encoding = encoding.strip().lower()
    if encoding in PLAIN:
        return None
    if encoding not in COMPRESSED:
        raise InvalidRequest("The content encoding of the request body is not supported (HINT: use gzip or none).")
    return zlib.decompressobj(GZIP_OR_ZLIB)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is larger than {limit} bytes, which is what this proxy accepts.")


async def expect_few(body: bytes) -> None:
    """Raises InvalidRequest for JSON that holds too much to be read. Most is too small to, and is not searched."""
    if len(body) > LARGE:
        await asyncio.to_thread(_expect_few, body)


def _decode_large(body: bytes | bytearray, giants: codec.Giants | None) -> dict[str, Any]:
    _expect_few(body)
    return codec.decode_object(body, giants)


def _expect_few(body: bytes | bytearray) -> None:
    if codec.crowded(body):
        raise InvalidRequest("The request body holds too many arrays, objects or values.", code="request_too_large")


def _no_json(fault: codec.NotJson) -> InvalidRequest:
    if fault.duplicate is not None:
        return InvalidRequest(
            f"Duplicate parameter: '{fault.duplicate}' stands twice in the request.",
            param=fault.duplicate,
            code="duplicate_parameter",
        )
    where = f" at line {fault.line} column {fault.column}" if fault.line else ""
    return InvalidRequest(
        f"We could not parse the JSON body of your request: {fault.message}{where}. "
        "(HINT: the body must be one JSON object, encoded in UTF-8.)",
        code="invalid_json",
    )
