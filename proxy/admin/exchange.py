"""HTTP around `Api.call`: who asks, what is asked for, and the reply as an answer."""

import asyncio
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from proxy import codec
from proxy.admin import idempotency
from proxy.admin.api import Api
from proxy.admin.authorisation import Authorisation
from proxy.admin.operations import Reply
from proxy.codec import NotJson
from proxy.errors import BodyTooLarge, InvalidRequest, MethodNotAllowed, RequestTimeout, Stale, UnknownUrl

BODY_LIMIT = 1 << 20
"""Bytes of a body: a thousand imported keys with owners and tags are well below it."""
BODY_TIMEOUT = 30.0
"""Seconds for a client to send it."""
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib's way to say: whichever of the two the header of the data tells."""
WARNINGS = "x-telnyx-proxy-warnings"
WARNINGS_LENGTH = 2048
"""Characters of the header; client libraries refuse heads of 8 KiB. The body has all of them."""
REPLAYED = "idempotency-replayed"
FRESH = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_TAG = re.compile(r'(?:W/)?"([^"]*)"\Z')
_PLAIN = " '\"!#$&()*+,/:;<=>?@[]^`{|}~"
_CUT = re.compile(r"%[0-9A-F]?\Z")
_REVISION_DIGITS = 9
NO_STORE = "The admin API keeps tenants and keys in a store, and none is configured: set storage.url."


class Exchange:
    """The handler of every path of the admin API."""

    def __init__(self, api: Api | None, authorisation: Authorisation) -> None:
        self._api = api
        self._authorisation = authorisation

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to a request. Raises any ProxyError."""
        if self._api is None:
            raise UnknownUrl(NO_STORE)
        headers = request.headers
        actor = await self._authorisation.actor(headers.get("Authorization", ""), request.remote or "")
        body = await _body(request)
        try:
            reply = await self._api.call(
                "GET" if request.method == "HEAD" else request.method,
                request.rel_url.raw_path,
                actor,
                query=_query(request),
                body=body,
                revision=expected_revision(headers.get("If-Match")),
                idempotency_key=headers.get(idempotency.HEADER),
            )
        except MethodNotAllowed as fault:
            allowed = sorted({*fault.allowed, *(("HEAD",) if "GET" in fault.allowed else ())})
            raise MethodNotAllowed(fault.message, tuple(allowed)) from None
        return _response(reply)


async def _body(request: web.Request) -> Any:
    """The body as JSON, None where there is none. Raises InvalidRequest, BodyTooLarge, RequestTimeout."""
    if not request.body_exists:
        return None
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            data = _unpacked(await request.read(), request.headers.get("Content-Encoding", ""))
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {BODY_TIMEOUT:g} seconds.") from None
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    except (zlib.error, ValueError, web.RequestPayloadError):
        raise InvalidRequest("The body is broken in its transfer or content encoding.") from None
    if not data:
        return None
    try:
        return codec.decode_object(data)
    except NotJson as fault:
        at = f" (line {fault.line}, column {fault.column})" if fault.line else ""
        raise InvalidRequest(f"The body must be a JSON object: {fault.message}{at}.", code="invalid_json") from None


def _unpacked(data: bytes, encoding: str) -> bytes:
    """The body as it was before it was packed. Raises InvalidRequest, BodyTooLarge, zlib.error, ValueError."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return data
    if encoding not in PACKED:
        raise InvalidRequest("The content encoding of the body is not supported; use gzip or none.")
    unpack = zlib.decompressobj(GZIP_OR_ZLIB)
    whole = unpack.decompress(data, BODY_LIMIT + 1)
    if len(whole) > BODY_LIMIT:
        raise _too_large()
    if unpack.unused_data or not unpack.eof:
        raise ValueError("the packed data end too late or too early")
    return whole


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {BODY_LIMIT} bytes.")


def _query(request: web.Request) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        found.setdefault(name.removesuffix("[]"), []).append(value)
    return found


def expected_revision(if_match: str | None) -> int | None:
    """The revision that `If-Match` names, None for any. Raises InvalidRequest, and Stale for a tag that is not ours.

    The weak form is taken for the strong one: between here and the client, a server that compresses makes it weak.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.match(if_match.strip())
    if tag is None:
        raise InvalidRequest('If-Match must be one ETag, in quotes ("3"), or *.', param="If-Match")
    number = tag[1]
    if not number.isascii() or not number.isdecimal() or len(number) > _REVISION_DIGITS:
        raise Stale("If-Match names no revision of ours; read the object again.")
    return int(number)


def _response(reply: Reply) -> web.Response:
    headers = dict(FRESH)
    if reply.revision is not None:
        headers["etag"] = f'"{reply.revision}"'
    if reply.replayed:
        headers[REPLAYED] = "true"
    if reply.warnings:
        headers[WARNINGS] = _ascii(" ".join(reply.warnings))
    return web.Response(
        status=reply.status, body=codec.encode(reply.value), content_type="application/json", headers=headers
    )


def _ascii(text: str) -> str:
    """As much of a text as fits into a header, where what is not ASCII stands percent-encoded."""
    encoded = quote(text, safe=_PLAIN)[:WARNINGS_LENGTH]
    return _CUT.sub("", encoded)
