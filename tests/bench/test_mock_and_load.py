"""The tools are worth something only if the load generator believes nothing: every way to answer badly is tried."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy import codec
from tests.bench import answers, load, mock
from tests.bench.load import Plan, percentiles, unchunk

DIRECT = Plan(0, path=answers.UPSTREAM_PATH, key=answers.UPSTREAM_KEY, model=answers.PREFIX + answers.AT_ONCE)
BURST = mock.AT_ONCE[False]


@asynccontextmanager
async def upstream() -> AsyncIterator[Plan]:
    """The mock, and a plan that speaks to it."""
    server = await asyncio.get_running_loop().create_server(mock.upstream(), answers.HOST, 0)
    async with server:
        yield replace(DIRECT, port=server.sockets[0].getsockname()[1])


@asynccontextmanager
async def impostor(*pieces: bytes, close: bool = False) -> AsyncIterator[Plan]:
    """A server that answers every request with the same pieces, each in a segment of its own where sockets allow."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while length := re.search(rb"Content-Length: (\d+)", await reader.readuntil(b"\r\n\r\n")):
                await reader.readexactly(int(length[1]))
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, answers.HOST, 0)
    async with server:
        yield replace(DIRECT, port=server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("stream", [False, True])
async def test_every_answer_of_the_mock_is_good(*, stream: bool) -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, connections=4, requests=120, stream=stream))
    summary = tally.summary()
    assert (summary["answers"], summary["bad"], summary["first_bad"]) == (120, 0, "")
    assert summary["chunks"] == (12_000 if stream else 0)
    assert summary["first_us"]["p50"] <= summary["latency_us"]["p50"] <= summary["latency_us"]["max"]


async def test_a_spaced_stream_is_whole_and_takes_its_time() -> None:
    async with upstream() as plan:
        spaced = replace(plan, connections=3, requests=3, stream=True, model=answers.PREFIX + "chunks-1")
        tally = await load.run(spaced)
    assert (len(tally.latencies), tally.bad) == (3, 0)
    assert min(tally.latencies) >= 0.099  # the mock never sends early; slowness cannot fail this


async def test_a_plan_ends_with_its_time() -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, connections=2, seconds=0.05))
    assert tally.issued == len(tally.latencies) > 0
    assert tally.bad == 0


@pytest.mark.parametrize(
    ("lazy", "status"),
    [
        (replace(DIRECT, key="sk-not-swapped"), 401),
        (replace(DIRECT, model=answers.AT_ONCE), 404),
        (replace(DIRECT, path=answers.CLIENT_PATH), 404),
    ],
)
async def test_a_target_that_does_not_do_its_work_gets_no_answer(lazy: Plan, status: int) -> None:
    async with upstream() as plan:
        tally = await load.run(replace(lazy, port=plan.port, requests=2))
    assert (len(tally.latencies), tally.bad) == (0, 2)
    assert tally.first_bad.startswith(f"status {status}: ")


WHOLE = answers.whole()
HEAD = b"HTTP/1.1 200 OK\r\n"
WRONG_WORDS = BURST.replace(b"word042", b"word024")
SHORT = mock.STREAM_HEAD + b"".join(mock.STREAM[False][:-2]) + mock.STREAM[False][-1]
ENDLESS = mock.STREAM_HEAD + b"".join(mock.STREAM[False][:-1]) + b"0\r\n\r\n"
LENGTH = b"content-length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "close", "stream", "why"),
    [
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno", False, False, "status 500: b'no'"),
        (HEAD + b"\r\n" + WHOLE, True, False, "without content-length or chunks"),
        (HEAD + LENGTH % (len(WHOLE) + 1) + WHOLE, True, False, "the connection was lost"),
        (HEAD + LENGTH % (len(WHOLE) - 1) + WHOLE, False, False, "longer than its content-length"),
        (HEAD + LENGTH % 2 + b"{}", False, False, "not an answer"),
        (HEAD + LENGTH % 3 + b"{]}", False, False, "not an answer"),
        (HEAD + LENGTH % len(WHOLE) + WHOLE.replace(b"fox", b"cat"), False, False, "the text is"),
        (b"", True, False, "lost after 0 bytes"),
        (WRONG_WORDS, True, True, "the text is"),
        (SHORT, False, True, "a stream of 99 chunks"),
        (ENDLESS, False, True, "a stream of 100 chunks that ends"),
        (BURST[:-5], True, True, "the connection was lost"),
        (BURST[:200] + BURST[201:], True, True, "a broken frame"),
    ],
)
async def test_a_bad_answer_is_counted_as_bad(answer: bytes, why: str, *, close: bool, stream: bool) -> None:
    async with impostor(answer, close=close) as plan:
        tally = await load.run(replace(plan, requests=2, stream=stream))
    assert (len(tally.latencies), tally.bad) == (0, 2)
    assert why in tally.first_bad


@pytest.mark.parametrize("cut", [1, 30, 90, 150, len(BURST) // 2, len(BURST) - 3])
async def test_an_answer_in_pieces_is_the_same_answer(cut: int) -> None:
    async with impostor(BURST[:cut], BURST[cut:]) as plan:
        tally = await load.run(replace(plan, requests=2, stream=True))
    assert (len(tally.latencies), tally.first_bad) == (2, "")


async def test_an_answer_that_never_ends_is_bad_when_time_is_up() -> None:
    async with impostor(BURST[:-5]) as plan:
        tally = await load.run(replace(plan, requests=2, stream=True, seconds=0.1, grace=0.1))
    assert (len(tally.latencies), tally.bad, tally.first_bad) == (0, 1, "no complete answer in time")


async def test_a_refused_connection_is_bad() -> None:
    async with upstream() as plan:
        gone = plan
    tally = await load.run(replace(gone, requests=2))
    assert (tally.bad, tally.first_bad[:14]) == (2, "no connection:")


async def test_a_connection_that_says_close_is_opened_again() -> None:
    answer = HEAD + b"connection: close\r\n" + LENGTH % len(WHOLE) + WHOLE
    async with impostor(answer, close=True) as plan:
        tally = await load.run(replace(plan, requests=3))
    assert (len(tally.latencies), tally.bad) == (3, 0)


async def ask(plan: Plan, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(answers.HOST, plan.port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_mock_lists_its_models_to_a_key() -> None:
    get = f"GET /v2/ai/openai/models HTTP/1.1\r\nAuthorization: Bearer {answers.UPSTREAM_KEY}\r\n\r\n".encode()
    async with upstream() as plan:
        head, _, body = (await ask(plan, get)).partition(b"\r\n\r\n")
        refused = await ask(plan, get.replace(answers.UPSTREAM_KEY.encode(), b"other"))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert [row["id"] for row in codec.decode(body)["data"]] == [answers.PREFIX + name for name in answers.MODELS]
    assert refused.startswith(b"HTTP/1.1 401 ")


async def test_the_mock_wants_to_know_how_long_a_body_is() -> None:
    post = f"POST {answers.UPSTREAM_PATH} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
    async with upstream() as plan:
        assert (await ask(plan, post)).startswith(b"HTTP/1.1 411 ")


async def test_the_mock_takes_a_request_byte_by_byte_and_two_at_once() -> None:
    request = replace(DIRECT, port=1).written()[0]
    async with upstream() as plan:
        assert await ask(plan, request * 2) == mock.PLAIN * 2
        reader, writer = await asyncio.open_connection(answers.HOST, plan.port)
        for byte in request:
            writer.write(bytes([byte]))
            await writer.drain()
        assert await reader.readexactly(len(mock.PLAIN)) == mock.PLAIN
        writer.close()
        await writer.wait_closed()


async def test_the_mock_reports_usage_in_a_stream_only_when_asked() -> None:
    request = replace(DIRECT, port=1, stream=True).written()[0]
    asking = request.replace(b'"temperature":0.7', b'"include_usage":true', 1)
    grown = len(b'"include_usage":true') - len(b'"temperature":0.7')
    length = len(answers.question(DIRECT.model, stream=True))
    asking = asking.replace(b"Content-Length: %d" % length, b"Content-Length: %d" % (length + grown))
    async with upstream() as plan:
        assert b'"usage"' not in await ask(plan, request)
        assert b'"usage"' in await ask(plan, asking)


def framed(*bodies: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"


def test_a_chunked_body_is_whole_only_at_its_end() -> None:
    frame = framed(b"0\r\n\r\n", b"b" * 300)
    assert unchunk(frame) == b"0\r\n\r\n" + b"b" * 300
    assert [unchunk(frame[:end]) for end in range(len(frame))] == [None] * len(frame)


@pytest.mark.parametrize(
    "frame", [b"zz\r\n", b"\r\n\r\n", b"-5\r\nabcde\r\n", b"2\r\nabc\r\n0\r\n\r\n", framed() + b"0\r\n\r\n"]
)
def test_a_broken_chunked_body_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"base 16|does not end there|after the end"):
        unchunk(frame)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles([]) == {}
    assert percentiles([3e-6]) == pytest.approx({"p50": 3, "p90": 3, "p99": 3, "max": 3})
    assert percentiles([n / 1e6 for n in range(100, 0, -1)]) == pytest.approx(
        {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    )


@pytest.mark.parametrize("size", [1_000, 70_000, 400_000])
async def test_a_long_request_arrives_whole(size: int) -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, requests=2, size=size))
        request = replace(plan, size=size).written()[0]
        shortened = request.replace(answers.LINE[-20:].encode(), b"", 100)
        head, _, body = shortened.partition(b"\r\n\r\n")
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        answer = await ask(plan, head + b"\r\n\r\n" + body)
    assert (len(tally.latencies), tally.first_bad) == (2, "")
    assert size - 250 < len(request.partition(b"\r\n\r\n")[2]) < size + 400
    assert answer.startswith(b"HTTP/1.1 400 ") == (size > 4096)


async def test_every_function_must_arrive() -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, requests=2, functions=64))
        request = replace(plan, functions=64).written()[0]
        answer = await ask(plan, request.replace(b'"function":{', b'"functino":{', 1))
        silent = await ask(plan, request.replace(b"(64 functions)", b"(no functions)"))
    assert (len(tally.latencies), tally.first_bad) == (2, "")
    assert (answer[9:12], silent[9:12]) == (b"400", b"400")


def test_requests_take_turns_with_keys_and_models() -> None:
    written = Plan(1, key="sk-a", model="m", keys=3, models=2, headers=("x-a: 1", "x-b: 2")).written()
    keys = [re.findall(rb"Bearer (\S+)", request)[0] for request in written]
    assert keys == [b"sk-a", b"sk-a-00001", b"sk-a-00002"]
    assert [codec.decode(request.partition(b"\r\n\r\n")[2])["model"] for request in written] == ["m", "m-00001", "m"]
    assert all(b"\r\nx-a: 1\r\nx-b: 2\r\n" in request for request in written)


async def test_a_numbered_model_is_the_same_model() -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, requests=6, models=3))
    assert (len(tally.latencies), tally.first_bad) == (6, "")


async def test_at_a_rate_requests_come_when_they_are_due() -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, connections=4, seconds=0.2, rate=200))
    assert (tally.bad, tally.first_bad, tally.unsent) == (0, "", 0)
    assert 0 < len(tally.latencies) == tally.issued <= 41  # a machine that is asleep makes them fewer, never more


async def test_at_a_rate_that_is_not_carried_requests_remain_unsent_and_waiting_counts() -> None:
    model = answers.PREFIX + "chunks-1"  # a stream of 100 ms
    async with upstream() as plan:
        tally = await load.run(replace(plan, connections=1, seconds=0.3, rate=100, stream=True, model=model))
    assert (tally.bad, tally.first_bad) == (0, "")
    assert tally.unsent > 10
    assert max(tally.latencies) > 0.15  # the second had waited for the first


async def test_at_a_rate_a_connection_that_closes_is_opened_again() -> None:
    answer = HEAD + b"connection: close\r\n" + LENGTH % len(WHOLE) + WHOLE
    async with impostor(answer, close=True) as plan:
        tally = await load.run(replace(plan, connections=2, seconds=0.2, rate=50))
    assert (tally.bad, tally.first_bad) == (0, "")
    assert len(tally.latencies) > 2


async def test_settled_means_that_opening_and_closing_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    async with upstream() as plan:
        tally = await load.run(replace(plan, connections=3, seconds=0.05, settle=True))
    assert capsys.readouterr().out == "open\nover\n"
    assert 0 < len(tally.latencies) <= tally.issued - 2
    assert tally.bad == 0


async def test_until_everything_is_open_nobody_asks_twice() -> None:
    """The connections that are open would keep a target busy while the others wait to be let in."""
    asked: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(asked)
        asked.append(0)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while length := re.search(rb"Content-Length: (\d+)", await reader.readuntil(b"\r\n\r\n")):
                await reader.readexactly(int(length[1]))
                asked[number] += 1
                if number == 2 and asked[number] == 1:
                    await asyncio.sleep(0.05)  # time in which the others must not ask again
                    assert asked == [1, 1, 1]
                writer.write(HEAD + LENGTH % len(WHOLE) + WHOLE)
        writer.close()

    server = await asyncio.start_server(answer, answers.HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        tally = await load.run(replace(DIRECT, port=port, connections=3, seconds=0.05, settle=True))
    assert (tally.bad, tally.first_bad) == (0, "")
    assert min(asked) > 1


async def test_a_target_that_makes_its_own_chunks_is_judged_by_the_text() -> None:
    merged = mock.STREAM_HEAD + framed(merged_events())
    wrong = mock.STREAM_HEAD + framed(merged_events().replace(b"word042", b"word024"))
    async with impostor(merged) as plan:
        strict = await load.run(replace(plan, requests=2, stream=True))
        lenient = await load.run(replace(plan, requests=2, stream=True, rewrites=True))
    async with impostor(wrong) as plan:
        deceived = await load.run(replace(plan, requests=2, stream=True, rewrites=True))
    assert (strict.bad, lenient.bad, deceived.bad) == (2, 0, 2)


def merged_events() -> bytes:
    """The text of a stream in one chunk, with usage in a chunk of its own."""
    one = answers.events(usage=True)
    text = codec.encode({"choices": [{"index": 0, "delta": {"content": "".join(answers.WORDS)}}]})
    return b"data: " + text + b"\n\n" + one[-2] + one[-1]


async def test_the_load_generator_is_a_program_of_its_own() -> None:
    async with upstream() as plan:
        command = [sys.executable, "-m", "tests.bench.load", "--port", str(plan.port), "--path", plan.path]
        options = ["--key", plan.key, "--model", plan.model, "--connections", "2", "--stream"]
        process = await asyncio.create_subprocess_exec(
            *command, *options, "--hold", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, complaint = await process.communicate()
    assert complaint == b""
    announced, line = output.splitlines()
    assert announced == b"open"
    assert (json.loads(line)["answers"], json.loads(line)["bad"]) == (2, 0)
