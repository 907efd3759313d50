"""The contract of the transport port, part two: connections. When one is reused, replayed on, or cut.

What the server sees is waited for by events; nothing here sleeps to be lucky.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from proxy.emulator.server import running as emulator_running
from proxy.errors import UpstreamFailed
from proxy.upstream.transport import Outgoing, Transport
from tests.upstream.conftest import Make
from tests.upstream.framings import CHUNKED, EARLY, FRAMINGS, LENGTH, OK, Framing
from tests.upstream.origin import Gone, Line, Origin, answering, origin
from tests.upstream.sending import (
    CREDENTIAL,
    FOREVER,
    PLENTY,
    Bucket,
    expect_discreet,
    fails,
    get,
    post,
    pouring,
    rest,
    whole,
)

MANY = 64 * 1024 * 1024
"""Bytes that no kernel keeps for a connection nobody reads from."""
BLOCK = b"x" * 65_536


class Watched:
    """The script of a server that says something and then waits until its client goes."""

    def __init__(self, wire: bytes = b"") -> None:
        self.wire = wire
        self.under_way = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, line: Line) -> None:
        await line.request()
        await line.say(self.wire)
        self.under_way.set()
        await line.gone()
        self.gone.set()


async def cancelled(work: Awaitable[object], after: asyncio.Event) -> None:
    """Start, wait for the event, cancel, and see the cancellation through."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0)  # it has begun
    await after.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
async def test_a_connection_is_reused_if_its_answer_was_read_and_allows_it(
    transport: Transport, framing: Framing
) -> None:
    async def script(line: Line) -> None:
        while True:
            await line.request()
            await line.say(framing.wire)
            if not framing.lasts:
                return

    async with origin(script) as server:
        for _ in range(3):
            assert await whole(transport, post(server.url)) == (framing.status, framing.body)
    assert [request.connection for request in server.requests] == ([1, 1, 1] if framing.lasts else [1, 2, 3])


async def test_a_connection_is_reused_after_its_pieces_were_taken(transport: Transport) -> None:
    async with origin(lambda line: answering(line, CHUNKED)) as server:
        for _ in range(2):
            answer = await transport.send(post(server.url))
            assert await rest(answer) == b"hello"
            answer.close()
            answer.close()
    assert [request.connection for request in server.requests] == [1, 1]


async def test_no_connection_is_kept_if_none_shall_be(make: Make) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH)
        await line.gone()
        gone.set()

    gone = asyncio.Event()
    async with origin(script) as server:
        assert await whole(make(keepalive=0), post(server.url)) == (200, b"hello")
        await gone.wait()


async def test_a_connection_that_has_idled_too_long_is_not_reused(make: Make) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        with contextlib.suppress(Gone):
            await answering(line, LENGTH)
        gone.set()

    async with origin(script) as server:
        transport = make(keepalive=0.05)
        await whole(transport, post(server.url))
        await gone.wait()
        await whole(transport, post(server.url))
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"garbage", b"\r\n\r\n0"])
async def test_nothing_behind_an_answer_becomes_the_next_one(transport: Transport, extra: bytes) -> None:
    async def script(line: Line) -> None:
        await line.request()
        if line.number == 1:
            await line.say(LENGTH + extra)
            await line.request()
        await line.say(LENGTH)

    async with origin(script) as server:
        with contextlib.suppress(UpstreamFailed):  # an answer with garbage behind it may be taken for broken
            assert await whole(transport, post(server.url)) == (200, b"hello")
        assert await whole(transport, post(server.url)) == (200, b"hello")
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("extra", [b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate", b"garbage"])
async def test_nothing_said_while_idle_becomes_the_next_answer(transport: Transport, extra: bytes) -> None:
    read, gone = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH)
        if line.number == 1:
            await read.wait()
            await line.say(extra)
            await line.gone()  # the client cuts the connection by itself
            gone.set()

    async with origin(script) as server:
        assert await whole(transport, post(server.url)) == (200, b"hello")
        read.set()
        await gone.wait()
        assert await whole(transport, post(server.url)) == (200, b"hello")
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize(
    "wire", [OK + b"Content-Length: 9\r\n\r\nhello", CHUNKED[:-5], OK + b"\r\nhello"], ids=["length", "chunked", "open"]
)
async def test_closing_in_the_middle_cuts_the_connection(transport: Transport, wire: bytes) -> None:
    script = Watched(wire)
    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        async with pouring(answer) as (task, bucket):
            await bucket.filled.wait()
            assert not script.gone.is_set()
            answer.close()
            answer.close()
            await task
        await script.gone.wait()
        again = await transport.send(post(server.url))
        again.close()
    assert [request.connection for request in server.requests] == [1, 2]


async def test_closing_before_any_piece_cuts_the_connection(transport: Transport) -> None:
    script = Watched(OK + b"Content-Length: 9\r\n\r\n")
    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        answer.close()
        await script.gone.wait()


async def test_closing_ends_a_read_that_waits(transport: Transport) -> None:
    script = Watched(OK + b"Content-Length: 9\r\n\r\n")
    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        waiting = asyncio.ensure_future(answer.read(PLENTY, FOREVER))
        await asyncio.sleep(0)
        answer.close()
        with pytest.raises(UpstreamFailed) as caught:
            await waiting
        expect_discreet(caught.value)
        await script.gone.wait()


async def test_the_end_of_the_transport_cuts_every_connection(make: Make) -> None:
    idle, busy = asyncio.Event(), Watched(OK + b"Content-Length: 9\r\n\r\nhello")

    async def idling(line: Line) -> None:
        with contextlib.suppress(Gone):
            await answering(line, LENGTH)
        idle.set()

    async with origin(idling) as one, origin(busy) as other:
        transport = make()
        await whole(transport, post(one.url))
        answer = await transport.send(post(other.url))
        async with pouring(answer) as (task, bucket):
            await bucket.filled.wait()
            assert bucket.content == b"hello"
            await transport.close()
            await idle.wait()
            await busy.gone.wait()
            with pytest.raises(UpstreamFailed):
                await task
        answer.close()


async def test_cancelling_while_sending_cuts_the_connection(transport: Transport) -> None:
    held, gone, received = asyncio.Event(), asyncio.Event(), 0

    async def script(line: Line) -> None:
        nonlocal received
        await line.reader.readuntil(b"\r\n\r\n")
        under_way.set()
        await held.wait()
        with contextlib.suppress(OSError):
            while data := await line.reader.read(1 << 20):
                received += len(data)
        gone.set()

    under_way = asyncio.Event()
    async with origin(script) as server:
        await cancelled(transport.send(post(server.url, body=b"x" * MANY)), under_way)
        held.set()
        await gone.wait()
        assert received < MANY
    assert not server.requests


async def test_cancelling_while_waiting_cuts_the_connection(transport: Transport) -> None:
    script = Watched()
    async with origin(script) as server:
        await cancelled(transport.send(post(server.url)), script.under_way)
        await script.gone.wait()
    assert len(server.requests) == 1


@pytest.mark.parametrize("way", ["read", "pour", "pour-paused"])
async def test_cancelling_while_the_body_comes_cuts_the_connection(transport: Transport, way: str) -> None:
    script = Watched(OK + b"Content-Length: 9\r\n\r\nhello")
    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        if way == "pour-paused":
            answer.pause()
        bucket = Bucket()
        await cancelled(answer.read(PLENTY, FOREVER) if way == "read" else answer.pour(bucket), script.under_way)
        await script.gone.wait()
        answer.resume()
        assert bucket.content in (b"hello", b"") if way == "pour" else not bucket.pieces
        answer.close()


async def test_a_caller_that_does_not_read_stops_the_server(transport: Transport) -> None:
    said, done = 0, asyncio.Event()

    async def script(line: Line) -> None:
        nonlocal said
        request = await line.request()
        if request.method == "GET":
            await line.say(LENGTH)
            return await answering(line, LENGTH)
        line.shrink()
        await line.say(OK + b"Content-Length: %d\r\n\r\n" % MANY)
        for _ in range(MANY // len(BLOCK)):
            await line.say(BLOCK)
            said += len(BLOCK)
        done.set()
        return None

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        for _ in range(300):  # plenty of turns of the loop, in which the server says what it is allowed to
            await whole(transport, get(server.url))
        assert 0 < said < MANY // 4
        size = 0

        def measure(piece: bytes) -> None:
            nonlocal size
            size += len(piece)

        await answer.pour(measure)
        assert size == MANY
        await done.wait()
        answer.close()


async def test_a_large_request_arrives_whole(transport: Transport) -> None:
    body = bytes(range(256)) * 40_000
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await whole(transport, post(server.url, body=body))
        await whole(transport, post(server.url, body=b""))
    assert [request.body for request in server.requests] == [body, b""]


async def test_an_answer_may_come_before_the_request_is_sent_whole(transport: Transport) -> None:
    """As with 413. What was not sent must not become the beginning of the next request."""
    wire = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nhello"

    async def script(line: Line) -> None:
        if line.number > 1:
            return await answering(line, LENGTH)
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(wire)
        await line.gone()
        return None

    async with origin(script) as server:
        assert await whole(transport, post(server.url, body=b"x" * MANY)) == (413, b"hello")
        assert await whole(transport, post(server.url)) == (200, b"hello")


async def test_credentials_are_never_mixed(transport: Transport) -> None:
    """Sixty requests of two accounts at once and again, each answered with the credential it came with, in bits."""

    async def script(line: Line) -> None:
        while True:
            request = await line.request()
            await line.say(OK + b"Content-Length: %d\r\n\r\n" % len(request.credential))
            for letter in request.credential.encode():
                await line.say(bytes([letter]))
                await asyncio.sleep(0)

    async def one(server: Origin, credential: str) -> None:
        for _ in range(3):
            assert await whole(transport, post(server.url, credential)) == (200, credential.encode())

    async with origin(script) as server:
        await asyncio.gather(*(one(server, f"KEY_{number % 2}") for number in range(60)))
    assert len(server.requests) == 180
    assert len(server.lines) < 180  # connections were reused


class Stale:
    """Answers the first request of the first connections; says `last` to their second one and breaks off.

    `end` is how: in order, or by a reset. Later connections get whole answers, or none if nothing shall come.
    """

    def __init__(self, last: bytes = b"", end: str = "fin", *, stale: int = 1, recovers: bool = True) -> None:
        self.last, self.end, self.stale, self.recovers = last, end, stale, recovers

    async def __call__(self, line: Line) -> None:
        if line.number <= self.stale:
            await line.request()
            await line.say(LENGTH)
        elif self.recovers:
            await answering(line, LENGTH)
        await line.request()
        await line.say(self.last)
        if self.end == "rst":
            line.reset()


ends = pytest.mark.parametrize("end", ["fin", "rst"])
both = pytest.mark.parametrize("build", [get, post], ids=["get", "post"])
Build = Callable[[str], Outgoing]


@ends
@both
async def test_a_stale_connection_costs_nothing(transport: Transport, build: Build, end: str) -> None:
    async with origin(Stale(end=end)) as server:
        assert await whole(transport, build(server.url)) == (200, b"hello")
        assert await whole(transport, build(server.url)) == (200, b"hello")
    _, lost, replayed = server.requests
    assert (lost.connection, replayed.connection) == (1, 2)
    assert (lost.method, lost.target, lost.body) == (replayed.method, replayed.target, replayed.body)
    assert lost.headers == {name: value for name, value in replayed.headers.items() if name != "connection"}


@ends
@both
async def test_a_replay_does_not_meet_another_stale_connection(transport: Transport, build: Build, end: str) -> None:
    async with origin(Stale(end=end, stale=3)) as server:
        await asyncio.gather(*(whole(transport, build(server.url)) for _ in range(3)))
        assert [line.number for line in server.lines] == [1, 2, 3]
        assert await whole(transport, build(server.url)) == (200, b"hello")
    assert len(server.requests) == 5


@ends
@both
async def test_a_request_is_replayed_once(transport: Transport, build: Build, end: str) -> None:
    async with origin(Stale(end=end, recovers=False)) as server:
        assert await whole(transport, build(server.url)) == (200, b"hello")
        await fails(transport, build(server.url), UpstreamFailed)
    assert [request.connection for request in server.requests] == [1, 1, 2]


@ends
@both
async def test_a_fresh_connection_that_breaks_is_a_failure(transport: Transport, build: Build, end: str) -> None:
    async with origin(Stale(end=end, stale=0, recovers=False)) as server:
        await fails(transport, build(server.url), UpstreamFailed)
    assert len(server.requests) == 1


@ends
@both
@pytest.mark.parametrize("last", [b"H", OK, EARLY, LENGTH[:-1], b"garbage\r\n"], ids=repr)
async def test_no_request_is_replayed_once_an_answer_has_begun(
    transport: Transport, build: Build, end: str, last: bytes
) -> None:
    async with origin(Stale(last, end)) as server:
        assert await whole(transport, build(server.url)) == (200, b"hello")
        await fails(transport, build(server.url), UpstreamFailed)
    assert len(server.requests) == 2


async def test_a_large_request_is_replayed_whole(transport: Transport) -> None:
    body = bytes(range(256)) * 4000
    async with origin(Stale(end="rst")) as server:
        await whole(transport, post(server.url))
        assert await whole(transport, post(server.url, body=body)) == (200, b"hello")
    assert server.requests[-1].body == body


async def test_the_emulated_stale_connection_is_survived(transport: Transport) -> None:
    async with emulator_running(scenario="reset-on-reused-connection") as telnyx:
        body = b'{"model": "moonshotai/Kimi-K2.6", "messages": [{"role": "user", "content": "Hi"}]}'
        for _ in range(3):
            status, _ = await whole(transport, post(f"{telnyx.base_url}/ai/openai/chat/completions", body=body))
            assert status == 200
        assert [row.outcome for row in telnyx.state.requests] == ["complete", "broken off", "complete", "complete"]
        assert {row.headers["authorization"] for row in telnyx.state.requests} == {f"Bearer {CREDENTIAL}"}


async def test_the_end_of_the_transport_ends_requests_that_wait(make: Make) -> None:
    script = Watched()
    async with origin(script) as server:
        transport = make()
        waiting = asyncio.ensure_future(transport.send(post(server.url)))
        await script.under_way.wait()
        await transport.close()
        with pytest.raises(UpstreamFailed) as caught:
            await waiting
        expect_discreet(caught.value)
        await script.gone.wait()


async def test_cancelling_while_connecting_leaves_nothing(transport: Transport) -> None:
    """The queue of connections that wait to be accepted is full: packets of the next one are dropped."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address):
            task = asyncio.ensure_future(transport.send(post(f"http://127.0.0.1:{address[1]}/v2")))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await transport.close()
