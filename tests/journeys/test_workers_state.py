"""What is kept, between two workers that are real processes, on both databases: whoever is asked knows it."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from proxy.clock import SYSTEM
from proxy.storage.database import open_database
from proxy.storage.state import State
from tests.journeys.test_batches import begin, jsonl, lines, request
from tests.journeys.test_batches import ended as batch_ended
from tests.journeys.test_responses_background import ended
from tests.journeys.test_workers import TRIES, Build, Workers, build, until
from tests.storage.databases import KINDS, Postgres
from tests.storage.states import BOUNDS
from tests.world import KEY, MODEL

__all__ = ["build"]
GRACE = 0.5
"""Seconds for what is under way when the signal comes: it is meant to be too short."""
HELLO: dict[str, Any] = {"model": MODEL, "input": "Hello there"}


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/proxy.db"
    running: Postgres = request.getfixturevalue("postgres")
    return await running.create()


def held(here: Workers) -> dict[int, set[int]]:
    """Worker -> the ports of the clients that are connected to it."""
    port = int(here.openai.rpartition(":")[2])
    return {
        number: {
            each.raddr.port
            for each in psutil.Process(pid).net_connections("tcp")
            if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
        }
        for number, pid in here.pids().items()
    }


async def client_of(here: Workers, worker: int) -> AsyncOpenAI:
    """A client whose one connection is to this worker, and stays: the kernel spreads them by chance."""
    for _ in range(TRIES):
        before = held(here)
        limits = httpx2.Limits(max_connections=1, keepalive_expiry=None)
        http = DefaultAsyncHttpxClient(limits=limits)
        client = AsyncOpenAI(base_url=f"{here.openai}/v1", api_key=KEY, max_retries=0, http_client=http)
        await here.stack.enter_async_context(client)
        await client.models.list()
        if held(here)[worker] - before[worker]:
            return client
    raise AssertionError("nobody gets there")


def wait(here: Workers, scenario: str, **options: Any) -> None:
    """From now on Telnyx waits with its answers."""
    here.telnyx.state.choose(scenario, options)
    here.telnyx.state.clear()


async def asked(here: Workers) -> None:
    """Telnyx has been asked since then, and waits with the answer."""
    await here.telnyx.state.until(lambda state: state.requests and state.paused == 1)


async def test_whoever_is_asked_knows_what_the_other_has_done(build: Build, url: str, tmp_path: Path) -> None:
    secrets = {"pepper": {"value": "p" * 32}, "encryption_keys": [{"value": "e" * 32}]}
    sections: dict[str, Any] = {
        "storage": {"url": url, **secrets},
        "batches": {"folder": str(tmp_path / "files")},
        "ledger": {"spool": {"folder": str(tmp_path / "spool")}},
        "shutdown": {"grace": GRACE},
    }
    here = await build(**sections)
    one, two = await client_of(here, 1), await client_of(here, 2)
    for use in (_goes_on, _batch, _cancelled, _cancelled_stream):
        await use(here, one, two)
    await _killed(here, one, two)
    identity = await _left(here, one)
    ended = await here.command.end(signal.SIGTERM)
    assert (ended.code, ended.err) == (0, "")
    database = await open_database(url, folder=Path(), migrate=False)
    kept = await State(database, SYSTEM, BOUNDS).get("acme", identity)
    await database.close()
    assert kept is not None
    assert not here.lines("response_not_kept")
    assert (kept.status, (kept.response["error"] or {}).get("message")) == (
        "failed", "The proxy is shutting down. Please try again."
    )  # fmt: skip


async def _goes_on(here: Workers, one: AsyncOpenAI, two: AsyncOpenAI) -> None:
    """From the other's response, and with reasoning that the other has sealed."""
    first = await one.responses.create(**HELLO, include=["reasoning.encrypted_content"])
    await two.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)
    body: Any = here.telnyx.state.requests[-1].body
    assert [each["content"] for each in body["messages"]] == ["Hello there", "You said: Hello there", "And now?"]
    thought: Any = first.output[0]
    sealed: Any = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": thought.encrypted_content}
    raw = await two.responses.with_raw_response.create(
        model=MODEL, input=[sealed, {"role": "user", "content": "And?"}], store=False
    )
    assert "encrypted_content" not in raw.headers.get("x-telnyx-proxy-changes", "")
    talk = await one.conversations.create(items=[{"type": "message", "role": "user", "content": "Hello"}])
    await two.responses.create(model=MODEL, input="And?", conversation=talk.id)
    assert len([item async for item in one.conversations.items.list(talk.id)]) > 2


async def _batch(here: Workers, one: AsyncOpenAI, two: AsyncOpenAI) -> None:
    """Made at one, read at the other."""
    made = await begin(one, jsonl(*(request(name, name) for name in "abc")))
    done = await batch_ended(two, made)
    assert done.status == "completed"
    assert [line["custom_id"] for line in await lines(two, done.output_file_id)] == ["a", "b", "c"]


async def _cancelled(here: Workers, one: AsyncOpenAI, two: AsyncOpenAI) -> None:
    """Made at one, followed and cancelled at the other: the call to Telnyx is cut soon."""
    wait(here, "slow-headers", seconds=3600)
    made = await one.responses.create(**HELLO, background=True)
    await asked(here)
    assert (await two.responses.retrieve(made.id)).status == "in_progress"
    assert (await two.responses.cancel(made.id)).status == "cancelled"
    await here.telnyx.state.until(lambda state: state.requests[-1].hung_up)
    assert (await one.responses.retrieve(made.id)).status == "cancelled"


async def _cancelled_stream(here: Workers, one: AsyncOpenAI, two: AsyncOpenAI) -> None:
    """Whoever still listens is told."""
    wait(here, "stall-mid-stream")
    events = aiter(await one.responses.create(**HELLO, background=True, stream=True))
    first: Any = await anext(events)
    await asked(here)
    await two.responses.cancel(first.response.id)
    last: Any = [event async for event in events][-1]
    assert (last.type, last.response.status) == ("response.failed", "cancelled")


async def _killed(here: Workers, one: AsyncOpenAI, two: AsyncOpenAI) -> None:
    """The one that takes its place says so at once."""
    wait(here, "slow-headers", seconds=3600)
    made = await two.responses.create(**HELLO, background=True)
    await asked(here)
    killed = here.pids()[2]
    os.kill(killed, signal.SIGKILL)
    failed = await ended(one, made.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "has ended before it was complete" in failed.error.message
    await until(lambda: here.pids()[2] != killed)


async def _left(here: Workers, one: AsyncOpenAI) -> str:
    """Under way when the signal comes."""
    wait(here, "slow-headers", seconds=3600)
    made = await one.responses.create(**HELLO, background=True)
    await asked(here)
    return str(made.id)
