"""An answer as it comes in: who takes it, and how much of it waits. No network, and no time but the wheel's."""

import asyncio

import pytest

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.upstream.incoming import BUFFER, LEFT_OVER, Incoming
from tests.upstream.framings import OK
from tests.upstream.sending import FOREVER, PLENTY, Bucket
from tests.upstream.wires import Desk

ENDLESS = OK + b"\r\n"
"""A head whose body lasts as long as the connection."""
BLOCK = bytes(64 * 1024)


async def begun(desk: Desk, wire: bytes = ENDLESS) -> Incoming:
    waiter = desk.ask()
    desk.say(wire)
    return await waiter


async def test_what_nobody_takes_is_bounded() -> None:
    desk = Desk()
    answer = await begun(desk)
    while desk.wire.reading:
        desk.say(BLOCK)
    desk.say(b"and what was on its way")
    bucket = Bucket()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    assert BUFFER <= len(bucket.content) <= BUFFER + len(BLOCK)
    assert len(bucket.pieces) == 1
    assert desk.wire.reading
    desk.hang_up()
    await task


async def test_a_reader_lets_a_held_connection_flow() -> None:
    desk = Desk()
    answer = await begun(desk)
    desk.say(bytes(BUFFER))
    assert not desk.wire.reading
    task = asyncio.ensure_future(answer.read(PLENTY, FOREVER))
    await asyncio.sleep(0)
    assert desk.wire.reading
    desk.hang_up()
    assert await task == bytes(BUFFER)


async def test_a_reader_is_told_at_the_first_byte_above_the_limit() -> None:
    desk = Desk()
    task = asyncio.ensure_future((await begun(desk)).read(10, FOREVER))
    await asyncio.sleep(0)
    desk.say(bytes(10))
    await asyncio.sleep(0)
    assert not task.done()
    desk.say(b"x")
    with pytest.raises(UpstreamFailed, match="larger than 10 bytes"):
        await task
    assert desk.wire.aborted


async def test_what_is_too_large_already_is_not_waited_for() -> None:
    desk = Desk()
    answer = await begun(desk, ENDLESS + bytes(11))
    with pytest.raises(UpstreamFailed, match="larger than 10 bytes"):
        await answer.read(10, FOREVER)
    assert desk.wire.aborted


async def test_silence_counts_from_the_last_piece() -> None:
    desk = Desk()
    answer = await begun(desk)
    task = asyncio.ensure_future(answer.read(PLENTY, 0.2))
    for _ in range(10):  # twice the time that silence may last
        await asyncio.sleep(0.04)
        desk.say(b"x")
    assert not task.done()
    with pytest.raises(UpstreamTimeout, match=r"0.2 s \(timeouts.between_chunks\)"):
        await task
    assert desk.wire.aborted


async def test_a_body_is_read_once() -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\nhello")
    assert await answer.read(5, FOREVER) == b"hello"
    assert await answer.read(5, FOREVER) == b""
    answer.close()
    with pytest.raises(UpstreamFailed, match="closed"):
        await answer.read(5, FOREVER)


async def test_a_short_pause_does_not_touch_the_connection() -> None:
    desk = Desk()
    answer = await begun(desk)
    bucket = Bucket()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    answer.pause()
    assert desk.wire.reading
    answer.resume()
    desk.say(b"a")
    assert bucket.pieces == [b"a"]
    desk.hang_up()
    await task


async def test_a_pause_holds_the_connection_when_something_comes() -> None:
    desk = Desk()
    answer = await begun(desk)
    bucket = Bucket()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    answer.pause()
    desk.say(b"a")
    assert not desk.wire.reading
    assert not bucket.pieces
    answer.resume()
    assert desk.wire.reading
    assert bucket.pieces == [b"a"]  # before resume returned
    desk.say(b"b")
    assert bucket.pieces == [b"a", b"b"]
    desk.hang_up()
    await task


async def test_a_pause_before_anybody_pours_ends_as_well() -> None:
    desk = Desk()
    answer = await begun(desk)
    answer.pause()
    desk.say(b"a")
    assert not desk.wire.reading
    answer.resume()
    assert desk.wire.reading
    answer.close()


async def test_an_end_waits_for_what_is_paused() -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\nhel")
    bucket = Bucket()
    answer.pause()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    desk.say(b"lo")
    assert desk.idle  # the connection need not wait
    await asyncio.sleep(0)
    assert not task.done()
    answer.resume()
    await task
    assert bucket.pieces == [b"hello"]


async def test_a_fault_waits_for_what_is_paused() -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\nhel")
    bucket = Bucket()
    answer.pause()
    task = asyncio.ensure_future(answer.pour(bucket))
    await asyncio.sleep(0)
    desk.hang_up()
    await asyncio.sleep(0)
    assert not task.done()
    answer.resume()
    with pytest.raises(UpstreamFailed, match="broke off"):
        await task
    assert bucket.pieces == [b"hel"]


@pytest.mark.parametrize("when", ["waiting", "coming", "last"])
async def test_a_sink_that_fails_is_told_to_whoever_pours(when: str) -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\n" + (b"h" if when == "waiting" else b""))

    def sink(piece: bytes) -> None:
        raise LookupError

    task = asyncio.ensure_future(answer.pour(sink))
    await asyncio.sleep(0)
    desk.say(b"hello" if when == "last" else b"h")
    with pytest.raises(LookupError):
        await task
    assert desk.wire.aborted is (when != "last")


async def test_closing_drops_what_waits() -> None:
    desk = Desk()
    answer = await begun(desk, ENDLESS + b"x")
    answer.close()
    answer.close()
    assert desk.wire.aborted
    bucket = Bucket()
    await answer.pour(bucket)
    assert not bucket.pieces


async def test_the_timer_of_a_read_that_has_ended_does_nothing() -> None:
    desk = Desk()
    answer = await begun(desk)
    task = asyncio.ensure_future(answer.read(PLENTY, FOREVER))
    await asyncio.sleep(0)
    desk.hang_up()
    answer._listen()
    assert await task == b""


@pytest.mark.parametrize("more", [LEFT_OVER, LEFT_OVER + 1])
async def test_little_may_come_behind_what_was_left(more: int) -> None:
    desk = Desk()
    answer = await begun(desk, ENDLESS + b"last words")
    await answer.pour(lambda _: answer.leave())
    desk.say(bytes(more))
    assert desk.wire.aborted is (more > LEFT_OVER)
    desk.hang_up()
    answer.close()


async def test_the_sink_may_let_go_of_an_answer_that_is_whole() -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\nhello")
    bucket = Bucket()

    def sink(piece: bytes) -> None:
        bucket(piece)
        answer.leave()

    await answer.pour(sink)
    answer.close()
    assert bucket.pieces == [b"hello"]
    assert desk.idle


async def test_what_is_whole_and_too_large_costs_no_connection() -> None:
    desk = Desk()
    answer = await begun(desk, OK + b"Content-Length: 5\r\n\r\nhello")
    with pytest.raises(UpstreamFailed, match="larger than 4 bytes"):
        await answer.read(4, FOREVER)
    assert desk.idle
    assert not desk.wire.aborted


WHOLE = OK + b"Content-Length: 2\r\n\r\nhi"


async def test_a_body_that_came_with_its_head_is_there_to_be_taken() -> None:
    answer = await begun(Desk(), WHOLE)
    assert answer.whole == b"hi"


async def test_a_body_without_a_byte_is_whole_as_well() -> None:
    answer = await begun(Desk(), OK + b"Content-Length: 0\r\n\r\n")
    assert answer.whole == b""
    bucket = Bucket()
    await answer.pour(bucket)
    assert not bucket.pieces


@pytest.mark.parametrize(
    "wire", [WHOLE[:-1], ENDLESS + b"hi", OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"]
)
async def test_one_that_may_go_on_or_is_packed_is_not(wire: bytes) -> None:
    assert (await begun(Desk(), wire)).whole is None


async def test_what_is_whole_is_taken_once_whichever_way() -> None:
    answer = await begun(Desk(), WHOLE)
    assert await answer.read(PLENTY, FOREVER) == b"hi"
    assert answer.whole is None
    answer = await begun(Desk(), WHOLE)
    bucket = Bucket()
    await answer.pour(bucket)
    assert (bucket.pieces, answer.whole) == ([b"hi"], None)


async def test_what_is_whole_is_gone_when_the_answer_was_closed() -> None:
    answer = await begun(Desk(), WHOLE)
    answer.close()
    assert answer.whole is None
    with pytest.raises(UpstreamFailed, match="closed"):
        await answer.read(PLENTY, FOREVER)


async def test_a_limit_holds_for_what_is_whole() -> None:
    with pytest.raises(UpstreamFailed, match="larger than 1 bytes"):
        await (await begun(Desk(), WHOLE)).read(1, FOREVER)
