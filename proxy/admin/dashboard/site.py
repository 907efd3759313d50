"""Which requests come from our own pages: Host, Origin, scheme, and the address behind load balancers.

A page elsewhere can make a browser send whatever it likes to `127.0.0.1`, and can give its own name the address
127.0.0.1 (DNS rebinding) to read the answers. So a connection that came in on a loopback address must name one in
`Host`, and what changes something must come from a page of ours.

What a load balancer says counts only where it connects from a network that the operator trusts.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import web

LOCAL_NAME = "localhost"
_SAME = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of our own pages, and of what somebody typed into the address bar."""
HOPS = 16
"""Addresses of `X-Forwarded-For` that are looked at."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Site:
    """Knows which load balancers to believe."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(map(ipaddress.ip_network, trusted))

    def is_ours(self, request: web.BaseRequest) -> bool:
        """Whether the name in `Host` can be one of this listener's."""
        local = request.transport.get_extra_info("sockname") if request.transport is not None else None
        if not isinstance(local, tuple) or not _loopback(str(local[0])) or self._behind(request):
            return True
        return is_local(request.headers.get("Host", ""))

    def is_from_us(self, request: web.BaseRequest) -> bool:
        """Whether a page of ours sent it, as far as the browser says so; the form's own token is asked as well."""
        fetched = request.headers.get("Sec-Fetch-Site")
        if fetched is not None:
            return fetched in _SAME
        origin = request.headers.get("Origin")
        return origin is None or _netloc(origin) == self._host(request)

    def is_secure(self, request: web.BaseRequest) -> bool:
        """Whether the browser speaks TLS, with us or with a load balancer that we trust."""
        if self._trusts(request.remote):
            return _last(request.headers, "X-Forwarded-Proto").lower() == "https" or request.secure
        return request.secure

    def address(self, request: web.BaseRequest) -> str:
        """Where the browser is: the last one on the way that we do not trust. Empty where it is not known."""
        address = request.remote or ""
        if not self._trusts(address):
            return address
        given = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")[-HOPS:]
        for each in reversed(given):
            parsed = _parsed(each)
            if parsed is None:
                break
            address = str(parsed)
            if not self._trusts(address):
                break
        return address

    def _behind(self, request: web.BaseRequest) -> bool:
        """Whether a load balancer that we trust hands it on: it may serve whatever name it likes."""
        return self._trusts(request.remote) and "X-Forwarded-For" in request.headers

    def _host(self, request: web.BaseRequest) -> str:
        forwarded = _last(request.headers, "X-Forwarded-Host") if self._trusts(request.remote) else ""
        return (forwarded or request.headers.get("Host", "")).lower()

    def _trusts(self, address: str | None) -> bool:
        if not self._trusted or not address:
            return False
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


def is_local(host: str) -> bool:
    """Whether a Host header names this very machine: `localhost`, a name below it, a loopback address."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return name == LOCAL_NAME or name.endswith(f".{LOCAL_NAME}") or _loopback(name)


def _loopback(address: str) -> bool:
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def _parsed(address: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _netloc(origin: str) -> str | None:
    """Host and port of an origin; None for `null` and for what is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _last(headers: Mapping[str, str], name: str) -> str:
    """The last value of a list: what the nearest load balancer wrote."""
    return headers.get(name, "").rpartition(",")[2].strip()
