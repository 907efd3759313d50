"""Bytes -> the client's request: bounded in size and time, decoded once."""

import asyncio
import zlib
from typing import Any

from aiohttp import web
from aiohttp.web_exceptions import HTTPException

from proxy import codec
from proxy.edge.exchange import Exchange
from proxy.errors import BodyTooLarge, InvalidRequest, RequestTimeout

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
PLAIN = frozenset({"", "identity"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib's way to say: whichever of the two the header of the data tells."""
CONTAINER_LIMIT = 1 << 19
"""Arrays and objects of one request, brackets inside texts counted along: to read 32 MiB of `[],[],` takes ten seconds,
in which nobody else is served, and gigabytes. A million tokens of minified JSON in a prompt have half as many."""
COMMA_LIMIT = 1 << 22
"""Commas of one request, for the same reason: a plain value takes an eighth of the time and memory of an array."""
BROKEN = "The request body is broken in its transfer or content encoding."


async def read_object(exchange: Exchange) -> dict[str, Any]:
    """The request body as a JSON object. Raises BodyTooLarge, RequestTimeout, InvalidRequest."""
    clock, limits = exchange.services.clock, exchange.services.settings.limits
    before = clock.steady()
    try:
        async with asyncio.timeout(limits.body_timeout):
            body = await _read(exchange.request, limits.body)
    except TimeoutError:
        raise RequestTimeout(f"The request body did not arrive within {limits.body_timeout:g} s.") from None
    exchange.record.client_waited += clock.steady() - before
    exchange.record.bytes_in = len(body)
    return _decode(body)


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # the interim answer is no part of the final one
    unpack = _unpacker(request.headers.get("Content-Encoding", ""))
    pieces, size, received = [], 0, 0
    try:
        while piece := await request.content.readany():
            received += len(piece)  # counted, too: there are blocks that unpack to nothing
            if unpack is not None:
                piece = unpack.decompress(piece, limit - size + 1)
            size += len(piece)
            if max(size, received) > limit:
                raise _too_large(limit)
            pieces.append(piece)
    except (HTTPException, web.RequestPayloadError, ValueError, zlib.error) as fault:  # aiohttp: a broken chunked body
        raise InvalidRequest(BROKEN) from fault
    if unpack is not None and (unpack.unused_data or not unpack.eof):
        raise InvalidRequest(BROKEN)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


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


def _decode(body: bytes) -> dict[str, Any]:
    # Most bodies are too small to hold so many, and need not be searched.
    if len(body) > CONTAINER_LIMIT and (
        body.count(b"[") + body.count(b"{") > CONTAINER_LIMIT or body.count(b",") > COMMA_LIMIT
    ):
        raise InvalidRequest("The request body holds too many arrays, objects or values.", code="request_too_large")
    try:
        return codec.decode_object(body)
    except codec.NotJson as fault:
        if fault.duplicate is not None:
            raise InvalidRequest(
                f"Duplicate parameter: '{fault.duplicate}' stands twice in the request.",
                param=fault.duplicate,
                code="duplicate_parameter",
            ) from None
        where = f" at line {fault.line} column {fault.column}" if fault.line else ""
        raise InvalidRequest(
            f"We could not parse the JSON body of your request: {fault.message}{where}. "
            "(HINT: the body must be one JSON object, encoded in UTF-8.)",
            code="invalid_json",
        ) from None
