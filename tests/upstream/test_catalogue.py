import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from proxy.emulator.server import Emulator
from proxy.emulator.server import running as emulator_running
from proxy.errors import RateLimited, UpstreamAuthFailed, UpstreamFailed, UpstreamFault, UpstreamUnavailable
from proxy.upstream.catalogue import RETRY_SECONDS, Catalogue
from proxy.upstream.transport import Transport
from tests.upstream.origin import Line, answering, origin
from tests.upstream.sending import CREDENTIAL

TTL = 300.0
MODEL = "moonshotai/Kimi-K2.6"
OTHER = "KEY_of-another-account"
MODELS = "/ai/openai/models"


class Time:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Owner:
    """An owner of tasks that a test can wait for."""

    def __init__(self) -> None:
        self.started: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.started.append(asyncio.get_running_loop().create_task(work))
        return self.started[-1]

    async def done(self) -> None:
        await asyncio.gather(*self.started)


Build = Callable[..., Catalogue]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    owner = Owner()
    yield owner
    for task in owner.started:
        task.cancel()
    await asyncio.gather(*owner.started, return_exceptions=True)


@pytest.fixture
def build(transport: Transport, time: Time, owner: Owner) -> Build:
    return lambda url: Catalogue(transport, url, ttl=TTL, clock=time, tasks=owner)


@pytest.fixture
async def telnyx() -> AsyncIterator[Emulator]:
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        emulator = await stack.enter_async_context(emulator_running())
        yield emulator
        emulator.state.release.set()


@pytest.fixture
def catalogue(build: Build, telnyx: Emulator) -> Catalogue:
    return build(telnyx.base_url + MODELS)


async def test_the_list_is_in_openai_s_shape(catalogue: Catalogue, telnyx: Emulator) -> None:
    rows = await catalogue.rows(CREDENTIAL)
    assert rows[MODEL]["object"] == "model"
    assert type(rows[MODEL]["created"]) is int
    assert all(name == row["id"] for name, row in rows.items())
    (request,) = telnyx.state.requests
    assert (request.method, request.path) == ("GET", "/v2/ai/openai/models")
    assert request.headers["authorization"] == f"Bearer {CREDENTIAL}"


async def test_nothing_is_known_before_and_everything_after(catalogue: Catalogue) -> None:
    assert catalogue.known(CREDENTIAL) == {}
    assert MODEL not in catalogue
    rows = await catalogue.rows(CREDENTIAL)
    assert catalogue.known(CREDENTIAL) == rows
    assert MODEL in catalogue
    assert "no/such-model" not in catalogue
    assert catalogue.known(OTHER) == {}


async def test_the_list_is_kept_until_its_time_is_over(
    catalogue: Catalogue, telnyx: Emulator, time: Time, owner: Owner
) -> None:
    await catalogue.rows(CREDENTIAL)
    time.now += TTL - 1
    await catalogue.rows(CREDENTIAL)
    assert (len(telnyx.state.requests), owner.started) == (1, [])
    time.now += 1
    await catalogue.rows(CREDENTIAL)
    await owner.done()
    assert len(telnyx.state.requests) == 2
    time.now += TTL - 1
    await catalogue.rows(CREDENTIAL)
    assert len(owner.started) == 1


async def test_many_first_readers_lead_to_one_request(catalogue: Catalogue, telnyx: Emulator) -> None:
    telnyx.state.choose("slow-headers", {"where": "models"})
    readers = [asyncio.ensure_future(catalogue.rows(CREDENTIAL)) for _ in range(20)]
    await telnyx.state.until(lambda state: state.paused == 1)
    telnyx.state.release.set()
    found = await asyncio.gather(*readers)
    assert all(MODEL in rows for rows in found)
    assert len(telnyx.state.requests) == 1


async def test_many_first_readers_share_one_failure(catalogue: Catalogue, telnyx: Emulator) -> None:
    """Each with a failure of its own, and a later reader asks again."""
    telnyx.state.choose("slow-headers+unavailable", {"where": "models"})
    readers = [asyncio.ensure_future(catalogue.rows(CREDENTIAL)) for _ in range(20)]
    await telnyx.state.until(lambda state: state.paused == 1)
    telnyx.state.release.set()
    faults = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(fault) for fault in faults] == [UpstreamUnavailable] * 20
    assert len({id(fault) for fault in faults}) == 20
    assert len({str(fault) for fault in faults}) == 1
    assert len(telnyx.state.requests) == 1
    telnyx.state.choose("default")
    assert MODEL in await catalogue.rows(CREDENTIAL)


async def test_a_first_reader_that_leaves_does_not_take_the_others_along(
    catalogue: Catalogue, telnyx: Emulator
) -> None:
    telnyx.state.choose("slow-headers", {"where": "models"})
    first, second = (asyncio.ensure_future(catalogue.rows(CREDENTIAL)) for _ in range(2))
    await telnyx.state.until(lambda state: state.paused == 1)
    first.cancel()
    await telnyx.state.until(lambda state: state.requests[0].hung_up and state.paused == 1)
    telnyx.state.release.set()
    assert MODEL in await second
    assert first.cancelled()
    assert len(telnyx.state.requests) == 2


async def test_readers_do_not_wait_for_a_refresh(
    catalogue: Catalogue, telnyx: Emulator, time: Time, owner: Owner
) -> None:
    before = await catalogue.rows(CREDENTIAL)
    telnyx.state.choose("slow-headers", {"where": "models"})
    time.now += TTL
    for _ in range(20):
        assert await catalogue.rows(CREDENTIAL) is before
    await telnyx.state.until(lambda state: state.paused == 1)
    assert await catalogue.rows(CREDENTIAL) is before
    telnyx.state.release.set()
    await owner.done()
    assert await catalogue.rows(CREDENTIAL) is not before
    assert len(telnyx.state.requests) == 2


async def test_the_old_list_is_served_while_telnyx_is_down(
    catalogue: Catalogue, telnyx: Emulator, time: Time, owner: Owner
) -> None:
    before = await catalogue.rows(CREDENTIAL)
    telnyx.state.choose("server-error", {"where": "models"})
    time.now += TTL
    for _ in range(5):
        assert await catalogue.rows(CREDENTIAL) is before
        await owner.done()
    assert len(telnyx.state.requests) == 2
    time.now += RETRY_SECONDS - 0.1
    await catalogue.rows(CREDENTIAL)
    assert len(owner.started) == 1
    time.now += 0.1
    assert await catalogue.rows(CREDENTIAL) is before
    await owner.done()
    assert len(telnyx.state.requests) == 3
    telnyx.state.choose("default")
    time.now += RETRY_SECONDS
    await catalogue.rows(CREDENTIAL)
    await owner.done()
    assert await catalogue.rows(CREDENTIAL) is not before
    assert MODEL in catalogue.known(CREDENTIAL)


async def test_every_account_has_a_list_of_its_own(build: Build) -> None:
    async def script(line: Line) -> None:
        while True:
            request = await line.request()
            body = b'{"data": [{"id": "%s"}]}' % request.credential.encode()
            await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with origin(script) as server:
        catalogue = build(server.url)
        one, other = await asyncio.gather(catalogue.rows(CREDENTIAL), catalogue.rows(OTHER))
    assert (list(one), list(other)) == ([CREDENTIAL], [OTHER])
    assert CREDENTIAL in catalogue
    assert OTHER in catalogue


async def test_prices_are_told_by_every_account_and_a_list_that_has_come_is_a_new_edition(build: Build) -> None:
    pricing = {CREDENTIAL: b'"pricing": {"input": "0"}', OTHER: b'"pricing": {"input": "2"}'}

    async def script(line: Line) -> None:
        while True:
            request = await line.request()
            body = b'{"data": [{"id": "m/one", %s}, {"id": "m/two"}]}' % pricing[request.credential]
            await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with origin(script) as server:
        catalogue = build(server.url)
        assert (catalogue.edition, catalogue.pricing("m/one")) == (0, [])
        await catalogue.rows(CREDENTIAL)
        await catalogue.rows(CREDENTIAL)
        assert (catalogue.edition, catalogue.pricing("m/one")) == (1, [{"input": "0"}])
        await catalogue.rows(OTHER)
        assert (catalogue.edition, catalogue.pricing("m/one")) == (2, [{"input": "0"}, {"input": "2"}])
        assert catalogue.pricing("m/two") == []


async def test_warming_fetches_the_list_or_lets_it_be(catalogue: Catalogue, telnyx: Emulator) -> None:
    telnyx.state.choose("unauthorized", {"where": "models"})
    await catalogue.warm(CREDENTIAL)
    assert catalogue.known(CREDENTIAL) == {}
    telnyx.state.choose("default")
    await catalogue.warm(CREDENTIAL)
    assert MODEL in catalogue.known(CREDENTIAL)


FAILURES: list[tuple[str, type[UpstreamFault]]] = [
    ("unauthorized", UpstreamAuthFailed),
    ("rate-limited", RateLimited),
    ("unavailable", UpstreamUnavailable),
    ("server-error-html", UpstreamFailed),
    ("server-error-empty", UpstreamFailed),
    ("redirect", UpstreamFailed),
    ("error-in-200", UpstreamFailed),
]


@pytest.mark.parametrize(("scenario", "fault"), FAILURES)
async def test_a_first_list_that_cannot_be_had_is_a_failure(
    catalogue: Catalogue, telnyx: Emulator, scenario: str, fault: type[UpstreamFault]
) -> None:
    telnyx.state.choose(scenario, {"where": "models"})
    with pytest.raises(fault):
        await catalogue.rows(CREDENTIAL)
    assert catalogue.known(CREDENTIAL) == {}


def saying(body: bytes) -> Callable[[Line], Awaitable[None]]:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    return lambda line: answering(line, wire)


UNREADABLE = {
    "empty": b"",
    "html": b"<html>",
    "cut": b'{"data": [',
    "no-object": b"[]",
    "no-data": b"{}",
    "null": b'{"data": null}',
    "text": b'{"data": "abc"}',
    "rows": b'{"data": ["abc"]}',
    "number": b'{"data": 1}',
    "object": b'{"data": {}}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_list_that_cannot_be_read_is_a_failure(build: Build, body: bytes) -> None:
    async with origin(saying(body)) as server:
        with pytest.raises(UpstreamFailed, match="model list"):
            await build(server.url).rows(CREDENTIAL)


ODD = [b'"text"', b"1", b"null", b"{}", b'{"name": "no id"}', b'{"id": ""}']


@pytest.mark.parametrize("row", ODD, ids=bytes.decode)
async def test_an_odd_row_does_not_take_the_others_along(build: Build, row: bytes) -> None:
    async with origin(saying(b'{"data": [%s, {"id": "a/b"}]}' % row)) as server:
        assert list(await build(server.url).rows(CREDENTIAL)) == ["a/b"]


async def test_an_empty_list_is_a_list(build: Build) -> None:
    async with origin(saying(b'{"data": []}')) as server:
        catalogue = build(server.url)
        assert await catalogue.rows(CREDENTIAL) == {}
        assert await catalogue.rows(CREDENTIAL) == {}
    assert len(server.requests) == 1


async def test_embedding_models_are_in_the_list_too(
    transport: Transport, time: Time, owner: Owner, telnyx: Emulator
) -> None:
    url = telnyx.base_url + MODELS
    vectors = telnyx.base_url + "/ai/openai/embeddings/models"
    catalogue = Catalogue(transport, url, ttl=TTL, clock=time, tasks=owner)
    catalogue.embedding_url = vectors
    rows = await catalogue.rows(CREDENTIAL)
    assert rows["thenlper/gte-large"]["object"] == "model"
    assert MODEL in rows
    assert len(telnyx.state.requests) == 2


@pytest.mark.parametrize(("path", "asked"), [("/ai/nowhere", 1), ("/usage_reports", 2), ("/ai/openai/chat", 1)])
async def test_a_list_of_embedding_models_that_is_not_there_is_not_missed(
    transport: Transport, time: Time, owner: Owner, telnyx: Emulator, path: str, asked: int
) -> None:
    """A path that Telnyx does not know is not asked for again, one that answers otherwise is."""
    urls = telnyx.base_url + MODELS, telnyx.base_url + path
    catalogue = Catalogue(transport, urls[0], ttl=TTL, clock=time, tasks=owner)
    catalogue.embedding_url = urls[1]
    assert MODEL in await catalogue.rows(CREDENTIAL)
    time.now += TTL + 1
    assert MODEL in await catalogue.rows(CREDENTIAL)
    await owner.done()
    assert [request.path for request in telnyx.state.requests].count(f"/v2{path}") == asked


async def test_a_list_of_embedding_models_that_cannot_be_had_is_not_missed(
    transport: Transport, time: Time, owner: Owner, telnyx: Emulator
) -> None:
    catalogue = Catalogue(transport, telnyx.base_url + MODELS, ttl=TTL, clock=time, tasks=owner)
    catalogue.embedding_url = "http://127.0.0.1:1/"
    assert MODEL in await catalogue.rows(CREDENTIAL)
