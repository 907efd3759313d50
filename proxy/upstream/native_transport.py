"""The transport on our own connections: what aiohttp's client does for us, without what it does for everybody.

A request costs a look-up of its prebuilt head, one write and one future; an answer that comes in one piece is there,
whole, when the future is.

A request is replayed once, and only if it went out on a reused connection that Telnyx closed before a single byte of
an answer: then it is the keep-alive race every pool has, and the request was not read. The replay goes out on a fresh
connection, because the others of the pool may be as stale. Nothing else is retried here.
"""

import asyncio
import errno
import ssl
from contextlib import suppress
from typing import TypeVar

from proxy.codec import Pieces
from proxy.errors import UpstreamTimeout, UpstreamUnavailable
from proxy.outbox import Outbox
from proxy.timers import Timer, Wheel
from proxy.upstream import heads
from proxy.upstream.addresses import Addresses
from proxy.upstream.connection import Connection, Stale, late
from proxy.upstream.heads import Address
from proxy.upstream.incoming import Incoming
from proxy.upstream.pool import Pool
from proxy.upstream.transport import Outgoing, Upload
from proxy.upstream.uploading import Uploading

ENDED = "The proxy has closed its connections to Telnyx."
SWEEPS = 16
"""How often, at most, the pools are looked through within the time for which idle connections are kept."""
IDLE = 256
"""Idle connections kept at most, over all credentials, where the one who makes the transport does not say."""
LAST_CONNECTIONS = 2.0
"""Seconds for the event loop to say that connections which were cut are gone."""
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})
TOO_MANY = "No connection to Telnyx could be made: this proxy has as many files open as the system lets it (ulimit -n)."
ROUTES = 1024
"""Prebuilt heads. There are as many as tenants with a credential of their own, times the endpoints they use."""


C = TypeVar("C", bound=Connection)
Key = tuple[str, str, str, str, bool]
"""What heads differ by: URL, credential, accepted type, method, and whether nothing is said of a body: an upload's
headers are its own."""


class Route:
    """Where requests of one kind go, how they begin, and on which connections."""

    __slots__ = ("address", "head", "pool")

    def __init__(self, address: Address, head: bytes, pool: Pool[Connection]) -> None:
        self.address, self.head, self.pool = address, head, pool


class NativeTransport:
    """asyncio and llhttp behind the port `Transport`. Made where its event loop runs."""

    def __init__(  # noqa: PLR0913 - what the other transport takes, the wheel, and how many may idle
        self,
        *,
        connect: float,
        first_byte: float,
        keepalive: float,
        user_agent: str,
        tls: ssl.SSLContext,
        timers: Wheel,
        outbox: Outbox | None = None,
        idle: int = IDLE,
    ) -> None:
        self._connect, self._first_byte, self._keepalive = connect, first_byte, keepalive
        self._most_idle = max(1, idle)
        self._user_agent = user_agent
        self._timers = timers
        self.outbox = outbox or Outbox()
        self._time = asyncio.get_running_loop().time
        self._addresses = Addresses(tls)
        self._routes: dict[Key, Route] = {}
        self._pools: dict[tuple[Address, str], Pool[Connection]] = {}
        self._open: set[Connection] = set()
        self._sweeping: Timer | None = None
        self._closing = False
        self._none_open = asyncio.Event()
        self._none_open.set()

    async def send(self, outgoing: Outgoing) -> Incoming:
        """See `Transport.send`."""
        body = outgoing.body
        if isinstance(body, Upload):
            return await self._upload(outgoing, body)
        key = (outgoing.url, outgoing.credential, outgoing.accept, outgoing.method, body is None)
        route = self._routes.get(key) or self._prepare(outgoing, key)
        extra = heads.lines(outgoing.headers) if outgoing.headers else b""
        head = route.head + extra + b"\r\n" if body is None else b"%b%d\r\n%b\r\n" % (route.head, len(body), extra)
        idle = route.pool.idle
        while idle:
            connection, _ = idle.popitem()
            transport = connection.transport
            if transport is None or transport.is_closing():
                continue
            waiter = connection.ask(head, body, self._first_byte)
            try:
                return await waiter
            except Stale:
                break
            except asyncio.CancelledError:
                connection.give_up(waiter)
                raise
        return await self._send_afresh(route, head, body)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closing = True
        self._routes.clear()
        self._pools.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._open):
            connection.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CONNECTIONS):
                await self._none_open.wait()

    # -- what connections say

    def lost(self, connection: Connection) -> None:
        """See `Owner.lost`."""
        connection.pool.drop(connection)
        self._open.discard(connection)
        if not self._open:
            self._none_open.set()

    # -- connecting

    async def _send_afresh(self, route: Route, head: bytes, body: bytes | Pieces | None) -> Incoming:
        started = self._time()
        connection = await self._connected(route, Connection)
        waiter = connection.ask(head, body, max(0.0, started + self._first_byte - self._time()))
        try:
            return await waiter
        except asyncio.CancelledError:
            connection.give_up(waiter)
            raise

    async def _upload(self, outgoing: Outgoing, upload: Upload) -> Incoming:
        """Always on a fresh connection: what was read of an upload cannot be sent again if an old one was stale."""
        key = (outgoing.url, outgoing.credential, outgoing.accept, outgoing.method, True)
        route = self._routes.get(key) or self._prepare(outgoing, key)
        head = b"%b%b%b\r\n" % (route.head, heads.lines(outgoing.headers), heads.framing(upload))
        connection = await self._connected(route, Uploading)
        return await connection.upload(head, upload, self._first_byte)

    async def _connected(self, route: Route, kind: type[C]) -> C:
        if self._closing:
            raise UpstreamUnavailable(ENDED)
        self._make_room(self._most_idle - 1)
        try:
            # Once for each connection, not for each request: no use for the wheel.
            async with asyncio.timeout(min(self._connect, self._first_byte)) as patience:
                connection = await self._addresses.connect(
                    route.address, lambda: kind(self, self._timers, route.pool, self._first_byte)
                )
        except (OSError, RuntimeError) as fault:
            if patience.expired():
                raise self._too_slow() from None
            if fault.args and fault.args[0] in NO_FILES:
                self._make_room(0)  # so that the next one has better luck
                raise UpstreamUnavailable(TOO_MANY) from fault
            raise UpstreamUnavailable("Telnyx could not be reached.") from fault
        # Not when it is made: uvloop says nothing more of one that is cancelled in that very turn.
        if connection.transport is not None:
            self._open.add(connection)
            self._none_open.clear()
            if self._sweeping is None and self._keepalive:
                self._sweeping = self._timers.after(self._keepalive, self._sweep)
        if self._closing:
            connection.cut()
            raise UpstreamUnavailable(ENDED)
        return connection

    def _make_room(self, most: int) -> None:
        """End those that have idled longest, until no more than so many idle, over all credentials."""
        pools = self._pools.values()
        spare = sum(len(pool.idle) for pool in pools) - most
        for _ in range(spare):
            pool = min((pool for pool in pools if pool.idle), key=Pool.oldest)
            pool.take_oldest().retire()

    def _too_slow(self) -> UpstreamTimeout:
        if self._first_byte < self._connect:
            return late(self._first_byte)
        return UpstreamTimeout("Telnyx could not be reached in time (timeouts.connect).")

    def _prepare(self, outgoing: Outgoing, key: Key) -> Route:
        address, head = heads.address(outgoing.url), heads.head(outgoing, self._user_agent)
        if len(self._routes) >= ROUTES:  # credentials have changed often, or there are more than anybody thought
            self._routes.clear()
            self._pools.clear()  # connections in use go back to a pool of which nobody takes, and grow old there
        pool = self._pools.setdefault((address, outgoing.credential), Pool(keeps=bool(self._keepalive)))
        route = self._routes[key] = Route(address, head, pool)
        return route

    def _sweep(self) -> None:
        """End the connections that have idled too long, and come back when the next one may have."""
        now = self._time()
        self._sweeping = None
        if not self._open:
            return
        pools = {connection.pool for connection in self._open}
        for pool in pools:
            for connection in pool.expire(now - self._keepalive):
                connection.retire()
        oldest = min(now, *(pool.oldest() for pool in pools))
        wait = max(oldest + self._keepalive - now, self._keepalive / SWEEPS)
        self._sweeping = self._timers.after(wait, self._sweep)
