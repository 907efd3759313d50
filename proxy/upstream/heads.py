"""The head of a request, written once: what it says is the same for every request of a tenant to an endpoint.

Nothing that could break out of its line gets into a head: it is refused, and the refusal shows none of it, for the
credential may be in it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.codec import Pieces
from proxy.errors import UpstreamFailed
from proxy.upstream.transport import Outgoing, Upload

PORTS = {"http": 80, "https": 443}
NO_ADDRESS = "The address of Telnyx is no address (upstream.base_url)."
UNWRITABLE = "The request to Telnyx cannot be written as HTTP."

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(r"[!-~]+")
_SPEECHLESS = frozenset({"HEAD", "CONNECT"})
"""Methods whose answers are framed in a way of their own. Nobody asks for them here."""


class Address(NamedTuple):
    """Where a request goes: `host` is a name in ASCII, or an IP address without brackets."""

    scheme: str
    host: str
    port: int


def address(url: str) -> Address:
    """Where this goes. Raises UpstreamFailed."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        if host and parts.username is None and url.isprintable() and _TARGET.fullmatch(_target(url)):
            return Address(parts.scheme, host, port)
    except (ValueError, KeyError):
        pass
    raise UpstreamFailed(NO_ADDRESS)


def head(outgoing: Outgoing, user_agent: str) -> bytes:
    """All but the end of a head: `content-length: `, where the body is there, waits for its value.

    What `outgoing.headers` adds is not in it, nor what an upload does. Raises UpstreamFailed.
    """
    if not _TOKEN.fullmatch(outgoing.method) or outgoing.method in _SPEECHLESS:
        raise UpstreamFailed(UNWRITABLE)
    where = address(outgoing.url)
    host = f"[{where.host}]" if ":" in where.host else where.host
    fields = {
        "Host": host if where.port == PORTS[where.scheme] else f"{host}:{where.port}",
        "Authorization": f"Bearer {outgoing.credential}",
        "User-Agent": user_agent,
        "Accept": outgoing.accept,
        # Compression would only add latency to streams, and this proxy reads every answer anyway.
        "Accept-Encoding": "identity",
    }
    at_hand = isinstance(outgoing.body, bytes | Pieces)
    if at_hand:
        fields["Content-Type"] = "application/json"
    line = f"{outgoing.method} {_target(outgoing.url)} HTTP/1.1\r\n".encode("ascii")
    return line + lines(fields) + (b"Content-Length: " if at_hand else b"")


def framing(upload: Upload) -> bytes:
    """The headers that an upload adds. Raises UpstreamFailed."""
    length = {"Transfer-Encoding": "chunked"} if upload.length is None else {"Content-Length": str(upload.length)}
    return lines({"Content-Type": upload.content_type, **length})


def lines(fields: Mapping[str, str]) -> bytes:
    """Headers as they go out. Raises UpstreamFailed for one that cannot."""
    try:
        if all(map(_TOKEN.fullmatch, fields)) and all(map(_VALUE.fullmatch, fields.values())):
            return "".join([f"{name}: {value}\r\n" for name, value in fields.items()]).encode()
    except UnicodeEncodeError:
        pass  # a variable that is not UTF-8; the exception would show it
    raise UpstreamFailed(UNWRITABLE)


def _target(url: str) -> str:
    """Path and query as they are: `a%2Fb` stays what it is."""
    parts = urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
