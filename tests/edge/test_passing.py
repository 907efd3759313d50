"""Handing Telnyx's own routes on: which paths are paths, what an answer used, and how a broken answer looks."""

import asyncio
from contextlib import nullcontext
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.edge.passing import expect_path, usage_in
from proxy.errors import InvalidRequest, UnknownUrl
from tests.conftest import Build
from tests.world import KEY, MODEL, TENANTS, World

TENANT: Any = [{**TENANTS[0], "passthrough": ["ai/*"]}]
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("path", ["ai/clusters", "ai/embeddings/buckets/my-bucket_1.x", "ai/a:b@c,d=e", "ai/%41"])
def test_plain_paths_are_paths(path: str) -> None:
    assert expect_path(f"/telnyx/{path}") == path.replace("%41", "A")


@given(st.text(alphabet="./%25ef\\ai?#;:@é\x00 "))
def test_no_path_says_two_things(path: str) -> None:
    try:
        found = expect_path(f"/telnyx/{path}")
    except InvalidRequest:
        return
    steps = found.split("/")
    assert all(step.strip(".") for step in steps)
    assert not set(found) & set("%\\?#; \x00é")


def test_what_is_elsewhere_is_unknown() -> None:
    with pytest.raises(UnknownUrl):
        expect_path("/v1/telnyx/ai")


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (b'{"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}', (3, 2, "upstream")),
        (b'{"usage":{"input_tokens":3,"output_tokens":2}}', (3, 2, "upstream")),
        (b'{"usage":{"input_tokens":3}}', (0, 0, "none")),
        (b'{"usage":7}', (0, 0, "none")),
        (b"[]", (0, 0, "none")),
        (b"sound", (0, 0, "none")),
    ],
)
def test_what_an_answer_says_it_used(raw: bytes, usage: Any) -> None:
    found = usage_in(raw)
    assert (found.input, found.output, found.source) == usage


class Tap:
    """A Telnyx that sends sound, and then what a test wants."""

    def __init__(self) -> None:
        self.sizes = [1000]
        self.then = "end"
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        try:
            for size in self.sizes:
                await response.write(b"x" * size)
            if self.then == "wait":
                await self.go_on.wait()
            if self.then == "break":
                assert request.transport is not None
                request.transport.abort()
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return response


@pytest.fixture
def tap() -> Tap:
    return Tap()


async def opened(build: Build, tap: Tap, server: Any, **sections: Any) -> World:
    made = await server(tap.answer)
    upstream = {"base_url": str(made.make_url("/v2")), **sections.pop("upstream", {})}
    return await build(tenants=TENANT, upstream=upstream, **sections)


def get(here: World) -> Any:
    return here.session.get(here.url("/telnyx/ai/sound"), headers=BEARER)


async def test_an_empty_answer_is_one(build: Build, tap: Tap, aiohttp_raw_server: Any) -> None:
    tap.sizes = []
    here = await opened(build, tap, aiohttp_raw_server)
    async with get(here) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "audio/mpeg", b"")


async def test_a_slow_client_gets_all_of_it(build: Build, tap: Tap, aiohttp_raw_server: Any) -> None:
    tap.sizes = [1 << 20] * 6
    here = await opened(build, tap, aiohttp_raw_server)
    async with get(here) as answer:
        size = 0
        while piece := await answer.content.read(1 << 16):
            size += len(piece)
            await asyncio.sleep(0)
    assert size == 6 << 20
    [line] = here.lines()
    assert (line["stream_end"], line["bytes_out"]) == ("complete", size)


@pytest.mark.parametrize(("then", "end"), [("break", "upstream_reset"), ("wait", "stalled")])
async def test_a_broken_answer_never_looks_whole(
    build: Build, tap: Tap, aiohttp_raw_server: Any, then: str, end: str
) -> None:
    tap.then = then
    here = await opened(build, tap, aiohttp_raw_server, upstream={"timeouts": {"between_chunks": 0.2}})
    async with get(here) as answer:
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    tap.go_on.set()
    [line] = here.lines()
    assert line["stream_end"] == end


async def test_nothing_before_the_first_byte_is_an_error_that_is_told(
    build: Build, tap: Tap, aiohttp_raw_server: Any
) -> None:
    tap.sizes, tap.then = [], "break"
    here = await opened(build, tap, aiohttp_raw_server)
    async with get(here) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (502, "upstream_error")


async def test_when_the_client_leaves_telnyx_is_left(build: Build, tap: Tap, aiohttp_raw_server: Any) -> None:
    tap.then = "wait"
    here = await opened(build, tap, aiohttp_raw_server)
    answer = await get(here)
    assert await answer.content.readany()
    answer.close()
    async with asyncio.timeout(20):
        await tap.left.wait()
        while not here.lines():  # noqa: ASYNC110 - a file says nothing when it is written to
            await asyncio.sleep(0.01)
    tap.go_on.set()  # the lists of models wait for it, too
    [line] = here.lines()
    assert (line["status"], line["stream_end"]) == (499, "client_disconnected")


async def test_time_runs_out_for_it_too(build: Build, tap: Tap, aiohttp_raw_server: Any) -> None:
    tap.then = "wait"
    here = await opened(build, tap, aiohttp_raw_server, upstream={"timeouts": {"total": 0.5, "between_chunks": 30}})
    async with get(here) as answer:
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
    tap.go_on.set()
    assert here.lines()[0]["stream_end"] == "timeout"


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp would like a file better
async def test_what_could_hide_a_model_is_refused(build: Build) -> None:
    here = await build(tenants=[{**TENANT[0], "models": ["zai-org/*"]}])
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    for path, data, headers, status in (
        ("ai/audio/transcriptions", b"--B--", form, 403),
        ("ai/x?model=openai/gpt", b"", {}, 403),
        ("ai/x", b'{"model":"zai-org/a", "model":"openai/b"}', {}, 400),
        ("ai/x", b"[" + b"[]," * 100_000 + b"[]]", {}, 400),
        ("ai/x", codec.encode({"model": "openai/b", "input": "x" * codec.SLICED}), {}, 403),
    ):
        given = {**BEARER, **headers}
        async with here.session.post(here.url(f"/telnyx/{path}"), data=data, headers=given) as answer:
            assert answer.status == status
    assert not [request for request in here.telnyx.state.requests if request.method == "POST"]


@pytest.mark.parametrize("then", ["end", "break"])
async def test_what_a_model_consumed_and_nobody_tells_has_an_unknown_price(
    build: Build, tap: Tap, aiohttp_raw_server: Any, then: str
) -> None:
    tap.then = then
    here = await opened(build, tap, aiohttp_raw_server)
    address = here.url("/telnyx/ai/sound")
    async with here.session.post(address, headers=BEARER, json={"model": MODEL}) as answer:
        with pytest.raises(aiohttp.ClientError) if then == "break" else nullcontext():
            await answer.read()
    [line] = here.lines()
    assert (line["model"], line.get("cost_usd")) == (MODEL, None)
    assert await here.metric("telnyx_proxy_unpriced_requests_total") == 1
