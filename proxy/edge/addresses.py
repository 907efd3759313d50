"""Where a client is, also behind load balancers.

`X-Forwarded-For` is what anybody can write, so it counts only where the connection comes from a proxy that the operator
trusts, and from its right end: each proxy appends whom it heard from, and the first one that is not trusted is the
client. Where a trusted proxy has written something else than an address, the client is unknown: it is not the proxy,
whose own address a key may well be bound to.
"""

import ipaddress
import re
from collections.abc import Sequence

from aiohttp import web
from multidict import istr

FORWARDED_FOR = istr("X-Forwarded-For")
HOPS = 16
"""Addresses of the header that are looked at: more proxies than anybody has in a row."""
_PUT_ON = re.compile(r"\[([^]]*)\](?::\d+)?|([^:]*):\d+")
"""Brackets and a port, which some write along with an address (Azure's gateways do)."""


def of_client(request: web.BaseRequest, trusted: Sequence[str]) -> str | None:
    """The client's address; None where it is not known, for instance on a Unix socket."""
    address = request.remote
    if not trusted or address is None:
        return address
    networks = [ipaddress.ip_network(each) for each in trusted]
    whole = ",".join(request.headers.getall(FORWARDED_FOR, ()))
    given = whole.split(",")[-HOPS:] if whole.strip() else []
    for each in (address, *reversed(given)):
        parsed = _parsed(each)
        if parsed is None:
            return None
        address = str(parsed)
        if not any(parsed in network for network in networks):
            return address
    return address


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    put_on = _PUT_ON.fullmatch(text)
    if put_on is not None:
        text = put_on[1] or put_on[2] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
