"""Bytes -> the client's request: bounded in size and time, decoded once."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_exceptions import HTTPException

from proxy import codec
from proxy.edge.exchange import Exchange
from proxy.errors import BodyTooLarge, InvalidRequest, RequestTimeout

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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
    pieces, size = [], 0
    try:
        while piece := await request.content.readany():
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
    except (HTTPException, web.RequestPayloadError, ValueError) as fault:
        # aiohttp: a broken chunked or compressed body
        raise InvalidRequest("The request body is broken in its transfer or content encoding.") from fault
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is larger than {limit} bytes, which is what this proxy accepts.")


def _decode(body: bytes) -> dict[str, Any]:
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
