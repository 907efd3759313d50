"""From the address of Telnyx to a connected socket: names, happy eyeballs, TLS.

Names are looked up by the system's resolver, in a thread of the event loop, and remembered for a moment, so that many
new connections at once ask once. An IP address is never looked up.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import aiohappyeyeballs
from aiohappyeyeballs.types import AddrInfoType

from proxy.upstream.heads import Address

MEMORY = 10.0
"""Seconds for which the addresses of a name are remembered; what aiohttp does."""
STAGGER = 0.25
"""Seconds after which the next address is tried beside the last one (RFC 8305)."""
FAREWELL = 1.0
"""Seconds in which Telnyx may confirm the end of an encrypted connection."""

P = TypeVar("P", bound=asyncio.Protocol)


class Addresses:
    """Makes connections; `tls` says whom to trust."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._known: dict[tuple[str, int], tuple[float, list[AddrInfoType]]] = {}
        self._looking: dict[tuple[str, int], asyncio.Lock] = {}

    async def connect(self, address: Address, protocol: Callable[[], P]) -> P:
        """A protocol on a new connection. Raises OSError (TLS and unknown names are among it)."""
        loop = asyncio.get_running_loop()
        try:
            sock = await aiohappyeyeballs.start_connection(
                await self._found(address.host, address.port), happy_eyeballs_delay=STAGGER
            )
        except OSError:
            self._known.pop((address.host, address.port), None)
            raise
        secure = address.scheme == "https"
        try:
            _, made = await loop.create_connection(
                protocol,
                sock=sock,
                ssl=self._tls if secure else None,
                server_hostname=address.host if secure else None,
                ssl_shutdown_timeout=FAREWELL if secure else None,
            )
        except BaseException:
            sock.close()
            raise
        return made

    async def _found(self, host: str, port: int) -> list[AddrInfoType]:
        try:
            number = ipaddress.ip_address(host)
        except ValueError:
            return await self._looked_up(host, port)
        family = socket.AF_INET if number.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]

    async def _looked_up(self, host: str, port: int) -> list[AddrInfoType]:
        loop = asyncio.get_running_loop()
        async with self._looking.setdefault((host, port), asyncio.Lock()):
            until, found = self._known.get((host, port), (0.0, []))
            if loop.time() < until:
                return found
            found = await _resolve(host, port)
            self._known[host, port] = (loop.time() + MEMORY, found)
            return found


async def _resolve(host: str, port: int) -> list[AddrInfoType]:
    return [
        *await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    ]
