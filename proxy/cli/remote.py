"""Key management over HTTP: at the admin listener of a running proxy, with an admin token."""

import os
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from proxy import codec
from proxy.cli.desks import TOKEN, Misused, Query, Refused
from proxy.settings.quantities import is_loopback

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer at most: a page of a hundred rows has a tenth of a mebibyte; this stops a wrong address."""


class Remote:
    """A desk at another process."""

    def __init__(self, session: aiohttp.ClientSession, base: URL) -> None:
        self._session = session
        self._base = base

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        """One request. Raises Refused, also where nobody answers."""
        url = URL(str(self._base) + path, encoded=True).with_query(query or {})
        headers, data = {}, None
        if body is not None:
            headers["content-type"], data = "application/json", _encoded(body)
        if method == "POST":
            headers["idempotency-key"] = uuid.uuid4().hex
        # With an answer that is lost on the way a secret may be, which is shown once. The API remembers it, so this is
        # sent again; methods that do the same when they are repeated aiohttp itself sends again.
        return await self._tried(method, url, {"headers": headers, "data": data}, again=method == "POST")

    async def _tried(self, method: str, url: URL, options: Mapping[str, Any], *, again: bool) -> Any:
        try:
            # Redirects are not followed: they would carry the token to wherever they point.
            async with self._session.request(method, url, allow_redirects=False, **options) as answer:
                data = await _whole(answer)
        except (aiohttp.ClientError, OSError) as fault:
            if again and _lost(fault):
                return await self._tried(method, url, options, again=False)
            raise Refused(f"{self._base}{_reason(fault)}") from None
        return self._understood(answer, data)

    def _understood(self, answer: aiohttp.ClientResponse, data: bytes) -> Any:
        try:
            value = codec.decode(data) if data else None
        except codec.NotJson:
            value = None
        if answer.ok and (value is not None or not data) and answer.status < 300:  # noqa: PLR2004 - a redirect
            return value
        error = value.get("error") if isinstance(value, dict) else None
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            raise Refused(f"{self._base} answered {answer.status}, but not as an admin listener does", answer.status)
        hint = f"\n    the token is taken from the variable {TOKEN}" if answer.status == 401 else ""  # noqa: PLR2004
        raise Refused(error["message"] + hint, answer.status)


def _encoded(body: Any) -> bytes:
    try:
        return codec.encode(body)
    except TypeError:  # the only value of an argument that JSON cannot carry as far as the server
        raise Refused("a number has too many digits") from None


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > ANSWER_LIMIT:
            raise Refused("the answer is too large for one of an admin listener")
    return b"".join(parts)


def _lost(fault: Exception) -> bool:
    """Whether the connection was there and broke."""
    broken = isinstance(fault, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError)
    return broken and not isinstance(fault, aiohttp.ClientConnectorError)


def _reason(fault: Exception) -> str:
    """What is the matter, to be read after the address."""
    if isinstance(fault, TimeoutError):
        return f" did not answer in {TIMEOUT.total:.0f} s"
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        return f": its certificate is not accepted: {fault.certificate_error}"
    if _lost(fault):
        return " broke the connection; look whether it was done"
    cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
    if isinstance(cause, ssl.SSLError):  # an OSError, but its numbers are not those of the system
        return f" does not speak TLS as it should: {cause.reason}"
    if isinstance(cause, OSError) and cause.errno is not None:
        # Numbers below zero are those of name resolution; asyncio's own text repeats the address.
        return f" cannot be reached: {os.strerror(cause.errno) if cause.errno > 0 else cause.strerror}"
    return f" cannot be reached: {cause}"


def address(url: str, *, insecure: bool) -> URL:
    """The base of the paths. Raises Misused where it is no address, or one to which a token would travel readable."""
    try:
        parsed = URL(url.rstrip("/"))
        usable = parsed.scheme in {"http", "https"} and bool(parsed.host) and parsed.port is not None
    except ValueError:
        usable = False
    if not usable or parsed.query_string or parsed.fragment:
        raise Misused("--url must be an address such as http://127.0.0.1:8081")
    if parsed.user is not None or parsed.password is not None:
        raise Misused(f"--url must not contain a user or password; the token is taken from the variable {TOKEN}")
    if parsed.scheme == "http" and not insecure and not is_loopback(parsed.host or ""):
        raise Misused(
            f"{parsed.host} is another machine and the address is plain http: the token could be read on the way.\n"
            "    Use https, or --insecure where the way is safe"
        )
    return parsed


@asynccontextmanager
async def remote(url: str, token: str, *, insecure: bool = False) -> AsyncIterator[Remote]:
    """The desk at this address. Raises Misused for the address, before anything is sent."""
    base = address(url, insecure=insecure)
    token = token.strip()
    if not token.isascii() or any(not each.isprintable() for each in token):
        raise Misused(f"{TOKEN} holds characters that no token has")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        yield Remote(session, base)
