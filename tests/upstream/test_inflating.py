"""Bodies that come compressed unasked: read and poured on every transport; and the inflater by itself."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamFailed
from proxy.upstream.inflating import Inflater
from proxy.upstream.transport import Transport
from tests.upstream.framings import OK
from tests.upstream.origin import Line, answering, origin
from tests.upstream.sending import FOREVER, Bucket, fails, get, post, rest, whole

BOMB = gzip.compress(bytes(50_000_000))


def bare(body: bytes) -> bytes:
    """The stream without the frame of zlib."""
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(body) + deflating.flush()


def encoded(body: bytes, encoding: bytes) -> bytes:
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (encoding, len(body), body)


COMPRESSED = {
    "gzip": encoded(gzip.compress(b"hello", mtime=0), b"gzip"),
    "capitals": encoded(gzip.compress(b"hello", mtime=0), b"GZip"),
    "deflate": encoded(zlib.compress(b"hello"), b"deflate"),
    "bare": encoded(bare(b"hello"), b"deflate"),
    "identity": encoded(b"hello", b"identity"),
}
GARBLED = {
    "none": b"not gzip at all",
    "bad": b"\x1f\x8b" + bytes(30),
    "more": gzip.compress(b"hello", mtime=0) + b"more",
}


@pytest.mark.parametrize("wire", COMPRESSED.values(), ids=COMPRESSED)
async def test_an_answer_that_is_compressed_all_the_same_is_read(transport: Transport, wire: bytes) -> None:
    async with origin(lambda line: answering(line, wire)) as server:
        assert await whole(transport, post(server.url)) == (200, b"hello")
        assert await rest(await transport.send(post(server.url))) == b"hello"


async def test_nothing_compressed_is_nothing(transport: Transport) -> None:
    async with origin(lambda line: answering(line, encoded(b"", b"gzip"))) as server:
        assert await whole(transport, post(server.url)) == (200, b"")
        assert await rest(await transport.send(post(server.url))) == b""


@pytest.mark.parametrize("body", GARBLED.values(), ids=GARBLED)
async def test_an_answer_that_cannot_be_decompressed_is_a_failure(transport: Transport, body: bytes) -> None:
    wire = encoded(body, b"gzip")
    async with origin(lambda line: answering(line, wire)) as server:
        await fails(transport, post(server.url), UpstreamFailed)
        with pytest.raises(UpstreamFailed):
            await rest(await transport.send(post(server.url)))


async def test_the_limit_of_an_answer_holds_for_what_it_becomes(transport: Transport) -> None:
    wire = encoded(BOMB, b"gzip")
    assert len(wire) < 100_000
    async with origin(lambda line: answering(line, wire)) as server:
        answer = await transport.send(get(server.url))
        with pytest.raises(UpstreamFailed, match="larger than 1000000 bytes"):
            await answer.read(1_000_000, FOREVER)
        answer.close()


async def test_pieces_stay_small_whatever_they_are_made_of(transport: Transport) -> None:
    async with origin(lambda line: answering(line, encoded(BOMB, b"gzip"))) as server:
        answer = await transport.send(get(server.url))
        bucket = Bucket()
        await answer.pour(bucket)
        assert max(map(len, bucket.pieces)) < 2_000_000
        assert bucket.content == bytes(50_000_000)
        answer = await transport.send(get(server.url))
        assert await answer.read(50_000_000, FOREVER) == bytes(50_000_000)


async def test_pieces_are_poured_as_they_come_and_as_they_are_wanted(transport: Transport) -> None:
    wire = encoded(gzip.compress(b"hello" * 100_000, compresslevel=0), b"gzip")

    async def script(line: Line) -> None:
        await line.request()
        for place in range(0, len(wire), 40_000):
            await line.say(wire[place : place + 40_000])

    async with origin(script) as server:
        answer = await transport.send(get(server.url))
        bucket = Bucket()

        def sink(piece: bytes) -> None:
            bucket(piece)
            answer.pause()
            answer.resume()

        await answer.pour(sink)
        assert bucket.content == b"hello" * 100_000
        assert len(bucket.pieces) > 1


@given(st.binary(max_size=2000), st.lists(st.integers(1, 60), max_size=60), st.integers(1, 500))
def test_any_slicing_inflates_to_the_same_in_bounded_steps(body: bytes, cuts: list[int], most: int) -> None:
    wire = gzip.compress(body, mtime=0)
    inflater, out, rest_ = Inflater("gzip"), b"", b""
    place = 0
    for size in [*cuts, len(wire)]:
        rest_ += wire[place : place + size]
        place += size
        while rest_ or inflater.more:
            piece, rest_ = inflater.feed(rest_, most)
            assert len(piece) <= most
            out += piece
    assert out == body
    assert inflater.complete


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_an_unknown_encoding_is_a_failure(encoding: str) -> None:
    inflater = Inflater(encoding)
    assert inflater.feed(b"", 10) == (b"", b"")
    with pytest.raises(UpstreamFailed):
        inflater.feed(b"x", 10)


def test_what_is_cut_off_is_not_complete() -> None:
    inflater = Inflater("gzip")
    assert inflater.complete
    inflater.feed(gzip.compress(b"hello")[:-1], 100)
    assert not inflater.complete
