"""Names and numbers, and how to get a connection to them. Real sockets; the resolver alone is played."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from proxy.upstream import addresses
from proxy.upstream.addresses import Addresses
from proxy.upstream.heads import Address
from tests.upstream.origin import Line, Origin, origin, silent

LOOPBACK = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


class Resolver:
    """Knows one name, whose addresses are these; remembers who asked."""

    def __init__(self, *hosts: str) -> None:
        self.hosts, self.asked = hosts, 0

    async def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if host != "telnyx.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(*LOOPBACK, (address, port)) for address in self.hosts]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver("127.0.0.1")
    monkeypatch.setattr(addresses, "_resolve", made)
    return made


@pytest.fixture
def known() -> Addresses:
    return Addresses(ssl.create_default_context())


async def connected(known: Addresses, server: Origin, host: str) -> None:
    protocol = await known.connect(Address("http", host, server.port), Noting)
    assert protocol.transport is not None
    protocol.transport.abort()
    await protocol.gone.wait()


class Noting(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()


async def test_a_number_is_not_looked_up(known: Addresses, resolver: Resolver) -> None:
    async with origin(silent) as server:
        await connected(known, server, "127.0.0.1")
    assert resolver.asked == 0


async def test_a_number_of_the_new_kind_is_not_looked_up(known: Addresses, resolver: Resolver) -> None:
    with pytest.raises(OSError, match=r".*"):
        await known.connect(Address("http", "::1", 1), Noting)
    assert resolver.asked == 0


async def test_a_name_is_looked_up_once_for_many(known: Addresses, resolver: Resolver) -> None:
    async with origin(silent) as server:
        await asyncio.gather(*(connected(known, server, "telnyx.example") for _ in range(5)))
        await connected(known, server, "telnyx.example")
    assert resolver.asked == 1


async def test_a_name_is_looked_up_again_after_a_while(
    known: Addresses, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "MEMORY", 0)
    async with origin(silent) as server:
        for _ in range(2):
            await connected(known, server, "telnyx.example")
    assert resolver.asked == 2


async def test_addresses_that_do_not_answer_are_forgotten(known: Addresses, resolver: Resolver) -> None:
    async with origin(silent) as server:
        await connected(known, server, "telnyx.example")
    for _ in range(2):
        with pytest.raises(OSError, match=r".*"):
            await connected(known, server, "telnyx.example")
    assert resolver.asked == 2


async def test_an_unknown_name_is_an_error_each_time(known: Addresses, resolver: Resolver) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="unknown"):
            await known.connect(Address("http", "elsewhere.example", 1), Noting)
    assert resolver.asked == 2


async def test_the_next_address_is_tried_where_one_refuses(known: Addresses, resolver: Resolver) -> None:
    resolver.hosts = ("127.0.0.2", "127.0.0.1")
    async with origin(silent) as server:
        await connected(known, server, "telnyx.example")


async def test_giving_up_a_handshake_closes_the_connection(known: Addresses) -> None:
    gone, begun = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.reader.read(1)
        begun.set()
        await line.gone()
        gone.set()

    async with origin(script) as server:
        task = asyncio.ensure_future(known.connect(Address("https", "127.0.0.1", server.port), Noting))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()
