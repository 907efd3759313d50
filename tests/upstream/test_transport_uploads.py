"""The contract of the transport port, part four: request bodies that are read while they are sent.

Known are the port alone and the bytes on the wire; every implementation meets every test.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.upstream.transport import Outgoing, Transport, Upload
from tests.upstream.conftest import Make
from tests.upstream.framings import OK
from tests.upstream.origin import LIMIT, Gone, Line, answering, origin
from tests.upstream.sending import CREDENTIAL, FOREVER, expect_discreet, post, whole

HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nenough"[:-1]
KIND = "multipart/form-data; boundary=x"


async def head(line: Line) -> dict[str, str]:
    """The headers of the next request; its body is left where it is."""
    try:
        text = (await line.reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, OSError) as fault:
        raise Gone from fault
    pairs = [each.partition(": ")[::2] for each in text.split("\r\n")[1:-2]]
    assert len(dict(pairs)) == len(pairs), "a header came twice"
    return {name.lower(): value for name, value in pairs}


async def chunk(line: Line) -> bytes:
    """The next chunk; empty at the end. Raises Gone where the body breaks off."""
    try:
        size = int(await line.reader.readuntil(b"\r\n"), 16)
        data = await line.reader.readexactly(size + 2)
    except (asyncio.IncompleteReadError, OSError) as fault:
        raise Gone from fault
    return data[:-2]


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


def upload(url: str, source: AsyncIterator[bytes], length: int | None = None) -> Outgoing:
    return Outgoing("POST", url, CREDENTIAL, Upload(source, KIND, length), headers={"traceparent": "00-1-2-03"})


class Endless:
    """Pieces until nobody asks any more; counts them."""

    def __init__(self, size: int = 65536) -> None:
        self.given = 0
        self._piece = bytes(size)

    def __aiter__(self) -> "Endless":
        return self

    async def __anext__(self) -> bytes:
        self.given += 1
        return self._piece


@pytest.mark.parametrize("known", [True, False])
async def test_a_body_arrives_whole_with_its_length_or_in_chunks(transport: Transport, *, known: bool) -> None:
    body = [bytes([number % 251]) * size for number, size in enumerate([1, 0, 65536, 200_000, 7])]
    length = sum(map(len, body))
    seen: list[tuple[dict[str, str], bytes]] = []

    async def script(line: Line) -> None:
        headers = await head(line)
        if known:
            seen.append((headers, await line.reader.readexactly(length)))
        else:
            taken = b""
            while piece := await chunk(line):
                taken += piece
            seen.append((headers, taken))
        await line.say(HELLO)

    async with origin(script) as server:
        sent = upload(server.url, pieces(*body), length if known else None)
        assert await whole(transport, sent) == (200, b"hello")
    ((headers, taken),) = seen
    assert taken == b"".join(body)
    assert headers.get("content-length") == (str(length) if known else None)
    assert headers.get("transfer-encoding") == (None if known else "chunked")
    assert headers["content-type"] == KIND
    assert headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert headers["traceparent"] == "00-1-2-03"
    assert headers["accept-encoding"] == "identity"
    assert "expect" not in headers


async def test_pieces_leave_as_they_come(transport: Transport) -> None:
    arrived = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"first"
        await arrived.wait()
        yield b"second"

    async def script(line: Line) -> None:
        await head(line)
        assert await chunk(line) == b"first"
        arrived.set()
        assert await chunk(line) == b"second"
        assert await chunk(line) == b""
        await line.say(HELLO)

    async with origin(script) as server:
        assert await whole(transport, upload(server.url, source())) == (200, b"hello")


async def test_a_slow_reader_slows_the_source(transport: Transport) -> None:
    source, go_on = Endless(), asyncio.Event()

    async def script(line: Line) -> None:
        await head(line)
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await go_on.wait()

    async with origin(script) as server:
        task = asyncio.ensure_future(transport.send(upload(server.url, source)))
        before = -1
        async with asyncio.timeout(FOREVER):
            while before <= 0 or source.given != before:  # nothing more is taken once every buffer on the way is full
                before = source.given
                for _ in range(2000):
                    await asyncio.sleep(0)
        assert 0 < source.given * 65536 < 64 * 1024 * 1024
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        go_on.set()


class Broken(Exception):
    """What a source raises."""


async def test_what_the_source_raises_comes_out_and_the_request_breaks_off(transport: Transport) -> None:
    seen: list[bytes] = []
    gone = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield b"half"
        raise Broken

    async def script(line: Line) -> None:
        try:
            await head(line)
            while piece := await chunk(line):
                seen.append(piece)
            seen.append(b"the end")
        finally:
            gone.set()

    async with origin(script) as server:
        with pytest.raises(Broken):
            await transport.send(upload(server.url, source()))
        await gone.wait()
    assert b"the end" not in seen


@pytest.mark.parametrize("length", [3, 9])
async def test_a_body_of_another_length_breaks_off(transport: Transport, length: int) -> None:
    ended = asyncio.Event()

    async def script(line: Line) -> None:
        try:
            await head(line)
            await line.gone()
        finally:
            ended.set()

    async with origin(script) as server:
        with pytest.raises(UpstreamFailed, match="length") as caught:
            await transport.send(upload(server.url, pieces(b"he", b"llo"), length))
        expect_discreet(caught.value)
        await ended.wait()


@pytest.mark.parametrize("stuck", ["source", "socket"])
async def test_an_early_answer_ends_the_upload_and_the_connection(transport: Transport, stuck: str) -> None:
    """Whether the source has nothing to give or gives without end, the answer is delivered."""
    endless, gone = Endless(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def script(line: Line) -> None:
        await head(line)
        await chunk(line)
        await line.say(TOO_LARGE)
        try:
            while await line.reader.read(LIMIT):
                pass
        except OSError:
            pass
        finally:
            gone.set()

    async with origin(script) as server:
        source: AsyncIterator[bytes] = waiting() if stuck == "source" else endless
        answer = await transport.send(upload(server.url, source))
        assert answer.status == 413
        assert await answer.read(100, FOREVER) == b"enoug"
        answer.close()
        await gone.wait()
        before = endless.given
        await asyncio.sleep(0)
        assert endless.given == before
    assert len(server.lines) == 1


async def test_an_upload_is_not_sent_twice(transport: Transport) -> None:
    """Even where a reused connection would be suspected of being stale."""
    seen = 0

    async def script(line: Line) -> None:
        nonlocal seen
        if line.number == 1:
            await answering(line, HELLO)
        await head(line)
        seen += 1
        line.reset()

    async with origin(script) as server:
        assert await whole(transport, post(server.url)) == (200, b"hello")
        source = Endless()
        with pytest.raises(UpstreamFailed) as caught:
            await transport.send(upload(server.url, source))
        expect_discreet(caught.value)
    assert seen == 1


async def test_waiting_for_the_answer_begins_with_the_end(make: Make) -> None:
    """The source may take longer than Telnyx is given for the first byte."""
    async with origin(silent_after_all) as server:
        with pytest.raises(UpstreamTimeout, match=r"did not begin to answer within 0\.2 s"):
            await make(first_byte=0.2).send(upload(server.url, slowly(0.3)))


async def slowly(seconds: float) -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.sleep(seconds)
    yield b"second"


async def silent_after_all(line: Line) -> None:
    await head(line)
    assert await chunk(line) == b"first"
    assert await chunk(line) == b"second"
    await line.gone()


async def test_telnyx_has_to_take_what_is_sent(make: Make) -> None:
    async def script(line: Line) -> None:
        await head(line)
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with origin(script) as server:
        with pytest.raises(UpstreamTimeout, match=r"took nothing of the request for 0\.2 s"):
            await make(first_byte=0.2).send(upload(server.url, Endless()))


async def test_cancelling_cuts_the_connection_and_leaves_the_source(transport: Transport) -> None:
    started, left, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            started.set()
            await asyncio.Event().wait()
        finally:
            left.set()

    async def script(line: Line) -> None:
        try:
            await head(line)
            await line.gone()
        finally:
            gone.set()

    async with origin(script) as server:
        task = asyncio.ensure_future(transport.send(upload(server.url, source())))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()
        await left.wait()


async def test_after_an_upload_requests_go_on(transport: Transport) -> None:
    async def script(line: Line) -> None:
        headers = await head(line)
        while headers.get("transfer-encoding") and await chunk(line):
            pass
        await line.reader.readexactly(int(headers.get("content-length", 0)))
        await line.say(HELLO)
        await script(line)

    async with origin(script) as server:
        for _ in range(2):
            assert await whole(transport, upload(server.url, pieces(b"he", b"llo"))) == (200, b"hello")
            assert await whole(transport, post(server.url)) == (200, b"hello")
