"""One connection, by hand: what is written, what is understood, and when it can carry another request."""

import asyncio
import contextlib
import gc
import itertools

import pytest
from httptools import HttpResponseParser
from hypothesis import given
from hypothesis import strategies as st

from proxy.codec import Pieces
from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.outbox import Outbox
from proxy.upstream.connection import HEADER_LIMIT, LARGE, LINES, Stale
from tests.upstream.framings import CHUNKED, FRAMINGS, LENGTH, NOT_HTTP, OK, Framing
from tests.upstream.sending import FOREVER, PLENTY, Bucket
from tests.upstream.wires import PATIENT, Desk, usable

CUTS = st.lists(st.integers(0, 40), max_size=40)


def sliced(wire: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *itertools.accumulate(cuts), len(wire)]
    return [wire[start:end] for start, end in itertools.pairwise(places)]


async def told(framing: Framing, pieces: list[bytes], way: str) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can be used again, after the answer came in these pieces."""
    desk = Desk()
    waiter = desk.ask()
    done = asyncio.Event()

    async def take() -> tuple[int, bytes]:
        answer = await waiter
        if way == "read":
            return answer.status, await answer.read(PLENTY, FOREVER)
        bucket = Bucket()
        await answer.pour(bucket)
        return answer.status, bucket.content

    task = asyncio.ensure_future(take())
    for piece in pieces:
        desk.say(piece)
        await asyncio.sleep(0)
    if not framing.lasts:
        desk.hang_up()
    status, body = await task
    done.set()
    return status, body, desk.idle


@given(st.sampled_from(list(FRAMINGS.values())), CUTS, st.sampled_from(["read", "pour"]))
def test_any_slicing_gives_the_same_answer(framing: Framing, cuts: list[int], way: str) -> None:
    expected = (framing.status, framing.body, framing.lasts)
    assert asyncio.run(told(framing, sliced(framing.wire, cuts), way)) == expected


@given(st.sampled_from(sorted(NOT_HTTP)), CUTS)
def test_in_any_slicing_what_is_not_http_is_a_failure(name: str, cuts: list[int]) -> None:
    async def run() -> None:
        desk = Desk()
        waiter = desk.ask()
        desk.say(*sliced(NOT_HTTP[name], cuts))
        desk.hang_up()
        with pytest.raises(UpstreamFailed):
            await (await waiter).read(PLENTY, FOREVER)
        assert not desk.idle

    asyncio.run(run())


@given(st.sampled_from([LENGTH, CHUNKED]), st.binary(min_size=1, max_size=30), CUTS)
def test_in_any_slicing_nothing_behind_an_answer_is_kept(wire: bytes, extra: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        desk = Desk()
        waiter = desk.ask()
        desk.say(*sliced(wire + extra, cuts))
        if extra.strip(b"\r\n"):  # line breaks before a message are to be skipped (RFC 9112, 2.2)
            assert desk.wire.aborted
        assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
        again = desk.ask()
        await asyncio.sleep(0)
        assert not again.done()
        desk.connection.give_up(again)

    asyncio.run(run())


async def test_a_small_request_is_one_write() -> None:
    desk = Desk()
    waiter = desk.ask(b"{}")
    assert desk.wire.written == [b"POST / HTTP/1.1\r\n\r\n{}"]
    desk.connection.give_up(waiter)
    assert desk.wire.aborted


async def test_a_large_body_is_written_as_it_is() -> None:
    desk, body = Desk(), bytes(LARGE)
    waiter = desk.ask(body)
    assert desk.wire.written[1] is body
    desk.connection.give_up(waiter)


async def test_a_body_in_pieces_is_not_put_together() -> None:
    desk, pieces = Desk(), (b"{", memoryview(bytes(LARGE)), b"}")
    waiter = desk.ask(Pieces(pieces))
    assert desk.wire.written[1:] == list(pieces)
    assert desk.wire.written[2] is pieces[1]
    desk.connection.give_up(waiter)


async def test_a_few_bytes_in_pieces_are_no_different() -> None:
    desk = Desk()
    waiter = desk.ask(Pieces([b"{", memoryview(b"}")]))
    assert b"".join(desk.wire.written) == b"POST / HTTP/1.1\r\n\r\n{}"
    desk.connection.give_up(waiter)


async def test_the_pieces_of_one_read_are_poured_as_one() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    answer, bucket = await waiter, Bucket()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    desk.say(b"2\r\nhe\r\n1\r\nl\r\n", b"2\r\nlo\r\n0\r\n\r\n")
    assert bucket.pieces == [b"hel", b"lo"]  # in the call stack of data_received
    await task
    assert desk.idle


async def test_an_answer_that_came_whole_is_read_without_waiting() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(LENGTH)
    reading = waiter.result().read(PLENTY, FOREVER)
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    assert ended.value.value == b"hello"


@pytest.mark.parametrize("how", ["unsent", "choked"])
async def test_a_request_that_is_not_sent_whole_leaves_no_usable_connection(how: str) -> None:
    desk = Desk()
    waiter = desk.ask()
    if how == "choked":
        desk.connection.pause_writing()
    else:
        desk.wire.unsent = 1
    desk.say(LENGTH)
    assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
    assert desk.wire.aborted
    assert not desk.idle


async def test_a_request_that_was_sent_after_all_leaves_one() -> None:
    desk = Desk()
    desk.ask()
    desk.connection.pause_writing()
    desk.connection.resume_writing()
    desk.say(LENGTH)
    assert desk.idle


@pytest.mark.parametrize("size", [HEADER_LIMIT - 100, HEADER_LIMIT])
@pytest.mark.parametrize("slice_", [1 << 20, 1000])
async def test_a_head_has_an_end(size: int, slice_: int) -> None:
    wire = OK + b"X-Long: " + b"x" * (size - len(OK) - 100) + b"\r\n" * 1 + b"Y: " + b"y" * 83 + b"\r\n"
    wire += b"Content-Length: 5\r\n\r\nhello" + b""
    desk = Desk()
    waiter = desk.ask()
    desk.say(*(wire[place : place + slice_] for place in range(0, len(wire), slice_)))
    if size < HEADER_LIMIT:
        assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
    else:
        with pytest.raises(UpstreamFailed, match="not HTTP"):
            await waiter


async def test_a_large_body_behind_a_head_does_not_count() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"Content-Length: 200000\r\n\r\n" + bytes(200_000))
    assert await (await waiter).read(PLENTY, FOREVER) == bytes(200_000)


@pytest.mark.parametrize("number", [LINES, LINES + 1])
async def test_headers_have_a_number(number: int) -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"".join(b"X-%d: 1\r\n" % line for line in range(number - 1)) + b"Content-Length: 0\r\n\r\n")
    if number == LINES:
        assert (await waiter).headers["x-0"] == "1"
    else:
        with pytest.raises(UpstreamFailed, match="not HTTP"):
            await waiter


UNWANTED = {
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "switching-only": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + LENGTH,
    "status-99": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "version-2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "coding": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "coding-behind": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\nhello",
    "same-length-twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "folded": OK + b"X: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "interim-endless": b"HTTP/1.1 102 Processing\r\n\r\n" * 5000,
}


@pytest.mark.parametrize("wire", UNWANTED.values(), ids=UNWANTED)
async def test_what_could_be_read_in_two_ways_is_refused(wire: bytes) -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(wire)
    with pytest.raises(UpstreamFailed, match="not HTTP"):
        await waiter
    assert desk.wire.aborted


async def test_codings_that_differ_are_not_ended_by_the_end() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello")
    desk.hang_up()
    with pytest.raises(UpstreamFailed, match="broke off"):
        await (await waiter).read(PLENTY, FOREVER)


@pytest.mark.parametrize("barren", [b"0\r\nX: " + b"x" * 1000, b"5;x=" + b"x" * 1000], ids=["trailer", "extension"])
async def test_what_is_no_body_has_an_end_as_well(barren: bytes) -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"Transfer-Encoding: chunked\r\n\r\n", barren, *[b"x" * 1000] * 70)
    with pytest.raises(UpstreamFailed, match="not HTTP"):
        await (await waiter).read(PLENTY, FOREVER)
    assert desk.wire.aborted


@pytest.mark.parametrize("name", [b"Connection", b"PROXY-connection", b"transfer-encoding"])
@pytest.mark.parametrize("size", [1, 1000])
async def test_what_trailers_say_of_the_connection_ends_it(name: bytes, size: int) -> None:
    """They have no business there, but the parser heeds them, and would refuse the next answer."""
    desk = Desk()
    waiter = desk.ask()
    wire = CHUNKED.removesuffix(b"\r\n") + name + b": close\r\nX: 1\r\n\r\n"
    desk.say(*(wire[place : place + size] for place in range(0, len(wire), size)))
    assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
    assert desk.wire.aborted
    assert not desk.idle


async def test_trailers_are_not_headers_of_the_next_answer() -> None:
    desk = Desk()
    desk.ask()
    desk.say(CHUNKED.removesuffix(b"\r\n") + b"X-Trailer: 1\r\n\r\n")
    waiter = desk.ask()
    desk.say(LENGTH)
    assert "x-trailer" not in (await waiter).headers


async def test_where_nothing_is_kept_a_connection_ends_with_its_answer() -> None:
    desk = Desk()
    desk.pool.keeps = False
    waiter = desk.ask()
    desk.say(LENGTH)
    assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
    assert desk.wire.aborted


async def test_pieces_of_one_byte_are_no_barren_bytes() -> None:
    desk = Desk()
    waiter = desk.ask()
    wire = OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 15_000 + b"0\r\n\r\n"
    desk.say(*(wire[place : place + 1] for place in range(len(wire))))
    assert await (await waiter).read(PLENTY, FOREVER) == b"x" * 15_000


async def test_what_is_garbled_in_the_body_comes_after_what_is_not() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n")
    answer, bucket = await waiter, Bucket()
    with pytest.raises(UpstreamFailed, match="not HTTP"):
        await answer.pour(bucket)
    assert bucket.pieces == [b"hello"]


async def test_an_idle_connection_that_speaks_is_cut() -> None:
    desk = Desk()
    desk.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert desk.wire.aborted


async def test_an_answer_to_somebody_who_has_given_up_is_cut() -> None:
    desk = Desk()
    waiter = desk.ask()
    waiter.cancel()
    desk.say(LENGTH)
    assert desk.wire.aborted
    assert not desk.idle
    desk.connection.give_up(waiter)


async def test_giving_up_late_does_not_touch_what_follows() -> None:
    """The answer has come whole, and the connection serves another request already."""
    desk = Desk()
    first = desk.ask()
    desk.say(LENGTH)
    second = desk.ask()
    desk.connection.give_up(first)
    assert not desk.wire.aborted
    desk.say(LENGTH)
    assert await (await second).read(PLENTY, FOREVER) == b"hello"


async def test_giving_up_late_closes_an_answer_under_way() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(LENGTH[:-1])
    desk.connection.give_up(waiter)
    assert desk.wire.aborted


async def test_giving_up_what_has_failed_is_nothing() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(b"garbage")
    desk.connection.give_up(waiter)
    assert waiter.exception() is not None


@pytest.mark.parametrize(
    ("heard", "cause", "message"),
    [
        (b"", None, "without an answer"),
        (b"", ConnectionResetError(), "failed"),
        (b"H", None, "broke off"),
        (b"H", ConnectionResetError(), "broke off"),
        (LENGTH[:-1], ConnectionResetError(), "broke off"),
    ],
)
async def test_a_loss_is_told_by_what_was_heard(heard: bytes, cause: Exception | None, message: str) -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(heard)
    desk.connection.connection_lost(cause)
    with pytest.raises(UpstreamFailed, match=message) as caught:
        await (await waiter).read(PLENTY, FOREVER)
    assert caught.value.__cause__ is cause
    assert desk.gone == 1
    assert not usable(desk.connection)


@pytest.mark.parametrize("cause", [None, ConnectionResetError()])
async def test_a_reused_connection_without_a_byte_is_stale(cause: Exception | None) -> None:
    desk = Desk()
    desk.ask()
    desk.say(LENGTH)
    waiter = desk.ask()
    desk.connection.connection_lost(cause)
    with pytest.raises(Stale):
        await waiter


async def test_a_connection_that_is_gone_takes_no_request() -> None:
    desk = Desk()
    desk.connection.connection_lost(None)
    with pytest.raises(UpstreamFailed):
        await desk.ask()
    desk.connection.retire()
    desk.connection.hold()
    desk.connection.flow()
    desk.connection.cut()


async def test_the_parser_of_a_connection_that_is_gone_needs_no_garbage_collector() -> None:
    def alive() -> int:
        return list(map(type, gc.get_objects())).count(HttpResponseParser)

    gc.collect()
    gc.disable()
    try:
        before = alive()
        desk = Desk()
        waiter = desk.ask()
        desk.say(LENGTH)
        assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
        assert alive() > before
        desk.hang_up()
        assert alive() == before
    finally:
        gc.enable()


async def test_an_answer_that_does_not_begin_is_late() -> None:
    desk = Desk(first_byte=0.25)
    waiter = desk.connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, 0)
    assert desk.wire.written == [b"GET / HTTP/1.1\r\n\r\n"]
    with pytest.raises(UpstreamTimeout, match=r"within 0.25 s \(timeouts.first_byte\)"):
        await waiter
    assert desk.wire.aborted


async def test_a_deadline_counts_from_its_own_request() -> None:
    """The timer that one request has set may look while another waits, whose time is not over."""
    desk = Desk()
    waiter = desk.connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, PATIENT)
    desk.say(LENGTH)
    assert await (await waiter).read(PLENTY, FOREVER) == b"hello"
    waiter = desk.connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, PATIENT)
    desk.connection._look()
    assert not waiter.done()
    assert desk.connection._timer is not None
    desk.say(LENGTH)
    desk.connection._look()
    assert desk.connection._timer is None  # nothing looks after a connection that idles
    assert not desk.wire.aborted


async def test_a_deadline_may_come_before_that_of_the_request_before() -> None:
    desk = Desk()
    desk.ask()
    desk.say(LENGTH)
    waiter = desk.connection.ask(b"GET / HTTP/1.1\r\n\r\n", None, 0)
    with pytest.raises(UpstreamTimeout):
        await waiter


async def test_a_connection_that_is_gone_is_nobodys_deadline() -> None:
    desk = Desk()
    desk.ask()
    desk.say(LENGTH)
    timer = desk.connection._timer
    assert timer is not None
    desk.hang_up()
    assert timer._callback is None


@pytest.mark.parametrize("said", [b"", LENGTH[:-1], LENGTH], ids=["waiting", "under-way", "idle"])
async def test_the_end_is_told_to_whoever_uses_it(said: bytes) -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(said)
    desk.connection.end()
    assert desk.wire.aborted
    expected = contextlib.nullcontext() if said == LENGTH else pytest.raises(UpstreamFailed, match="was closed")
    with expected:
        assert await (await waiter).read(PLENTY, FOREVER) == b"hello"


async def test_an_idle_connection_is_retired_in_order() -> None:
    desk = Desk()
    desk.connection.retire()
    assert desk.wire.closed
    assert not usable(desk.connection)


async def test_a_connection_that_was_held_reads_again_for_the_next_request() -> None:
    desk = Desk()
    waiter = desk.ask()
    desk.say(LENGTH[:-1])
    desk.connection.hold()
    desk.connection.hold()
    assert not desk.wire.reading
    desk.say(LENGTH[-1:])  # was on its way already
    assert desk.wire.reading
    assert desk.idle
    assert await (await waiter).read(PLENTY, FOREVER) == b"hello"


class Crowd:
    """Many requests are under way."""

    value = 9.0


@pytest.mark.parametrize("body", [None, b"hi", b"x" * LARGE])
async def test_a_request_goes_out_behind_what_has_to_be_first(body: bytes | None) -> None:
    outbox = Outbox(Crowd())
    desk = Desk(outbox=outbox)
    written: list[list[bytes]] = []
    outbox.first = lambda: written.append(desk.wire.written.copy())
    waiter = desk.connection.ask(b"head", body, FOREVER)
    if body is None or len(body) < LARGE:
        assert desk.wire.written == []
        await asyncio.sleep(0)
    assert written[0] == []
    assert b"".join(desk.wire.written) == b"head" + (body or b"")
    desk.connection.give_up(waiter)
