"""What is special about aiohttp's client; the contract itself is in the three `test_transport*.py`."""

import gzip
import ssl
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from proxy.errors import UpstreamFailed, UpstreamFault
from proxy.upstream.aiohttp_transport import LARGE, AiohttpTransport, border
from tests.upstream.conftest import PATIENT
from tests.upstream.framings import LENGTH, OK
from tests.upstream.origin import answering, origin
from tests.upstream.sending import FOREVER, expect_discreet, fails, get, post, whole

BOMB = gzip.compress(bytes(50_000_000))


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport(**PATIENT, tls=ssl.create_default_context())
    yield made
    await made.close()


def encoded(body: bytes, encoding: bytes) -> bytes:
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (encoding, len(body), body)


async def test_an_answer_that_is_compressed_all_the_same_is_read(transport: AiohttpTransport) -> None:
    wire = encoded(gzip.compress(b"hello"), b"gzip")
    async with origin(lambda line: answering(line, wire)) as server:
        assert await whole(transport, post(server.url)) == (200, b"hello")


@pytest.mark.parametrize(
    "body",
    [b"not gzip at all", b"\x1f\x8b" + bytes(30), gzip.compress(b"hello", mtime=0) + b"more"],
    ids=["none", "bad", "more"],
)
async def test_an_answer_that_cannot_be_decompressed_is_a_failure(transport: AiohttpTransport, body: bytes) -> None:
    wire = encoded(body, b"gzip")
    async with origin(lambda line: answering(line, wire)) as server:
        await fails(transport, post(server.url), UpstreamFailed)


async def test_the_limit_of_an_answer_holds_for_what_it_becomes(transport: AiohttpTransport) -> None:
    wire = encoded(BOMB, b"gzip")
    assert len(wire) < 100_000
    async with origin(lambda line: answering(line, wire)) as server:
        answer = await transport.send(get(server.url))
        with pytest.raises(UpstreamFailed, match="larger than 1000000 bytes"):
            await answer.read(1_000_000, FOREVER)
        answer.close()


async def test_pieces_stay_small_whatever_they_are_made_of(transport: AiohttpTransport) -> None:
    wire = encoded(BOMB, b"gzip")
    async with origin(lambda line: answering(line, wire)) as server:
        answer = await transport.send(get(server.url))
        assert 0 < len(await answer.piece()) < 2_000_000
        answer.close()


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE])
async def test_bodies_arrive_whole_below_and_above_the_mark(transport: AiohttpTransport, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await whole(transport, post(server.url, body=body))
    (request,) = server.requests
    assert request.body == body
    assert request.headers["content-length"] == str(size)
    assert request.headers["content-type"] == "application/json"
    assert "content-disposition" not in request.headers
    assert "expect" not in request.headers


def descendants(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("aiohttp."):
            yield child
            yield from descendants(child)


@pytest.mark.parametrize("kind", sorted({*descendants(aiohttp.ClientError)}, key=str), ids=lambda kind: kind.__name__)
def test_no_exception_of_the_library_gets_out(kind: type[BaseException]) -> None:
    with pytest.raises(UpstreamFault) as caught, border():
        raise kind.__new__(kind)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "fault", [OSError(24, "Too many open files"), ssl.SSLError(1, "bad record mac"), RuntimeError(), ValueError("x")]
)
def test_nothing_of_the_system_gets_out_either(fault: Exception) -> None:
    with pytest.raises(UpstreamFailed) as caught, border():
        raise fault
    expect_discreet(caught.value)


def test_a_mistake_of_ours_is_not_called_a_failure_of_telnyx() -> None:
    with pytest.raises(KeyError), border():
        raise KeyError("mistake")
