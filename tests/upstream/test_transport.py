"""The contract of the transport port, part one: what comes back for which bytes of an upstream.

The other parts are `test_transport_connections.py` (reuse, replay, cancellation, backpressure) and
`test_transport_tls.py`. All of them know the port alone and run on every implementation.
"""

import asyncio
import socket

import pytest

from proxy.codec import Pieces
from proxy.errors import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from proxy.upstream import aiohttp_transport, connection
from proxy.upstream.transport import Outgoing, Transport
from tests.upstream.conftest import Make
from tests.upstream.framings import FRAMINGS, LENGTH, NOT_HTTP, OK, Framing
from tests.upstream.origin import Line, Script, answering, origin
from tests.upstream.sending import BODY, CREDENTIAL, FOREVER, Bucket, expect_discreet, fails, get, post, rest, whole

framings = pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)


def saying(wire: bytes, end: str = "fin") -> Script:
    """Takes one request, says this, and leaves."""

    async def script(line: Line) -> None:
        await line.request()
        await line.say(wire)
        if end == "rst":
            line.reset()

    return script


def dribbling(wire: bytes) -> Script:
    """The same, byte by byte, each in a packet of its own."""

    async def script(line: Line) -> None:
        await line.request()
        for place in range(len(wire)):
            await line.say(wire[place : place + 1])
            await asyncio.sleep(0)

    return script


@framings
async def test_every_framing_is_read(transport: Transport, framing: Framing) -> None:
    async with origin(saying(framing.wire)) as server:
        assert await whole(transport, post(server.url)) == (framing.status, framing.body)


@framings
async def test_every_framing_is_read_byte_by_byte(transport: Transport, framing: Framing) -> None:
    async with origin(dribbling(framing.wire)) as server:
        assert await whole(transport, post(server.url)) == (framing.status, framing.body)


@framings
async def test_every_framing_comes_in_pieces(transport: Transport, framing: Framing) -> None:
    async with origin(dribbling(framing.wire)) as server:
        answer = await transport.send(post(server.url))
        assert await rest(answer) == framing.body
        assert await rest(answer) == b""  # the end stays the end
        answer.close()


@framings
async def test_an_answer_that_breaks_off_is_a_failure_wherever_it_does(transport: Transport, framing: Framing) -> None:
    for length in framing.breaks():
        async with origin(saying(framing.wire[:length])) as server:
            await fails(transport, post(server.url), UpstreamFailed)


@framings
async def test_an_answer_that_is_reset_is_a_failure_wherever_it_is(transport: Transport, framing: Framing) -> None:
    for length in range(0, framing.breaks().stop, 7):
        async with origin(saying(framing.wire[:length], "rst")) as server:
            await fails(transport, post(server.url), UpstreamFailed)


async def test_pieces_that_came_before_the_break_are_handed_on(transport: Transport) -> None:
    async with origin(saying(OK + b"Content-Length: 9\r\n\r\nhello")) as server:
        answer = await transport.send(get(server.url))
        bucket = Bucket()
        with pytest.raises(UpstreamFailed) as caught:
            await answer.pour(bucket)
        assert bucket.content == b"hello"
        expect_discreet(caught.value)
        answer.close()


@pytest.mark.parametrize("wire", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_is_a_failure(transport: Transport, wire: bytes) -> None:
    async def script(line: Line) -> None:
        await saying(wire)(line)
        await line.gone()  # the client has to notice by what was said, not by the end of it

    async with origin(script) as server:
        await fails(transport, post(server.url), UpstreamFailed)


async def test_headers_are_found_whatever_their_case(transport: Transport) -> None:
    wire = OK + b"X-Request-ID: abc\r\nretry-after: 3\r\nCONTENT-LENGTH: 0\r\n\r\n"
    async with origin(saying(wire)) as server:
        answer = await transport.send(get(server.url))
        assert answer.headers["x-request-id"] == answer.headers["X-REQUEST-ID"] == "abc"
        assert answer.headers.get("Retry-After") == "3"
        assert "x-other" not in answer.headers
        answer.close()


async def test_large_headers_are_taken(transport: Transport) -> None:
    long = b"x" * 30_000
    async with origin(saying(OK + b"X-Long: " + long + b"\r\nContent-Length: 5\r\n\r\nhello")) as server:
        answer = await transport.send(get(server.url))
        assert answer.headers["x-long"] == long.decode()
        assert await answer.read(5, FOREVER) == b"hello"
        answer.close()


async def test_exactly_these_headers_arrive(transport: Transport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await whole(transport, post(server.url, accept="text/event-stream", headers={"traceparent": trace}))
        await whole(transport, get(server.url))
    common = {
        "host": f"127.0.0.1:{server.port}",
        "authorization": f"Bearer {CREDENTIAL}",
        "user-agent": "telnyx-openai-proxy/9",
        "accept-encoding": "identity",
    }
    posted, got = server.requests
    assert (posted.method, posted.target, posted.body) == ("POST", "/v2/chat", BODY)
    assert posted.headers == {
        **common,
        "accept": "text/event-stream",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "traceparent": trace,
    }
    assert (got.method, got.target, got.body) == ("GET", "/v2/chat", b"")
    assert got.headers == {**common, "accept": "application/json"}


@pytest.mark.parametrize("mark", [aiohttp_transport.LARGE, connection.LARGE], ids=["aiohttp", "native"])
@pytest.mark.parametrize("around", [-1, 0, 1, 100_000])
async def test_bodies_arrive_whole_below_and_above_the_mark(transport: Transport, mark: int, around: int) -> None:
    body = bytes(number % 251 for number in range(mark + around))
    async with origin(lambda line: answering(line, LENGTH)) as server:
        await whole(transport, post(server.url, body=body))
    (request,) = server.requests
    assert request.body == body
    assert request.headers["content-length"] == str(len(body))
    assert request.headers["content-type"] == "application/json"
    assert "content-disposition" not in request.headers
    assert "expect" not in request.headers


async def test_a_body_in_pieces_arrives_as_one(transport: Transport) -> None:
    giant = bytes(number % 251 for number in range(3_000_000))
    body = Pieces([b"{", memoryview(giant), b"", memoryview(bytearray(b"x" * 70_000)), b"}"])
    async with origin(lambda line: answering(line, LENGTH)) as server:
        for _ in range(2):
            assert await whole(transport, post(server.url, body=body)) == (200, b"hello")
    for request in server.requests:
        assert request.body == bytes(body)
        assert request.headers["content-length"] == str(len(body))
        assert request.headers["content-type"] == "application/json"


async def test_paths_go_out_as_they_are(transport: Transport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        for path in ("/v2/a%2Fb", "/v2/a/b", "/v2//x", "/v2/%C3%A4?q=1&r=a%20b"):
            await whole(transport, get(server.url.removesuffix("/v2/chat") + path))
            assert server.requests[-1].target == path


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers_like_others(transport: Transport, status: int) -> None:
    wire = f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 5\r\n\r\nhello".encode()
    async with origin(lambda line: answering(line, wire)) as server:
        assert await whole(transport, post(server.url)) == (status, b"hello")
    assert len(server.requests) == 1


async def test_cookies_are_not_kept(transport: Transport) -> None:
    wire = OK + b"Set-Cookie: session=of-somebody; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with origin(lambda line: answering(line, wire)) as server:
        for _ in range(2):  # under a name: cookies of bare addresses are kept by no library
            await whole(transport, post(server.url.replace("127.0.0.1", "localhost")))
    assert len(server.requests) == 2
    assert all("cookie" not in request.headers for request in server.requests)


async def test_proxies_of_the_environment_are_not_used(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as elsewhere, origin(saying(LENGTH)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        assert await whole(make(), post(server.url)) == (200, b"hello")
    assert not elsewhere.requests


async def test_an_answer_may_be_as_large_as_the_limit(transport: Transport) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        answer = await transport.send(get(server.url))
        assert await answer.read(5, FOREVER) == b"hello"
        answer.close()
        larger = await transport.send(get(server.url))
        with pytest.raises(UpstreamFailed, match=r"larger than 4 bytes \(limits.answer\)"):
            await larger.read(4, FOREVER)
        larger.close()


async def test_an_endless_answer_is_given_up_at_the_limit(transport: Transport) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        try:
            await line.say(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                await line.say(b"400\r\n" + b"x" * 1024 + b"\r\n")
        finally:
            gone.set()

    async with origin(script) as server:
        answer = await transport.send(get(server.url))
        with pytest.raises(UpstreamFailed):
            await answer.read(100_000, FOREVER)
        answer.close()
        await gone.wait()


async def test_waiting_for_the_first_byte_ends(make: Make) -> None:
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.gone()
        gone.set()

    async with origin(script) as server:
        fault = await fails(make(first_byte=0.05), post(server.url), UpstreamTimeout)
        assert "0.05 s (timeouts.first_byte)" in fault.message
        await gone.wait()


async def test_interim_answers_do_not_prolong_the_wait(make: Make) -> None:
    async def script(line: Line) -> None:
        await line.request()
        while True:
            await line.say(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.001)

    async with origin(script) as server:
        await fails(make(first_byte=0.1), post(server.url), UpstreamTimeout)


async def test_waiting_between_pieces_ends(transport: Transport) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.say(LENGTH[:-2])
        await line.gone()
        gone.set()

    gone = asyncio.Event()
    async with origin(script) as server:
        answer = await transport.send(post(server.url))
        with pytest.raises(UpstreamTimeout, match=r"0.05 s \(timeouts.between_chunks\)") as caught:
            await answer.read(100, 0.05)
        expect_discreet(caught.value)
        answer.close()
        await gone.wait()


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_refused_connection_is_unavailable(transport: Transport) -> None:
    await fails(transport, post(f"http://127.0.0.1:{refusing_port()}/v2"), UpstreamUnavailable)


async def test_a_name_that_is_unknown_is_unavailable(transport: Transport) -> None:
    await fails(transport, post("http://nowhere.invalid:1/v2"), UpstreamUnavailable)


async def test_connecting_takes_no_longer_than_allowed(make: Make) -> None:
    """The queue of connections that wait to be accepted is full: packets of the next one are dropped."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address):
            fault = await fails(make(connect=0.05), post(f"http://127.0.0.1:{address[1]}/v2"), UpstreamTimeout)
            assert "timeouts.connect" in fault.message


UNSENDABLE = {
    "line-break": Outgoing("POST", "", f"{CREDENTIAL}\r\nX-Other: 1", BODY),
    "surrogate": Outgoing("POST", "", f"{CREDENTIAL}\udcff", BODY),
    "header": Outgoing("POST", "", CREDENTIAL, BODY, headers={"traceparent": "1\n2"}),
    "header-name": Outgoing("POST", "", CREDENTIAL, BODY, headers={"trace parent\r\n": "1"}),
}


@pytest.mark.parametrize("outgoing", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_what_cannot_be_put_into_http_is_not_sent(transport: Transport, outgoing: Outgoing) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        bad = Outgoing("POST", server.url, outgoing.credential, BODY, headers=outgoing.headers)
        await fails(transport, bad, UpstreamFailed)
        assert await whole(transport, post(server.url)) == (200, b"hello")
    assert len(server.requests) == 1


NO_ADDRESS = ("http://", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[::1/", "http://two..dots/")


@pytest.mark.parametrize("url", [*NO_ADDRESS, f"http://{'long' * 20}.invalid/"])
async def test_an_address_that_is_none_is_a_failure(transport: Transport, url: str) -> None:
    await fails(transport, post(url), UpstreamFailed)


async def test_nothing_is_sent_after_the_end(make: Make) -> None:
    async with origin(lambda line: answering(line, LENGTH)) as server:
        transport = make()
        await whole(transport, post(server.url))
        await transport.close()
        await transport.close()
        await fails(transport, post(server.url), UpstreamUnavailable)
    assert len(server.requests) == 1


def test_a_request_shows_no_secret() -> None:
    assert CREDENTIAL not in repr(post("http://telnyx.example/", CREDENTIAL, b"a prompt"))
    assert "prompt" not in repr(post("http://telnyx.example/", CREDENTIAL, b"a prompt"))
