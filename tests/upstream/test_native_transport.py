"""What is special about our own transport; the contract itself is in the four `test_transport*.py`."""

import asyncio
import contextlib
import errno
import gzip
import ssl
from collections.abc import AsyncIterator

import pytest

from proxy.errors import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from proxy.timers import Wheel
from proxy.upstream import connection, incoming, native_transport
from proxy.upstream.connection import Connection
from proxy.upstream.native_transport import NativeTransport
from tests.upstream.conftest import PATIENT
from tests.upstream.framings import LENGTH, OK
from tests.upstream.origin import Gone, Line, answering, origin
from tests.upstream.sending import CREDENTIAL, FOREVER, PLENTY, fails, get, post, whole
from tests.upstream.wires import usable


@pytest.fixture
async def transport() -> AsyncIterator[NativeTransport]:
    made = NativeTransport(**PATIENT, tls=ssl.create_default_context(), timers=Wheel())
    yield made
    await made.close()


async def test_a_connection_is_never_used_with_another_credential(transport: NativeTransport) -> None:
    """It may be what Telnyx, or something before it, knows a client by."""
    async with origin(lambda line: answering(line, LENGTH)) as server:
        for credential in ("KEY_a", "KEY_b", "KEY_a", "KEY_b"):
            await whole(transport, post(server.url, credential))
    used = {(request.connection, request.credential) for request in server.requests}
    assert used == {(1, "KEY_a"), (2, "KEY_b")}


async def test_the_connection_used_last_is_used_next(transport: NativeTransport) -> None:
    free = [asyncio.Event() for _ in range(3)]

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK + b"Content-Length: 1\r\n\r\n")
        await free[line.number - 1].wait()
        await line.say(b"%d" % line.number)
        await answering(line, LENGTH)

    async with origin(script) as server:
        answers = [await transport.send(post(server.url)) for _ in range(3)]
        for number in (1, 3, 2):
            free[number - 1].set()
            assert await answers[number - 1].read(PLENTY, FOREVER) == b"%d" % number
        for _ in range(3):
            await whole(transport, post(server.url))
    assert [request.connection for request in server.requests] == [1, 2, 3, 2, 2, 2]


async def test_requests_of_every_kind_share_the_connections_of_a_credential(transport: NativeTransport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await whole(transport, post(server.url))
        await whole(transport, get(f"{server.url}/models"))
        await whole(transport, post(server.url, accept="text/event-stream", headers={"traceparent": "1"}))
    assert [request.connection for request in server.requests] == [1, 1, 1]


async def test_a_replay_is_kept_for_the_next_request(transport: NativeTransport) -> None:
    async def script(line: Line) -> None:
        for _ in range(1 if line.number == 1 else 2):
            await line.request()
            await line.say(LENGTH)
        await line.request()

    async with origin(script) as server:
        for _ in range(3):
            assert await whole(transport, post(server.url)) == (200, b"hello")
    assert [request.connection for request in server.requests] == [1, 1, 2, 2]


async def test_more_credentials_than_are_remembered_are_served(
    transport: NativeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_transport, "ROUTES", 2)
    async with origin(lambda line: answering(line, LENGTH)) as server:
        for number in range(7):
            assert await whole(transport, post(server.url, f"KEY_{number % 3}")) == (200, b"hello")
    assert len({(request.connection, request.credential) for request in server.requests}) == len(server.lines)


async def test_connections_that_were_forgotten_grow_old_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_transport, "ROUTES", 1)
    transport = NativeTransport(**{**PATIENT, "keepalive": 0.05}, tls=ssl.create_default_context(), timers=Wheel())
    ended = asyncio.Semaphore(0)

    async def script(line: Line) -> None:
        with contextlib.suppress(Gone):
            await answering(line, LENGTH)
        ended.release()

    async with origin(script) as server:
        for credential in ("KEY_a", "KEY_b", "KEY_c"):
            await whole(transport, post(server.url, credential))
        for _ in range(3):
            await ended.acquire()
    await transport.close()


async def test_an_idle_connection_that_is_closing_is_passed_over(transport: NativeTransport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await asyncio.gather(*(whole(transport, post(server.url)) for _ in range(2)))
        for connection in [*transport._open]:
            connection.retire()
        assert await whole(transport, post(server.url)) == (200, b"hello")
    assert server.requests[-1].connection == 3


async def test_the_wait_for_the_first_byte_includes_connecting() -> None:
    """To an address that accepts and never speaks TLS."""
    options = {**PATIENT, "first_byte": 0.05}
    transport = NativeTransport(**options, tls=ssl.create_default_context(), timers=Wheel())

    async def script(line: Line) -> None:
        await line.gone()

    async with origin(script) as server:
        fault = await fails(transport, post(server.url.replace("http:", "https:")), UpstreamTimeout)
        assert "timeouts.first_byte" in fault.message
    await transport.close()


async def test_a_connection_that_is_made_while_all_end_is_not_used(transport: NativeTransport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        sending = asyncio.ensure_future(transport.send(post(server.url)))
        await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(UpstreamUnavailable, match="has closed"):
            await sending
        await transport.close()
    assert not server.requests


async def test_an_end_before_the_compression_is_complete_is_a_failure(transport: NativeTransport) -> None:
    body = gzip.compress(b"hello")[:-4]
    wire = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with origin(lambda line: answering(line, wire)) as server:
        await fails(transport, post(server.url), UpstreamFailed)


async def test_no_header_shows_what_it_could_not_say(transport: NativeTransport) -> None:
    fault = await fails(transport, post("http://127.0.0.1:1/", f"{CREDENTIAL}\udcff"), UpstreamFailed)
    assert fault.__cause__ is fault.__context__ is None


async def test_giving_up_on_a_reused_connection_cuts_it(transport: NativeTransport) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH)
        await line.request()
        asked.set()
        await line.gone()
        gone.set()

    async with origin(script) as server:
        await whole(transport, post(server.url))
        sending = asyncio.ensure_future(transport.send(post(server.url)))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await gone.wait()


async def test_those_that_have_idled_for_less_are_kept(transport: NativeTransport) -> None:
    """Time is moved by hand: two connections, the second of which was used again a little later."""
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await asyncio.gather(*(whole(transport, post(server.url)) for _ in range(2)))
        await whole(transport, post(server.url))
        used = server.requests[-1].connection
        [pool] = transport._pools.values()
        pool.idle[next(iter(pool.idle))] -= PATIENT["keepalive"] - 1
        transport._sweep()
        assert len(pool.idle) == 2
        pool.idle[next(iter(pool.idle))] -= 2
        transport._sweep()
        assert len(transport._open) - sum(not usable(connection) for connection in transport._open) == 1
        await whole(transport, post(server.url))
        assert server.requests[-1].connection == used


async def test_a_connection_that_has_closed_while_it_idled_is_passed_over(transport: NativeTransport) -> None:
    """The event loop knows that it is closing, and has not said so yet."""
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await asyncio.gather(*(whole(transport, post(server.url)) for _ in range(2)))
        [pool] = transport._pools.values()
        closing = list(pool.idle)[-1]
        closing.cut()
        await whole(transport, post(server.url))
        assert len(server.requests) == 3
        assert not usable(closing)
        assert {request.connection for request in server.requests} == {1, 2}


async def test_connections_are_looked_through_for_as_long_as_there_are_any(transport: NativeTransport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        assert transport._sweeping is None
        answer = await transport.send(post(server.url))
        transport._sweep()
        assert transport._sweeping is not None
        await answer.read(PLENTY, FOREVER)
        [connection] = transport._open
        connection.retire()
        await transport._none_open.wait()
        transport._sweep()
        assert transport._sweeping is None


LAST_WORDS = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
END = b"0\r\n\r\n"


async def until_idle(connection: Connection) -> None:
    async with asyncio.timeout(FOREVER):
        while not connection.pool.idle:  # noqa: ASYNC110 - the pool has no bell to ring, and needs none
            await asyncio.sleep(0)


async def leave(transport: NativeTransport, url: str) -> None:
    """Let go of an answer at its last words."""
    answer = await transport.send(post(url))
    await answer.pour(lambda _: answer.leave())
    answer.close()


async def test_the_end_of_an_answer_that_was_left_is_waited_for(transport: NativeTransport) -> None:
    """Many servers send the end of a chunked body in a packet of its own, behind `[DONE]`."""
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LAST_WORDS)
        await left.wait()
        await line.say(END)
        await answering(line, LENGTH)

    async with origin(script) as server:
        await leave(transport, server.url)
        left.set()
        [connection] = transport._open
        await until_idle(connection)
        await whole(transport, post(server.url))
        assert [request.connection for request in server.requests] == [1, 1]


@pytest.mark.parametrize("more", [b"", b"8000\r\n" + bytes(0x8000) + b"\r\n"], ids=["nothing", "too-much"])
async def test_who_says_no_end_or_says_too_much_is_not_waited_for(
    transport: NativeTransport, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not more:
        monkeypatch.setattr(incoming, "LINGER", 0.05)

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LAST_WORDS)
        await line.say(more)
        await line.gone()

    async with origin(script) as server:
        await leave(transport, server.url)
        async with asyncio.timeout(FOREVER):
            await transport._none_open.wait()


async def test_a_client_that_goes_while_the_end_is_waited_for_changes_nothing(transport: NativeTransport) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(LAST_WORDS)
        await line.gone()

    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        heard = asyncio.Event()

        async def pour() -> None:
            await answer.pour(lambda _: heard.set())

        task = asyncio.ensure_future(pour())
        await heard.wait()
        answer.leave()
        task.cancel()
        await asyncio.wait([task])
        assert len(transport._open) == 1


async def test_a_request_given_up_in_the_turn_that_makes_its_connection_leaves_nothing(
    transport: NativeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvloop closes such a connection and says nothing more of it; whoever waits for its end would wait for ever."""
    made = Connection.connection_made

    def connection_made(self: Connection, wire: asyncio.BaseTransport) -> None:
        made(self, wire)
        sending.cancel()

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    async with origin(lambda line: answering(line, LENGTH)) as server:
        sending = asyncio.ensure_future(transport.send(post(server.url)))
        await asyncio.wait([sending])
        assert sending.cancelled()
        assert not transport._open
        async with asyncio.timeout(FOREVER):
            await transport.close()


async def test_idle_connections_are_bounded_over_all_credentials() -> None:
    transport = NativeTransport(**PATIENT, tls=ssl.create_default_context(), timers=Wheel(), idle=3)
    async with origin(lambda line: answering(line, LENGTH)) as server:
        for number in range(8):
            await whole(transport, post(server.url, f"KEY_{number}"))
        assert sum(len(pool.idle) for pool in transport._pools.values()) == 3
        await whole(transport, post(server.url, "KEY_7"))
        assert [request.connection for request in server.requests] == [*range(1, 9), 8]
    await transport.close()


async def test_without_files_the_error_says_so_and_idle_connections_make_room(
    transport: NativeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await whole(transport, post(server.url, "KEY_a"))

        async def none_left(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(transport._addresses, "connect", none_left)
        fault = await fails(transport, post(server.url, "KEY_b"), UpstreamUnavailable)
        assert "ulimit" in fault.message
        assert not any(pool.idle for pool in transport._pools.values())


async def test_a_reused_connection_that_ends_late_may_have_been_read(
    transport: NativeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RACE", -1.0)

    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH)
        await line.request()

    async with origin(script) as server:
        await whole(transport, post(server.url))
        await fails(transport, post(server.url), UpstreamFailed)
        assert len(server.requests) == 2


async def test_a_compressed_stream_that_unpacks_to_a_lot_leaves_time_for_others(transport: NativeTransport) -> None:
    body = gzip.compress(b": a\n\n" * 2_000_000)
    wire = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with origin(lambda line: answering(line, wire)) as server:
        answer = await transport.send(post(server.url))
        poured: list[int] = []
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        await answer.pour(lambda piece: poured.append(len(piece)))
        counting.cancel()
        assert sum(poured) == 10_000_000
        assert turns >= len(poured) > 30
