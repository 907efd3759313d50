"""A client's connection: heads that never end, bytes that are not HTTP, clients that do not read."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from aiohttp.web_protocol import _ErrInfo

from proxy import codec
from proxy.edge.connection import Connection, request_id
from proxy.edge.listener import Listener
from proxy.edge.reply import StreamedReply
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.journeys.test_audio import KIND, TRANSCRIPTIONS, TURBO, logged, part, recording
from tests.world import HELLO, KEY, MODEL, World

PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def impatient(here: World, head_seconds: float) -> AsyncIterator[int]:
    """The port of a second listener of the same proxy, which waits for heads no longer than that."""
    runner = web.ServerRunner(Listener(here.proxy.services, head_seconds=head_seconds).server(), handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("begun", [b"", b"GET /livez HT", PROBE[:-2]])
async def test_a_connection_that_never_sends_a_whole_head_is_closed(build: Build, begun: bytes) -> None:
    async with impatient(await build(), 0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_trickle_does_not_buy_time_for_the_second_head_either(build: Build) -> None:
    async with impatient(await build(), 0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PROBE)
        assert await reader.readuntil(b'{"status":"ok"}')
        writer.write(PROBE[:-2])

        async def trickle() -> None:
            while not writer.is_closing():
                writer.write(b"X-More: 1\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.ensure_future(trickle())
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        trickling.cancel()
        writer.close()


async def test_a_slow_answer_and_an_idle_connection_are_not_slow_heads(build: Build) -> None:
    here = await build("slow-headers", {"seconds": 0.2})
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    async with impatient(here, 0.1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(0.2)  # longer than a head may take
        writer.close()


async def test_headers_beyond_the_limit_are_a_400(build: Build) -> None:
    here = await build()
    async with here.session.get(here.url("/v1/models"), headers={"X-Big": "x" * 100_000}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "invalid_http"


async def test_a_client_that_never_takes_its_answer_is_let_go(build: Build) -> None:
    """The answer is made and the request is over, but all of it waits in memory."""
    here = await build("huge-answer", {"bytes": 12 * 2**20})
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    async with impatient(here, 0.5) as port:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(2)  # longer than an answer may stay of which nothing is taken
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        taken = 0
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                while piece := await reader.read(65536):
                    taken += len(piece)
        assert taken < 12 * 2**20
        writer.close()


async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(build: Build) -> None:
    here = await build("huge-answer", {"bytes": 12 * 2**20})
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n"
    async with impatient(here, 0.5) as port:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        # Packets as on a network: with those of 64 KiB that the loopback has, a window opens only when a timer looks.
        narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        narrow.connect(("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        due = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        begun, taken = asyncio.get_running_loop().time(), 0
        async with asyncio.timeout(60):
            while piece := await reader.read(131072):
                taken += len(piece)
                if asyncio.get_running_loop().time() - begun < 2:  # several times as long as nothing may be taken
                    await asyncio.sleep(0.05)
        assert taken == due
        writer.close()


async def test_a_client_that_was_not_told_to_send_its_body_is_told_that_the_connection_ends(build: Build) -> None:
    here = await build()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-unknown\r\n"
    async with impatient(here, 5) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"\r\nConnection: close\r\n" in answer
        writer.close()


def asked(body: bytes, *more: str) -> bytes:
    """The head of a request for an answer to this body."""
    lines = (f"Authorization: Bearer {KEY}", f"Content-Length: {len(body)}", *more)
    return "\r\n".join(["POST /v1/chat/completions HTTP/1.1", "Host: x", *lines, "", ""]).encode()


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return head


async def test_requests_whole_in_parts_and_in_one_go_follow_each_other(build: Build) -> None:
    here = await build()
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = asked(body)
    async with impatient(here, 10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for sent in (
            [head + body],
            [head, body],
            [head + body[:5], body[5:]],
            [head + body + head + body[:9], body[9:]],
        ):
            for part in sent:
                writer.write(part)
                await asyncio.sleep(0.02)
            for _ in range(b"".join(sent).count(b"POST")):
                assert (await answered(reader)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_what_is_left_of_an_unwanted_body_is_read_before_the_next_request(build: Build) -> None:
    here = await build()
    body = codec.encode({"model": MODEL, "messages": HELLO})
    async with impatient(here, 10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked(body).replace(KEY.encode(), b"sk-nobody"))
        assert (await answered(reader)).startswith(b"HTTP/1.1 401")
        writer.write(body + asked(body) + body)
        assert (await answered(reader)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_body_that_is_unwanted_and_never_ends_ends_the_connection(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await build()
    made = Connection.connection_made

    def hasty(self: Connection, transport: asyncio.BaseTransport) -> None:
        self._lingering_time = 0.05
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", hasty)
    async with impatient(here, 10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked(b"x" * 1000).replace(KEY.encode(), b"sk-nobody"))
        assert (await answered(reader)).startswith(b"HTTP/1.1 401")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_bug_outside_the_journey_is_answered_and_ends_the_connection(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await build()

    def broken(*_: object) -> None:
        raise ValueError("a bug")

    async with impatient(here, 10) as port:
        monkeypatch.setattr(Listener, "_probe", broken)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PROBE)
        async with asyncio.timeout(10):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.1 500")
        assert b"An internal error occurred." in said
        writer.close()
    name, told = re.search(rb"x-request-id: (req_[0-9a-f]{32})", said), here.log.read_text()
    assert name is not None
    assert f"request {name[1].decode()} could not be served" in told
    assert "ValueError: a bug" in told
    assert b"ValueError" not in said


async def test_what_wants_to_be_another_protocol_is_answered_as_what_it_is(build: Build) -> None:
    async with impatient(await build(), 10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(PROBE[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            assert await reader.readuntil(b'{"status":"ok"}')
        writer.close()


def test_ids_are_in_the_order_of_time_and_never_the_same() -> None:
    given = iter(range(256))
    made = [
        request_id(now, lambda count: bytes([next(given)]) * count) for now in (1.0, 1.0004, 1.002, 1_763_757_956.5)
    ]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("req_[0-9a-f]{32}", each) for each in made)
    assert int(made[-1][4:16], 16) == 1_763_757_956_500


UPGRADE = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n"
UNKNOWN = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
OLD = b"GET /livez HTTP/1.0\r\nHost: x\r\n\r\n"


async def said(here: World, *sent: bytes, then: Callable[[asyncio.StreamWriter], None]) -> list[bytes]:
    """The status lines of all that a connection says until its end, while much else is under way."""
    gauge = here.proxy.services.metrics.requests_under_way
    gauge.value += 9
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))
        writer.write(b"".join(sent))
        then(writer)
        async with asyncio.timeout(10):
            answers = await reader.read()
        writer.close()
    finally:
        gauge.value -= 9
    return re.findall(rb"HTTP/1\.1 (\d+)", answers)


def nothing(_: asyncio.StreamWriter) -> None:
    """Wait for the end."""


@pytest.mark.parametrize("asked", [PROBE, UNKNOWN, PROBE + UNKNOWN])
async def test_who_says_no_more_is_answered_under_load_as_well(build: Build, asked: bytes) -> None:
    here = await build()
    for _ in range(5):
        told = await said(here, asked, then=lambda writer: writer.write_eof())
        assert told == [b"404" if each == b"nowhere" else b"200" for each in re.findall(rb"/(\w+) ", asked)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([UPGRADE], [b"200"]),
        ([PROBE, UPGRADE], [b"200", b"200"]),
        ([UNKNOWN, PROBE, OLD], [b"404", b"200", b"200"]),
        ([PROBE, PROBE[:-2] + b"Connection: close\r\n\r\n"], [b"200", b"200"]),
    ],
)
async def test_under_load_answers_come_in_their_order_and_before_the_end(
    build: Build, asked: list[bytes], told: list[bytes]
) -> None:
    assert await said(await build(), *asked, then=nothing) == told


async def test_under_load_who_asks_much_and_reads_nothing_is_not_written_to_without_end(build: Build) -> None:
    here = await build(models={"aliases": {f"alias-{number}": MODEL for number in range(300)}})
    gauge = here.proxy.services.metrics.requests_under_way
    gauge.value += 9
    address = ("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))
    with socket.create_connection(address) as client:
        client.settimeout(0)
        asked = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode() * 2500
        await asyncio.get_running_loop().sock_sendall(client, asked)

        server = here.proxy.listener._server
        assert server is not None

        async def does_not_keep_up() -> bool:
            return any(isinstance(each, Connection) and each.stuck is not None for each in server._open)

        await eventually(does_not_keep_up)
        [connection] = server._open
        assert isinstance(connection.transport, asyncio.Transport)
        assert connection.transport.get_write_buffer_size() < 1 << 20
    gauge.value -= 9


async def test_who_wanted_to_become_something_else_is_served_on(build: Build) -> None:
    body = codec.encode({"model": MODEL, "messages": HELLO})
    head = f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    asked = [UPGRADE.replace(b"close, ", b""), CHAT + head + body, PROBE[:-2] + b"Connection: close\r\n\r\n"]
    assert await said(await build(), *asked, then=nothing) == [b"200"] * 3


SHARE = b'5\r\n{"mod'
BREAKS = {
    "no size": b"\r\nzz\r\n",
    "no end of a chunk": b"more",
    "no trailer": b"\r\n0\r\nno trailer\r\n\r\n",
    "another request": b"\r\n" + PROBE,
}
"""What may follow a chunk, and is none. The first line ends that chunk, and so wakes who reads, without a byte."""


def begun(path: str = "/v1/chat/completions", key: str = KEY, **headers: str) -> bytes:
    """The head of a request whose body comes in chunks."""
    given = {"Host": "x", "Authorization": f"Bearer {key}", "Transfer-Encoding": "chunked", **headers}
    return f"POST {path} HTTP/1.1\r\n".encode() + b"".join(f"{k}: {v}\r\n".encode() for k, v in given.items()) + b"\r\n"


async def under_way(here: World) -> None:
    """Until a request has begun."""

    async def one() -> bool:
        return here.proxy.services.metrics.requests_under_way.value == 1

    await eventually(one)


def connection_of(here: World) -> Connection:
    """The only one there is."""
    server = here.proxy.listener._server
    assert server is not None
    [connection] = server._open
    assert isinstance(connection, Connection)
    return connection


async def opened(here: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))


async def rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *sent: bytes) -> bytes:
    """What is said to the end of the connection, well before anybody's patience is over."""
    for each in sent:
        writer.write(each)
        await writer.drain()
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


async def expect_one_refusal(here: World, answer: bytes) -> None:
    """The answer, and the request's line in the log."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"\r\nConnection: close" in head
    assert codec.decode(body)["error"]["code"] == "invalid_http"
    await logged(here)
    [line] = here.lines()
    assert (line["status"], line["error_code"]) == (400, "invalid_http")


@pytest.mark.parametrize("rubbish", BREAKS.values(), ids=BREAKS)
async def test_a_body_that_breaks_on_its_way_is_a_400_and_the_end(build: Build, rubbish: bytes) -> None:
    here = await build()
    reader, writer = await opened(here)
    writer.write(begun() + SHARE)
    await under_way(here)
    await expect_one_refusal(here, await rest(reader, writer, rubbish, PROBE))


@pytest.mark.parametrize("way", ["stream", "spool"])
async def test_a_recording_that_breaks_on_its_way_is_one_too(build: Build, way: str) -> None:
    here = await build(audio={"upload": way})
    form = part("model", TURBO) + part("file", recording(), "a.wav")[:-2]
    reader, writer = await opened(here)
    writer.write(begun(TRANSCRIPTIONS, **KIND) + b"%x\r\n%b" % (len(form), form))
    await under_way(here)
    await expect_one_refusal(here, await rest(reader, writer, b"\r\nzz\r\n"))


async def test_a_body_that_breaks_behind_one_that_wanted_something_else_is_a_400_once(build: Build) -> None:
    """aiohttp serves that one, and what follows it."""
    here = await build()
    reader, writer = await opened(here)
    writer.write(UPGRADE.replace(b"close, ", b""))
    assert await reader.readuntil(b'{"status":"ok"}')
    writer.write(begun() + SHARE)
    await under_way(here)
    answer = await rest(reader, writer, b"\r\nzz\r\n", PROBE)
    assert re.findall(rb"HTTP/1\.[01] (\d+)|\"(invalid_http)\"", answer) == [(b"400", b""), (b"", b"invalid_http")]
    assert b'"level":"error"' not in here.log.read_bytes()


async def test_an_unwanted_body_that_breaks_ends_the_connection(build: Build) -> None:
    here = await build()
    reader, writer = await opened(here)
    writer.write(begun(key="sk-nobody") + SHARE)
    assert (await answered(reader)).startswith(b"HTTP/1.1 401")
    server = connection_of(here).server
    assert server is not None
    assert await rest(reader, writer, b"\r\nzz\r\n", PROBE) == b""
    await server  # it ends without a fault, or this raises it


async def test_an_answer_that_has_begun_goes_to_its_end_when_a_body_breaks(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(_: Listener, request: web.BaseRequest) -> StreamedReply:
        connection = request.protocol
        assert isinstance(connection, Connection)
        reply = StreamedReply(connection, request, last=False)
        reply.begin("")
        reply.write(b"first")

        async def broken() -> bool:
            return connection._close or bool(connection._messages)

        await eventually(broken)
        reply.write(b"last", last=True)
        return reply

    monkeypatch.setattr(Listener, "serve", serve)
    async with impatient(await build(), 10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun() + SHARE)
        assert (await reader.readuntil(b"first\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"\r\nzz\r\n" + PROBE)
        assert await rest(reader, writer) == b"4\r\nlast\r\n0\r\n\r\n"


async def test_a_body_that_breaks_before_its_request_begins_is_a_400_behind_the_answer_to_the_one_before(
    build: Build,
) -> None:
    here = await build("slow-headers", {"seconds": 60})
    body = codec.encode({"model": MODEL, "messages": HELLO})
    reader, writer = await opened(here)
    writer.write(asked(body) + body + begun() + SHARE)
    await here.telnyx.state.until(lambda state: state.paused == 1)
    writer.write(b"\r\nzz\r\n")

    async def found() -> bool:
        return any(isinstance(message, _ErrInfo) for message, _ in connection_of(here)._messages)

    await eventually(found)
    writer.write(PROBE)
    here.telnyx.state.release.set()
    answers = await rest(reader, writer)
    assert re.findall(rb"HTTP/1\.[01] (\d+)|\"(invalid_http)\"", answers) == [
        (b"200", b""),
        (b"400", b""),
        (b"", b"invalid_http"),
    ]
