"""What a hostile client, or a hostile network, gets out of it: a clean refusal, and nobody else notices."""

import asyncio
import gzip

import pytest

from proxy import codec
from tests.conftest import Build
from tests.world import CREDENTIAL, HELLO, KEY, MODEL, World

BODY = codec.encode({"model": MODEL, "messages": HELLO})
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
SECOND = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def raw(here: World, *lines: str, body: bytes = b"", target: str = "POST /v1/chat/completions") -> bytes:
    """What the proxy says to these bytes until it closes the connection, as asked or by itself."""
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [f"{target} HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", "Connection: close", *lines, "", ""]
    writer.write("\r\n".join(head).encode("latin-1") + body)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


SMUGGLING = {
    "both lengths": ([LENGTH, CHUNKED], b"0\r\n\r\n" + SECOND),
    "two lengths": (["Content-Length: 5", LENGTH], BODY),
    "the same length twice": ([LENGTH, LENGTH], BODY),
    "a signed length": ([f"Content-Length: +{len(BODY)}"], BODY),
    "a blank before the colon": (["Transfer-Encoding : chunked"], CHUNKS),
    "not quite chunked": (["Transfer-Encoding: xchunked"], CHUNKS),
    "chunked not last": (["Transfer-Encoding: chunked, identity"], CHUNKS),
    "chunked, then not": ([CHUNKED, "Transfer-Encoding: identity"], CHUNKS),
    "a control character": (["Transfer-Encoding: \x0bchunked"], CHUNKS),
    "a folded header": ([LENGTH, "X-A: b", " c"], BODY),
    "a lone CR": ([LENGTH, "X-A: b\rX-B: c"], BODY),
    "a NUL": ([LENGTH, "X-A: b\0"], BODY),
    "chunks with lone LFs": ([CHUNKED], CHUNKS.replace(b"\r\n", b"\n")),
    "a chunk of negative size": ([CHUNKED], b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk of endless size": ([CHUNKED], b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "a second host": ([LENGTH, "Host: y"], BODY),
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_a_request_that_two_parsers_could_read_differently_is_refused(build: Build, name: str) -> None:
    here = await build()
    lines, body = SMUGGLING[name]
    answer = await raw(here, *lines, body=body)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"\r\nHTTP/1." not in answer, "nothing behind it is taken for another request"
    assert here.sent() == []


@pytest.mark.parametrize(
    "path",
    ["//v1/models", "/v1//models", "/v1/../v1/models", "/v1/%2e%2e/models", "/v1/models;x", "/V1/Models",
     "/v1/models%00", "/v1/v1/models", "/v1/%6dodels", "/v1/models/"],
)  # fmt: skip
async def test_a_path_is_one_of_the_table_or_unknown(build: Build, path: str) -> None:
    answer = await raw(await build(), target=f"GET {path}")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"unknown_url" in answer


async def test_no_address_in_the_request_line_changes_where_it_goes(build: Build) -> None:
    here = await build()
    answer = await raw(here, LENGTH, body=BODY, target="POST http://evil.invalid:1/v1/chat/completions")
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(here.sent()) == 1


@pytest.mark.parametrize(
    "line",
    ["Authorization: Bearer \xff\xfe", f"Authorization: Basic {KEY}", f"Authorization: Bearer x, Bearer {KEY}",
     f"Authorization: Bearer\xa0{KEY}", f"Authorization_: Bearer {KEY}", f"X-Authorization: Bearer {KEY}",
     f"Api-Key: {KEY}", f"Cookie: Authorization=Bearer {KEY}"],
)  # fmt: skip
async def test_only_the_one_header_in_its_one_form_lets_in(build: Build, line: str) -> None:
    here = await build()
    host, port = here.proxy.addresses.openai.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\r\n\r\n".encode("latin-1"))
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401")
    assert KEY.encode() not in answer
    assert KEY not in here.log.read_text()


async def test_line_endings_in_what_a_client_says_reach_no_header_and_no_other_line(build: Build) -> None:
    here = await build()
    evil = "a\r\nX-Evil: 1\r\n\r\n"
    body = {"model": f"gpt-4o{evil}", "messages": HELLO, evil: 1, "user": evil, "metadata": {evil: evil}}
    async with here.post(body) as answer:
        assert answer.status == 200
        assert "X-Evil" not in answer.headers
    async with here.session.get(
        here.url("/v1/models/a%0d%0aX-Evil:%201"), headers={"Authorization": f"Bearer {KEY}"}
    ) as a:
        assert a.status == 404
        assert "X-Evil" not in a.headers
    assert "X-Evil" not in here.telnyx.state.requests[-1].headers
    assert len(here.lines()) == 2
    assert len(here.log.read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "handed_on"),
    [
        (f"traceparent: {TRACE}", TRACE),
        ("traceparent: \xff\xfe", None),
        ("traceparent: " + "a" * 10_000, None),
        ("tracestate: " + "a" * 10_000, None),
    ],
)
async def test_a_trace_context_that_is_none_stays_here(build: Build, line: str, handed_on: str | None) -> None:
    """Telnyx, or the library that talks to it, would refuse the request: the client's fault dressed as a 502."""
    here = await build()
    answer = await raw(here, LENGTH, line, body=BODY)
    assert answer.startswith(b"HTTP/1.1 200")
    headers = {name.lower(): text for name, text in dict(here.telnyx.state.requests[-1].headers).items()}
    assert headers.get("traceparent") == handed_on
    assert "tracestate" not in headers


async def test_a_trace_state_goes_with_its_parent_unless_it_is_too_long(build: Build) -> None:
    here = await build()
    for state, handed_on in (("a=b", "a=b"), ("a" * 513, None)):
        async with here.post(BODY, headers={"traceparent": TRACE, "tracestate": state}) as answer:
            assert answer.status == 200
        assert here.telnyx.state.requests[-1].headers.get("tracestate") == handed_on


async def test_a_bomb_without_a_key_is_not_unpacked(build: Build) -> None:
    here = await build()
    bomb = gzip.compress(bytes(1 << 26))
    async with here.post(bomb, key=None, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 401
    async with here.post(b"this is not gzip", key=None, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 401

    assert [line["status"] for line in here.lines()] == [401, 401]
    assert len(here.log.read_bytes().splitlines()) == 2, "a stranger cannot write tracebacks into the log"


async def test_names_of_megabytes_are_not_kept(build: Build) -> None:
    here = await build()
    async with here.post({"model": "x" * 1_000_000, "messages": HELLO}) as answer:
        assert answer.status == 400
        assert len(await answer.read()) < 1000
    assert here.sent() == []
    assert len(here.log.read_bytes()) < 2000


async def test_a_whole_answer_that_takes_too_long_is_ended(build: Build) -> None:
    """Each piece in time, and the whole never: only `total` bounds that."""
    here = await build("stall-mid-body", upstream={"timeouts": {"between_chunks": 60, "total": 0.2}})
    async with here.post(BODY) as answer:
        assert answer.status == 504
        assert "timeouts.total" in (await answer.json())["error"]["message"]
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)


async def test_no_secret_in_any_answer_or_line(build: Build) -> None:
    here = await build("unauthorized", logging={"level": "debug"})
    async with here.post(BODY) as answer:
        said = await answer.text() + str(answer.headers)
    async with here.session.get(here.proxy.addresses.admin + "/metrics") as metrics:
        said += await metrics.text()
    said += here.log.read_text() + repr(here.proxy.services)
    assert KEY not in said
    assert CREDENTIAL not in said
