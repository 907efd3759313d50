"""The contract of the transport port, part four: bodies that are poured, paused, and let go in the middle."""

import asyncio
from collections.abc import Callable

import pytest

from proxy.errors import UpstreamFailed
from proxy.upstream.native_transport import NativeTransport
from proxy.upstream.transport import Answer, Transport
from tests.upstream.framings import CHUNKED, FRAMINGS, LENGTH, OK, Framing
from tests.upstream.origin import Line, Script, answering, origin
from tests.upstream.sending import FOREVER, Bucket, expect_discreet, get, post, pouring, rest, whole

MANY = 64 * 1024 * 1024
"""Bytes that no kernel keeps for a connection nobody reads from."""
NUMBERS = b"".join(b"%d," % number for number in range(4000))


def chunked(body: bytes, size: int) -> list[bytes]:
    """The body in chunks of this size, and the end."""
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""]]


def counting(size: int = 7) -> Script:
    """Says the numbers in small chunks, each in a packet of its own."""

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await line.say(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            for chunk in chunked(NUMBERS, size):
                await line.say(chunk)
                await asyncio.sleep(0)

    return script


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
async def test_every_framing_is_poured(transport: Transport, framing: Framing) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(framing.wire)

    async with origin(script) as server:
        for _ in range(2):
            assert await rest(await transport.send(post(server.url))) == framing.body


async def test_chunks_that_come_together_are_one_piece(transport: Transport) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunked(NUMBERS, 10)))

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        bucket = Bucket()
        await answer.pour(bucket)
        assert bucket.content == NUMBERS
        assert len(bucket.pieces) < 20  # of nearly two thousand chunks; where a read ends is up to the system


async def test_pieces_are_poured_when_they_come(transport: Transport) -> None:
    more = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH[:-2])
        await more.wait()
        await line.say(LENGTH[-2:])

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        async with pouring(answer) as (task, bucket):
            await bucket.filled.wait()
            assert bucket.content == b"hel"
            more.set()
            await task
            assert bucket.content == b"hello"


async def test_nothing_is_poured_while_it_is_paused(transport: Transport) -> None:
    said = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK + b"Content-Length: %d\r\n\r\n" % len(NUMBERS) + NUMBERS[:100])
        await said.wait()
        await line.say(NUMBERS[100:])
        await answering(line, LENGTH)

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        answer.pause()
        answer.pause()
        async with pouring(answer) as (task, bucket):
            said.set()
            for _ in range(20):
                await whole(transport, get(server.url))  # turns of the loop, in which something would have come
            assert not bucket.pieces
            assert not task.done()
            answer.resume()
            answer.resume()
            await task
            assert bucket.content == NUMBERS


def at_once(answer: Answer) -> None:
    answer.resume()


def soon(answer: Answer) -> None:
    asyncio.get_running_loop().call_soon(answer.resume)


def in_a_while(answer: Answer) -> None:
    asyncio.get_running_loop().call_later(0.0005, answer.resume)


@pytest.mark.parametrize("again", [at_once, soon, in_a_while], ids=lambda again: again.__name__)
async def test_a_sink_that_pauses_at_every_piece_gets_everything_in_order(
    transport: Transport, again: Callable[[Answer], None]
) -> None:
    async with origin(counting(50)) as server:
        for _ in range(2):
            answer, bucket = await transport.send(post(server.url)), Bucket()

            def sink(piece: bytes, answer: Answer = answer, bucket: Bucket = bucket) -> None:
                bucket(piece)
                answer.pause()
                again(answer)

            await answer.pour(sink)
            assert bucket.content == NUMBERS
            answer.close()
    assert [request.connection for request in server.requests] == [1, 1]


async def test_pausing_and_resuming_from_outside_loses_nothing(transport: Transport) -> None:
    async with origin(counting()) as server:
        answer = await transport.send(post(server.url))
        async with pouring(answer) as (task, bucket):
            while not task.done():
                answer.pause()
                await asyncio.sleep(0)
                answer.resume()
                await asyncio.sleep(0)
            assert bucket.content == NUMBERS


async def test_a_paused_stream_stops_the_server_and_goes_on(transport: Transport) -> None:
    said, block = 0, b"x" * 65_536

    async def script(line: Line) -> None:
        nonlocal said
        request = await line.request()
        if request.method == "GET":
            await line.say(LENGTH)
            return await answering(line, LENGTH)
        line.shrink()
        await line.say(OK + b"Content-Length: %d\r\n\r\n" % MANY)
        for _ in range(MANY // len(block)):
            await line.say(block)
            said += len(block)
        return None

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        size = 0

        def sink(piece: bytes) -> None:
            nonlocal size
            if not size:
                answer.pause()
                full.set()
            size += len(piece)

        full = asyncio.Event()
        async with pouring(answer, sink) as (task, _):
            await full.wait()
            for _ in range(300):  # plenty of turns of the loop, in which the server says what it is allowed to
                await whole(transport, get(server.url))
            assert said < MANY // 4
            assert size < MANY // 8
            answer.resume()
            await task
        assert size == MANY


async def test_what_came_before_a_break_is_poured_first_even_when_paused(transport: Transport) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK + b"Content-Length: 9\r\n\r\nhello")

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        bucket = Bucket()

        def sink(piece: bytes) -> None:
            bucket(piece)
            answer.pause()
            soon(answer)

        with pytest.raises(UpstreamFailed) as caught:
            await answer.pour(sink)
        assert bucket.content == b"hello"
        expect_discreet(caught.value)


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED, CHUNKED[:-5], OK + b"\r\nhello"], ids=["l", "c", "open", "eof"])
async def test_the_sink_may_close(transport: Transport, wire: bytes) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        request = await line.request()
        await line.say(wire)
        if request.method == "GET":
            return
        await line.gone()
        gone.set()

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        bucket = Bucket()

        def sink(piece: bytes) -> None:
            bucket(piece)
            answer.close()

        await answer.pour(sink)
        assert len(bucket.pieces) == 1
        await transport.close()
        await gone.wait()


async def test_closing_while_paused_ends_pouring(transport: Transport) -> None:
    async with origin(lambda line: answering(line, CHUNKED)) as server:
        answer = await transport.send(post(server.url))
        answer.pause()
        async with pouring(answer) as (task, bucket):
            await asyncio.sleep(0)
            answer.close()
            await task
            answer.resume()
            assert not bucket.pieces


async def test_an_answer_that_is_left_pours_no_more_and_may_be_closed(transport: Transport) -> None:
    more = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(CHUNKED[:-5])
        await more.wait()
        await line.say(b"3\r\nbye\r\n0\r\n\r\n")

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        async with pouring(answer) as (task, bucket):
            await bucket.filled.wait()
            before = bucket.content
            answer.leave()
            await task
            answer.close()
            answer.leave()
            answer.pause()
            answer.resume()
            more.set()
            await server.lines[0].gone() if not isinstance(transport, NativeTransport) else await asyncio.sleep(0)
            assert bucket.content == before


async def test_after_the_end_everything_may_still_be_called(transport: Transport) -> None:
    async with origin(lambda line: answering(line, CHUNKED)) as server:
        for _ in range(2):
            answer = await transport.send(post(server.url))
            assert await rest(answer) == b"hello"
            answer.pause()
            answer.resume()
            answer.close()
            answer.pause()
            answer.resume()
            await answer.pour(Bucket())
            answer.close()
    assert [request.connection for request in server.requests] == [1, 1]


async def test_a_closed_answer_is_neither_poured_nor_read(transport: Transport) -> None:
    async with origin(lambda line: answering(line, LENGTH[:-1])) as server:
        answer = await transport.send(post(server.url))
        answer.close()
        bucket = Bucket()
        await answer.pour(bucket)
        assert not bucket.pieces
        with pytest.raises(UpstreamFailed):
            await answer.read(100, FOREVER)


async def test_a_sink_that_breaks_its_promise_ends_the_stream(transport: Transport) -> None:
    class Mistake(Exception):
        pass

    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK + b"Content-Length: 9\r\n\r\n")
        await asyncio.sleep(0)
        await line.say(b"hello")
        await line.gone()
        gone.set()

    def sink(piece: bytes) -> None:
        raise Mistake

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        with pytest.raises(Mistake):
            await answer.pour(sink)
        await gone.wait()


async def test_pouring_does_not_begin_before_the_answer_is_wanted(transport: Transport) -> None:
    async with origin(counting(1000)) as server:
        answer = await transport.send(post(server.url))
        for _ in range(10):
            await asyncio.sleep(0)
        assert await rest(answer) == NUMBERS


async def test_many_streams_are_poured_at_once(transport: Transport) -> None:
    async with origin(counting(400)) as server:

        async def one() -> None:
            assert await rest(await transport.send(post(server.url))) == NUMBERS

        for _ in range(2):
            await asyncio.gather(*(one() for _ in range(12)))
    assert len(server.lines) == 12
