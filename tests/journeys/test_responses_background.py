"""Responses in the background: they survive their client, can be cancelled from anywhere, and never stay undone."""

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from proxy.app.running import running
from proxy.settings import Settings
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.journeys.test_responses import TENANTS, keeping
from tests.world import KEY, MODEL, World, settings

ENDED = {"completed", "failed", "cancelled", "incomplete"}


async def ended(client: AsyncOpenAI, identity: str) -> Response:
    """The response once it has ended."""

    async def has() -> bool:
        return (await client.responses.retrieve(identity)).status in ENDED

    await eventually(has)
    return await client.responses.retrieve(identity)


async def begun(here: World, requests: int = 1) -> None:
    """Telnyx has been asked."""
    await here.telnyx.state.until(lambda state: sum(each.method == "POST" for each in state.requests) >= requests)


async def test_it_is_answered_at_once_and_read_later(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    client = await here.openai()
    queued = await client.responses.create(model=MODEL, input="Hello there", background=True, metadata={"a": "b"})
    assert (queued.status, queued.output, queued.background) == ("queued", [], True)
    await begun(here)
    under_way = await client.responses.retrieve(queued.id)
    assert under_way.status == "in_progress"
    await client.close()
    here.telnyx.state.release.set()
    done = await ended(await here.openai(), queued.id)
    assert (done.status, done.output_text) == ("completed", "You said: Hello there")
    assert (done.created_at, done.metadata) == (queued.created_at, {"a": "b"})
    asked = [line for line in here.lines() if line["endpoint"] == "responses"]
    assert [line.get("model") for line in asked] == [None, MODEL], "the ledger has one row that used a model"
    assert here.proxy.services.making == {}


async def test_faults_are_told_at_once_and_nothing_is_queued(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, responses={"background": 1})
    client = await here.openai()
    faults: list[dict[str, Any]] = [{"temperature": "hot"}, {"store": False}, {"tools": [{"type": "nonsense"}]}]
    for fault in faults:
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model=MODEL, input="x", background=True, **fault)
    assert here.proxy.services.making == {}
    assert here.sent() == []


async def test_it_can_be_cancelled_and_the_call_is_cut(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60}, responses={"background": 1})
    client = await here.openai()
    queued = await client.responses.create(model=MODEL, input="Hello there", background=True)
    await begun(here)
    with pytest.raises(openai.RateLimitError, match=r"responses\.background") as caught:
        await client.responses.create(model=MODEL, input="x", background=True)
    assert caught.value.response.headers["retry-after"]
    cancelled = await client.responses.cancel(queued.id)
    assert cancelled.status == "cancelled"
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await eventually(lambda: idle(here))
    assert (await client.responses.cancel(queued.id)).status == "cancelled"
    assert (await client.responses.retrieve(queued.id)).status == "cancelled"
    told = next(line for line in here.lines() if line.get("error_code") == "cancelled")
    assert told["status"] == 499
    here.telnyx.state.choose("default")
    plain = await client.responses.create(model=MODEL, input="Hello there")
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        await client.responses.cancel(plain.id)
    done = await ended(client, (await client.responses.create(model=MODEL, input="Hi", background=True)).id)
    assert (await client.responses.cancel(done.id)).status == "completed"


async def idle(here: World) -> bool:
    return not here.proxy.services.making


async def test_what_is_deleted_here_is_cut_here(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    client = await here.openai()
    queued = await client.responses.create(model=MODEL, input="Hello", background=True)
    await begun(here)
    with pytest.raises(openai.BadRequestError, match="still in_progress"):
        await client.responses.create(model=MODEL, input="x", previous_response_id=queued.id)
    await client.responses.delete(queued.id)
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    await eventually(lambda: idle(here))


async def test_telnyx_errors_and_limits_make_it_fail(build: Build, tmp_path: Path) -> None:
    limited = [{**TENANTS[0], "limits": [{"requests_per_minute": 1}]}, TENANTS[1]]
    here = await keeping(build, tmp_path, "server-error", tenants=limited)
    client = await here.openai()
    failed = await ended(client, (await client.responses.create(model=MODEL, input="Hi", background=True)).id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code == "server_error"
    refused = await ended(client, (await client.responses.create(model=MODEL, input="Hi", background=True)).id)
    assert refused.status == "failed"
    assert refused.error is not None
    assert refused.error.code == "rate_limit_exceeded"


async def test_a_stream_goes_on_without_its_client(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "stall-mid-stream")
    client = await here.openai()
    stream = await client.responses.create(model=MODEL, input="Hello there", background=True, stream=True)
    events = aiter(stream)
    first: Any = await anext(events)
    assert (first.type, first.response.status) == ("response.created", "queued")
    await stream.close()
    await client.close()
    client = await here.openai()
    assert (await client.responses.retrieve(first.response.id)).status in {"queued", "in_progress"}
    with pytest.raises(openai.BadRequestError, match="stream"):
        await client.responses.retrieve(first.response.id, stream=True, starting_after=1)
    here.telnyx.state.release.set()
    done = await ended(client, first.response.id)
    assert done.status == "completed"
    assert done.output_text.startswith("You said")


async def test_a_stream_in_the_background_is_read_to_its_end_and_cancelled(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path)
    client = await here.openai()
    options: dict[str, Any] = {"model": MODEL, "input": "Hello there", "background": True, "stream": True}
    whole = [event async for event in await client.responses.create(**options)]
    assert whole[-1].type == "response.completed"
    assert (await client.responses.retrieve(whole[-1].response.id)).status == "completed"
    here.telnyx.state.choose("stall-mid-stream")
    stream = await client.responses.create(**options)
    first: Any = await anext(aiter(stream))
    await client.responses.cancel(first.response.id)
    rest = [event async for event in stream]
    assert rest[-1].type == "response.failed"
    await here.telnyx.state.until(lambda state: state.requests[-1].ended)
    assert (await client.responses.retrieve(first.response.id)).status == "cancelled"


async def test_a_shutdown_says_what_has_failed(build: Build, tmp_path: Path) -> None:
    """Also what is a stream that nobody reads any more."""
    here = await keeping(build, tmp_path, "stall-mid-stream+stall-mid-body")
    given = second(here, tmp_path, grace=0.01)
    options: dict[str, Any] = {"model": MODEL, "input": "Hello", "background": True}
    async with running(given) as proxy, AsyncOpenAI(base_url=proxy.addresses.base_url, api_key=KEY) as client:
        stream = await client.responses.create(**options, stream=True)
        first: Any = await anext(aiter(stream))
        await stream.close()
        queued = await client.responses.create(**options)
        await begun(here, 2)
    await here.telnyx.state.until(lambda state: all(each.ended for each in state.requests))
    async with running(given) as proxy, AsyncOpenAI(base_url=proxy.addresses.base_url, api_key=KEY) as client:
        for identity in (queued.id, first.response.id):
            failed = await client.responses.retrieve(identity)
            assert failed.status == "failed"
            assert failed.error is not None
            assert "shutting down" in failed.error.message


async def test_a_shutdown_lets_it_end_within_its_grace(build: Build, tmp_path: Path) -> None:
    here = await keeping(build, tmp_path, "slow-headers", {"seconds": 60})
    given = second(here, tmp_path)
    async with asyncio.TaskGroup() as group, running(given) as proxy:
        async with AsyncOpenAI(base_url=proxy.addresses.base_url, api_key=KEY) as client:
            queued = await client.responses.create(model=MODEL, input="Hello", background=True)
            await begun(here)
        group.create_task(release(here, proxy))
    async with running(given) as proxy, AsyncOpenAI(base_url=proxy.addresses.base_url, api_key=KEY) as client:
        assert (await client.responses.retrieve(queued.id)).status == "completed"


def second(here: World, folder: Path, **shutdown: float) -> Settings:
    """Settings of a second proxy that keeps things, too."""
    (folder / "other").mkdir()
    store = {"url": f"sqlite:///{folder}/other.db"}
    log = folder / "other" / "log.jsonl"
    return settings(here.telnyx.base_url, log, tenants=TENANTS, storage=store, shutdown=shutdown)


async def release(here: World, proxy: Any) -> None:
    async def draining() -> bool:
        return bool(proxy.listener._draining)

    await eventually(draining)
    here.telnyx.state.release.set()
