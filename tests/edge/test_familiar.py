"""Heads that come again are not parsed again, and nobody can tell: least of all where one request ends."""

import asyncio
import itertools
from typing import Any, cast

import pytest
from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.edge.connection import Connection
from proxy.edge.familiar import HEAD_LIMIT, VAIN, WAITED_FOR, Heads, Whole
from proxy.edge.services import Services
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.world import HELLO, KEY, MODEL

LINE = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
KIND = b"Content-Type: application/json\r\n"


def asked(body: bytes, *more: bytes, line: bytes = LINE, kind: bytes = KIND, length: bytes | None = None) -> bytes:
    """A request as client libraries send it."""
    said = b"Content-Length: " + (b"%d" % len(body) if length is None else length) + b"\r\n"
    return b"".join((line, kind, said, *more, b"\r\n", body))


class Wire(asyncio.Transport):
    """A transport on which nothing happens."""

    def __init__(self) -> None:
        super().__init__({})
        self.closed = False

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Counting:
    """A parser of aiohttp's, and how often it has been asked."""

    def __init__(self, parser: Any) -> None:
        self._parser, self.asked = parser, 0

    def feed_data(self, data: bytes) -> Any:
        self.asked += 1
        return self._parser.feed_data(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class Still(Connection):
    """A connection without the task that serves it."""

    async def start(self) -> None: ...


class Desk:
    """A connection whose requests are taken as its task would take them: one after the other, each with its body.

    Attributes:
        taken: what the requests said, and their bodies.
        read: the bytes that were given to somebody in one go.
    """

    def __init__(self, services: Services, heads: Heads, *, knows: bool = True) -> None:
        loop = asyncio.get_running_loop()
        server = web.Server(lambda _: None)  # type: ignore[arg-type, return-value]
        self.connection = Still(
            server, services=services, heads=heads, bounds=(60, 60), loop=loop, auto_decompress=False
        )
        self.connection.connection_made(Wire())
        self.parser: Any = Counting(self.connection._parser)
        self.connection._parser = cast("Any", self.parser)
        if not knows:
            self.connection._place.lost()
        self.taken: list[Any] = []
        self.read: list[bytes] = []
        self._payload: Any = None

    def feed(self, *pieces: bytes) -> "Desk":
        for piece in pieces:
            if self._payload is None and not self.connection._messages:
                self.connection._waiter = asyncio.get_running_loop().create_future()
            held = self.connection._held
            self.connection.data_received(piece)
            if not self.connection._held:
                self.read.append(held + piece)
            self.connection._waiter = None
            self.serve()
        return self

    def serve(self) -> None:
        """Take what there is."""
        while self._serve_one():
            pass

    def end(self) -> "Desk":
        """Nothing more comes, and what waits for more is parsed as it is."""
        if self.connection._held:
            self.read.append(self.connection._held)
        self.connection.wait_no_more()
        self.serve()
        return self

    def _serve_one(self) -> bool:
        if self._payload is None and self.connection._messages:
            message, self._payload = self.connection._messages.popleft()
            self.parser.message_consumed()
            known = isinstance(message, RawRequestMessage)
            self.taken.append([told(message) if known else "no request", None])
            self._payload = self._payload if known else EMPTY_PAYLOAD
        if self._payload is None or not (self._payload is EMPTY_PAYLOAD or self._payload._eof):
            return False
        self.taken[-1][1] = b"" if self._payload is EMPTY_PAYLOAD else self._payload.read_nowait()
        self._payload = None
        return True


def told(message: Any) -> Any:
    """All that a head says."""
    names = ("method", "path", "version", "raw_headers", "should_close", "compression", "upgrade", "chunked", "url")
    return {name: getattr(message, name) for name in names} | {"headers": list(message.headers.items())}


@pytest.fixture
async def services(build: Build) -> Services:
    here = await build()
    return here.proxy.services


async def test_a_head_that_comes_again_is_not_parsed_again(services: Services) -> None:
    desk = Desk(services, Heads())
    bodies = [b"{}", b"[1]", b'{"model":"x"}', b"{}", b"x" * 12_345]
    desk.feed(*map(asked, bodies))
    assert desk.parser.asked == 1
    plain = Desk(services, Heads(), knows=False).feed(*map(asked, bodies))
    assert plain.parser.asked == len(bodies)
    assert desk.taken == plain.taken
    assert [body for _, body in desk.taken] == bodies
    assert [dict(head["headers"])["Content-Length"] for head, _ in desk.taken] == ["2", "3", "13", "2", "12345"]


async def test_of_a_head_only_the_last_length_is_kept_beside_the_first(services: Services) -> None:
    desk = Desk(services, Heads()).feed(asked(b"{}"))
    head = desk.connection._place.head
    assert head is not None
    first, other = head.message(b"2"), head.message(b"3")
    assert head.message(b"3") is other
    head.message(b"4")
    assert head.message(b"3") is not other
    assert head.message(b"2") is first


async def test_what_came_in_parts_is_known_when_it_comes_again_in_other_parts(services: Services) -> None:
    desk = Desk(services, Heads())
    one = asked(b'{"a":1}')
    desk.feed(one[:30], one[30:90], one[90:-3], one[-3:])
    before = desk.parser.asked
    desk.feed(one, one[:-7], one[-7:], one)
    assert desk.parser.asked == before
    desk.feed(one[:50], one[50:])
    assert desk.parser.asked == before + 2, "half a head is nothing to wait with"
    desk.feed(one[:-5], one[-5:-2], one[-2:])
    assert desk.parser.asked == before + 4, "and it waits once only"
    desk.feed(one)
    assert desk.parser.asked == before + 4
    assert [body for _, body in desk.taken] == [b'{"a":1}'] * 7


async def test_a_known_head_waits_for_a_short_body_only(services: Services) -> None:
    desk = Desk(services, Heads()).feed(asked(b"{}"))
    desk.feed(asked(b" " * WAITED_FOR)[:-WAITED_FOR])
    assert (len(desk.taken), desk.parser.asked) == (1, 1)
    desk.end()
    assert (len(desk.taken), desk.parser.asked) == (2, 2)
    desk.feed(b" " * WAITED_FOR, asked(b" " * (WAITED_FOR + 1))[: -WAITED_FOR - 1])
    assert (len(desk.taken), desk.parser.asked) == (3, 4)


async def test_connections_of_one_client_know_the_same_heads_and_forget_them_together(services: Services) -> None:
    heads = Heads()
    desks = [Desk(services, heads).feed(asked(b"{}" + b" " * number)) for number in range(3)]
    assert len(heads._known) == 1
    assert len({desk.connection._place.head for desk in desks}) == 1
    for desk in desks:
        desk.connection._place.lost()
    assert not heads._known


async def test_where_no_head_comes_again_none_is_learned_any_more(services: Services) -> None:
    one = [asked(b"{}", b"X: %d\r\n" % number) for number in range(VAIN + 1)]
    desk = Desk(services, Heads()).feed(*one[:VAIN], one[VAIN - 1], *one[:VAIN])
    assert desk.connection._place.known, "one did"
    desk.feed(one[VAIN])
    assert not desk.connection._place.known
    assert len(desk.taken) == 2 * VAIN + 2


NOT_KNOWN: dict[str, bytes] = {
    "another method": asked(b"{}", line=LINE.replace(b"POST", b"PUT")),
    "an older version": asked(b"{}", line=LINE.replace(b"1.1", b"1.0")),
    "the last of its connection": asked(b"{}", b"Connection: close\r\n"),
    "packed": asked(b"{}", b"Content-Encoding: gzip\r\n"),
    "waiting to be asked for its body": asked(b"{}", b"Expect: 100-continue\r\n"),
    "a form": asked(b"{}", kind=b"Content-Type: multipart/form-data; boundary=x\r\n"),
    "of no kind": asked(b"{}", kind=b""),
    "nothing in it": asked(b""),
    "a length with a space behind it": asked(b"{}", length=b"2 "),
    "a very long one": asked(b"{}", b"X-Long: " + b"x" * HEAD_LIMIT + b"\r\n"),
}


@pytest.mark.parametrize("case", NOT_KNOWN)
async def test_what_is_not_plain_is_not_known(services: Services, case: str) -> None:
    desk = Desk(services, Heads()).feed(NOT_KNOWN[case])
    assert len(desk.taken) == 1
    assert desk.connection._place.head is None


BEGUN = [b"GET /a HTTP/1.1\r\nHost: x\r\nX: ", b"POST", LINE, LINE + b"Content-Length: 90\r\nX: ", b"\r\n"]
"""Beginnings of heads: what comes behind them is no request, whatever it looks like."""


@pytest.mark.parametrize("begun", BEGUN)
async def test_within_a_head_nothing_is_known(services: Services, begun: bytes) -> None:
    """Else one client of a proxy in front could leave the beginning of a request for the next one to complete."""
    sent = [asked(b"{}"), begun, asked(b"{}"), PROBE]
    desk = Desk(services, Heads()).feed(*sent).end()
    plain = Desk(services, Heads(), knows=False).feed(*sent)
    assert desk.taken == plain.taken


PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Last: 1\r\n\r\n"
LOST: dict[str, tuple[bytes, ...]] = {
    "in chunks": (LINE + KIND + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",),
    "two at once": (asked(b"{}") * 2,),
    "one and the beginning of the next": (asked(b"{}") + b"POST",),
    "a body and the beginning of the next": (asked(b"{}")[:-1], b"}POST"),
    "an empty line before": (b"\r\n\r\n" + asked(b"{}"),),
    "an upgrade": (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",),
    "the last request": (asked(b"{}", b"Connection: close\r\n"), asked(b"{}")),
    "no HTTP": (b"hello\r\n\r\n",),
    "a head without end": (LINE, b"X-Long: " + b"x" * HEAD_LIMIT),
}


@pytest.mark.parametrize("case", LOST)
async def test_where_it_is_not_certain_where_the_parser_stands_all_is_parsed(services: Services, case: str) -> None:
    desk = Desk(services, Heads()).feed(asked(b"{}"), *LOST[case]).end()
    assert not desk.connection._place.known
    plain = Desk(services, Heads(), knows=False).feed(asked(b"{}"), *LOST[case])
    assert desk.taken == plain.taken


BODIES = [b"{}", b'{"a":[1,2]}', asked(b"{}"), asked(b"[]")[:-4], b"\r\n\r\n", b"x" * 300]
LENGTHS = [None, None, None, None, b"0", b"2", b"02", b"+2", b"2 ", b" 2", b"\t2", b"2, 2", b"", b"9" * 8, b"\xb2"]
MORE: list[tuple[bytes, ...]] = [
    (), (), (), (b"Authorization: Bearer a\r\n",), (b"authorization: Bearer b\r\n",), (b"Content-Length: 2\r\n",),
    (b"Transfer-Encoding: chunked\r\n",), (b"Connection: close\r\n",), (b"X: a\r\n content-length: 9\r\n",),
    (b"X:\n\r\n",), (b"Content-Encoding: gzip\r\n",), (b"Expect: 100-continue\r\n",),
]  # fmt: skip
BETWEEN = [b"", b"", b"", b"", b"\r\n", b"\r\n\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"nonsense\r\n\r\n"]
REQUESTS = st.builds(
    lambda before, body, more, length: before + asked(body, *more, length=length),
    st.sampled_from(BETWEEN), st.sampled_from(BODIES), st.sampled_from(MORE), st.sampled_from(LENGTHS),
)  # fmt: skip


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    """Requests, and what is none, as they may come: most in one piece, some cut, some together with the next."""
    palette = [asked(BODIES[0]), asked(BODIES[1]), *draw(st.lists(REQUESTS, min_size=1, max_size=2))]
    palette += draw(st.lists(st.sampled_from(BEGUN), max_size=1))
    whole = draw(st.sampled_from(palette))
    palette += [whole[: draw(st.integers(0, len(whole)))]] if draw(st.booleans()) else []
    pieces: list[bytes] = []
    together = False
    for each in draw(st.lists(st.sampled_from(palette), min_size=2, max_size=8)):
        how = draw(st.integers(0, 11))
        cuts = draw(st.lists(st.integers(0, len(each)), min_size=1, max_size=3)) if how == 0 else []
        parts = [each[start:end] for start, end in itertools.pairwise([0, *sorted(cuts), len(each)])]
        if together:
            pieces[-1] += parts.pop(0)
        pieces += parts
        together = how == 1
    return [*pieces, PROBE]  # whoever holds anything back by then, says it now


async def test_nobody_can_tell_who_read_it(services: Services) -> None:
    """Whatever comes, in whatever pieces: the same requests, with the same bodies, in the same order."""
    known = parsed = 0

    @given(cut())
    def compare(pieces: list[bytes]) -> None:
        nonlocal known, parsed
        desk = Desk(services, Heads()).feed(*pieces).end()
        plain = Desk(services, Heads(), knows=False).feed(*desk.read)
        assert b"".join(desk.read) == b"".join(pieces)
        assert desk.taken == plain.taken
        known += plain.parser.asked - desk.parser.asked
        parsed += desk.parser.asked

    compare()
    assert known > parsed / 20, "otherwise this says nothing"


async def test_a_whole_body_is_a_stream_for_whoever_wants_one() -> None:
    protocol = web.RequestHandler(web.Server(lambda _: None), loop=asyncio.get_running_loop())  # type: ignore[arg-type, return-value]
    body: Any = Whole(b"abc", protocol)
    assert body.is_eof()
    assert await body.read(2) == b"ab"
    assert await body.readany() == b"c"
    assert body.is_eof()
    assert body.at_eof()
    late: Any = Whole(b"abc", protocol)
    assert not late.at_eof()
    assert late.take() == b"abc"
    taken: Any = Whole(b"abc", protocol)
    assert (taken.take(), taken.take(), await taken.read()) == (b"abc", b"", b"")
    gone: Any = Whole(b"abc", protocol)
    gone.set_exception(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await gone.read()
    assert isinstance(gone._reader, StreamReader)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer that has been read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return head


async def test_requests_on_one_connection_are_answered_whether_they_are_known_or_not(build: Build) -> None:
    here = await build()
    port = int(here.url("").rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number, key in enumerate([KEY, KEY, "sk-nobody", KEY, "sk-nobody", "sk-nobody", KEY]):
        body = codec.encode({"model": MODEL, "messages": HELLO, "stop": "x" * (number + 1)})
        writer.write(asked(body, b"Authorization: Bearer " + key.encode() + b"\r\n"))
        status = b"HTTP/1.1 200" if key == KEY else b"HTTP/1.1 401"
        assert (await answered(reader)).startswith(status)
    writer.close()
    assert [len(sent["stop"]) for sent in here.sent()] == [1, 2, 4, 7]


async def test_a_known_head_whose_body_does_not_come_begins_all_the_same(build: Build) -> None:
    """After a moment; the body has its own time then. Who hangs up instead is no request."""
    here = await build(limits={"body_timeout": 0.3})
    gauge = here.proxy.services.metrics.requests_under_way
    one = asked(codec.encode({"model": MODEL, "messages": HELLO}), f"Authorization: Bearer {KEY}\r\n".encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))

    async def status() -> int:
        return int((await answered(reader)).split()[1])

    async def begun() -> bool:
        return gauge.value == 1

    writer.write(one)
    assert await status() == 200
    writer.write(one[:-10])
    await eventually(begun)
    writer.write(one[-10:])
    assert await status() == 200
    writer.write(one[:-10])
    assert await status() == 408
    writer.close()


@pytest.mark.parametrize("leave", ["write_eof", "close"])
async def test_who_leaves_between_head_and_body_leaves_nothing_behind(build: Build, leave: str) -> None:
    here = await build()
    one = asked(codec.encode({"model": MODEL, "messages": HELLO}), f"Authorization: Bearer {KEY}\r\n".encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))
    writer.write(one)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(one[:-10])
    getattr(writer, leave)()
    server = here.proxy.listener._server
    assert server is not None
    await asyncio.wait_for(server.deserted.wait(), 10)
    writer.close()
    assert len(here.sent()) == 1


async def test_a_body_in_drops_has_its_time_and_no_more(build: Build) -> None:
    here = await build(limits={"body_timeout": 0.2})
    one = asked(codec.encode({"model": MODEL, "messages": HELLO}), f"Authorization: Bearer {KEY}\r\n".encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))
    writer.write(one)
    await answered(reader)
    body = one.index(b"\r\n\r\n") + 4
    writer.write(one[:body])

    async def drip() -> None:
        for at in range(body, len(one) - 1):
            await asyncio.sleep(0.02)
            writer.write(one[at : at + 1])

    dripping = asyncio.ensure_future(drip())
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408")
    dripping.cancel()
    writer.close()


async def test_a_drain_waits_for_a_request_whose_head_waits(build: Build) -> None:
    here = await build()
    one = asked(codec.encode({"model": MODEL, "messages": HELLO}), f"Authorization: Bearer {KEY}\r\n".encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url("").rsplit(":", 1)[1]))
    writer.write(one)
    await answered(reader)
    writer.write(one[:-10])
    server = here.proxy.listener._server
    assert server is not None

    async def held() -> bool:
        return any(isinstance(each, Connection) and bool(each._held) for each in server._open)

    await eventually(held)
    [connection] = server._open
    connection._process_keepalive()  # if it had been idle for long
    assert not await held()
    winding = asyncio.ensure_future(here.proxy.listener.wind_down(10))
    writer.write(one[-10:])
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nConnection: close\r\n" in answer
    await winding
    writer.close()


async def test_nobody_waits_while_the_proxy_drains(services: Services) -> None:
    heads = Heads()
    desk = Desk(services, heads).feed(asked(b"{}"))
    heads.patient = False
    desk.feed(asked(b"{}")[:-2])
    assert (len(desk.taken), desk.connection._held) == (2, b"")
