"""Requests that the proxy makes itself: the same way, limits, ledger and log as all others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from proxy import codec
from proxy.edge.inner import Errand, perform
from tests.conftest import Build
from tests.journeys.operating import eventually
from tests.world import HELLO, KEY, MODEL, World

CHAT = {"model": MODEL, "messages": HELLO}


def errand(here: World, body: Any, **more: Any) -> Errand:
    """One of the tenant acme's."""
    grant = here.proxy.services.keys.admit(f"Bearer {KEY}")
    data = body if isinstance(body, bytes) else codec.encode(body)
    return Errand(grant, "POST", "/v1/chat/completions", data, more.pop("headers", {}))


async def do(here: World, body: Any, **more: Any) -> tuple[int, Any]:
    """Status and body."""
    outcome = await perform(here.proxy.services, errand(here, body, **more))
    return outcome.status, codec.decode(outcome.body)


async def test_an_errand_is_a_request_like_all_others(build: Build) -> None:
    here = await build()
    outcome = await perform(here.proxy.services, errand(here, CHAT, headers={"User-Agent": "OpenAI/Python 3.0"}))
    assert outcome.status == 200
    assert codec.decode(outcome.body)["choices"][0]["message"]["content"] == "You said: Hello there"
    here.proxy.services.log.flush()
    [line] = here.lines()
    assert (line["request_id"], line["tenant"], line["key"]) == (outcome.request_id, "acme", "web")
    assert line["tokens_source"] == "upstream"
    assert line["client"] == "openai-python"
    large = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 300_000}]}
    assert (await do(here, large))[0] == 200, "more than a buffer of the event loop holds"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"", 400, "invalid_json"), (b"{", 400, "invalid_json"), ({"model": MODEL}, 400, "missing_required_parameter"),
     ({**CHAT, "stream": True}, 400, "invalid_value")],
)  # fmt: skip
async def test_faults_are_outcomes(build: Build, body: Any, status: int, code: str) -> None:
    got, told = await do(await build(), body)
    assert (got, told["error"]["code"]) == (status, code)


async def test_limits_hold_also_for_those_that_wait_for_a_place(build: Build) -> None:
    """Nobody shows a key again when its turn has come."""
    limits = [{"concurrent": 1, "queue": 1}]
    tenant = {"id": "acme", "upstream_api_key": {"value": "KEY_a"}, "limits": limits,
              "keys": [{"name": "web", "secret": {"value": KEY}}]}  # fmt: skip
    here = await build("slow-headers", {"seconds": 60}, tenants=[tenant])
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(do(here, CHAT)) for _ in range(2)]
        await here.telnyx.state.until(lambda state: state.paused)
        assert (await do(here, CHAT))[0] == 429
        here.telnyx.state.choose("default")
    assert [task.result()[0] for task in both] == [200, 200]


async def test_an_errand_has_no_more_time_than_others(build: Build) -> None:
    here = await build("slow-headers", {"seconds": 60}, upstream={"timeouts": {"total": 0.1}})
    status, told = await do(here, CHAT)
    assert (status, told["error"]["code"]) == (504, "upstream_timeout")
    assert "timeouts.total" in told["error"]["message"]
    await here.telnyx.state.until(lambda state: any(each.hung_up for each in state.requests))


async def test_an_errand_can_be_broken_off(build: Build) -> None:
    here = await build("slow-headers", {"seconds": 60})
    services = here.proxy.services

    async def run() -> None:
        await perform(services, errand(here, CHAT))

    task = services.start(run())
    await here.telnyx.state.until(lambda state: state.paused)
    task.cancel()
    await eventually(lambda: done(task))
    services.log.flush()
    assert task.cancelled()
    assert here.lines()[-1]["status"] == 499
    await here.telnyx.state.until(lambda state: any(each.hung_up for each in state.requests))


async def done(task: "asyncio.Task[None]") -> bool:
    return task.done()


async def test_the_log_has_what_was_asked_on_whose_behalf(build: Build, tmp_path: Path) -> None:
    here = await build()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await do(here, CHAT, headers={"traceparent": trace})
    here.proxy.services.log.flush()
    assert here.lines()[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert here.telnyx.state.requests[-1].headers["traceparent"] == trace
    assert KEY not in (tmp_path / "log.jsonl").read_text()
