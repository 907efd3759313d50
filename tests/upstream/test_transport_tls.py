"""The contract of the transport port, part three: encrypted connections."""

import asyncio
import ssl

import pytest

from proxy.errors import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from tests.upstream import authority
from tests.upstream.authority import Authority
from tests.upstream.conftest import Make
from tests.upstream.framings import CHUNKED, LENGTH, OK
from tests.upstream.origin import Line, answering, origin, silent
from tests.upstream.sending import fails, get, post, pouring, whole


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that clients of these tests trust."""
    return authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server_side(ours: Authority) -> ssl.SSLContext:
    return ours.server()


async def test_a_trusted_server_is_spoken_to(make: Make, ours: Authority, server_side: ssl.SSLContext) -> None:
    async with origin(lambda line: answering(line, LENGTH, CHUNKED), server_side) as server:
        transport = make(tls=ours.trusting())
        for _ in range(3):
            assert await whole(transport, post(server.url)) == (200, b"hello")
    assert [request.connection for request in server.requests] == [1, 1, 1]


async def test_an_unknown_authority_is_not_trusted(make: Make, server_side: ssl.SSLContext) -> None:
    async with origin(lambda line: answering(line, LENGTH), server_side) as server:
        await fails(make(), post(server.url), UpstreamUnavailable)
    assert not server.requests


async def test_a_certificate_for_another_name_is_not_trusted(make: Make, ours: Authority) -> None:
    async with origin(lambda line: answering(line, LENGTH), ours.server("DNS:telnyx.example")) as server:
        await fails(make(tls=ours.trusting()), post(server.url), UpstreamUnavailable)
    assert not server.requests


async def test_a_server_that_speaks_no_tls_is_unavailable(make: Make, ours: Authority) -> None:
    async def script(line: Line) -> None:
        await line.reader.read(1)
        await line.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with origin(script) as server:
        await fails(make(tls=ours.trusting()), post(server.url.replace("http:", "https:")), UpstreamUnavailable)


async def test_the_handshake_takes_no_longer_than_allowed(make: Make, ours: Authority) -> None:
    async with origin(silent) as server:
        transport = make(tls=ours.trusting(), connect=0.05)
        fault = await fails(transport, post(server.url.replace("http:", "https:")), UpstreamTimeout)
        assert "timeouts.connect" in fault.message


@pytest.mark.parametrize("wire", [b"", OK, LENGTH[:-1], CHUNKED[:-5]], ids=["nothing", "head", "length", "chunked"])
async def test_an_end_below_tls_is_a_failure(
    make: Make, ours: Authority, server_side: ssl.SSLContext, wire: bytes
) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(wire)
        line.cut()
        await line.gone()

    async with origin(script, server_side) as server:
        await fails(make(tls=ours.trusting()), post(server.url), UpstreamFailed)


@pytest.mark.parametrize("wire", [b"", LENGTH[:-1]], ids=["nothing", "length"])
async def test_a_record_that_cannot_be_decrypted_is_a_failure(
    make: Make, ours: Authority, server_side: ssl.SSLContext, wire: bytes
) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(wire)
        line.scribble(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        await line.gone()

    async with origin(script, server_side) as server:
        await fails(make(tls=ours.trusting()), post(server.url), UpstreamFailed)


async def test_closing_in_the_middle_is_noticed(make: Make, ours: Authority, server_side: ssl.SSLContext) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH[:-1])
        await line.gone()
        gone.set()

    async with origin(script, server_side) as server:
        answer = await make(tls=ours.trusting()).send(get(server.url))
        async with pouring(answer) as (task, bucket):
            await bucket.filled.wait()
            assert bucket.content == b"hell"
            answer.close()
            await gone.wait()
            await task


async def test_a_stale_connection_costs_nothing(make: Make, ours: Authority, server_side: ssl.SSLContext) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH)
        await line.request()  # and no answer

    async with origin(script, server_side) as server:
        transport = make(tls=ours.trusting())
        for _ in range(2):
            assert await whole(transport, post(server.url)) == (200, b"hello")
    assert [request.connection for request in server.requests] == [1, 1, 2]
