"""Calls to a real Redis: in order, in batches, and every way in which it does not answer is an outage."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from proxy.storage.redis_link import BATCH, Link, Outage, Script, Wire
from tests.storage.redis_server import RedisServer, running_redis

ECHO = Script("return ARGV[1]")
APPEND = Script("return redis.call('RPUSH', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module")
def module_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(module_redis: RedisServer) -> RedisServer:
    module_redis.ask("FLUSHALL")
    return module_redis


async def ask(link: Link, word: str) -> Any:
    return await link.ask(ECHO, [], [word])


async def append(link: Link, word: str) -> Any:
    return await link.ask(APPEND, ["{a}list"], [word])


@asynccontextmanager
async def linked(url: str, seconds: float = 5.0) -> AsyncIterator[tuple[Link, list[str]]]:
    heard: list[str] = []
    link = Link(Wire(url), (APPEND,), timeout=seconds, failed=lambda outage: heard.append(str(outage)))
    running = asyncio.create_task(link.run())
    try:
        yield link, heard
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_calls_of_one_turn_go_out_together_and_are_answered_in_order(redis: RedisServer) -> None:
    async with linked(redis.url) as (link, heard):
        numbers = await asyncio.gather(*(append(link, str(number)) for number in range(3 * BATCH)))
        assert numbers == list(range(1, 3 * BATCH + 1))
        stored = redis.ask("LINDEX", "{a}list", 2)
    assert stored == b"$1\r\n2\r\n"
    assert not heard


async def test_scripts_that_were_flushed_are_loaded_again_and_run_once(redis: RedisServer) -> None:
    async with linked(redis.url) as (link, heard):
        assert await append(link, "x") == 1
        redis.ask("SCRIPT", "FLUSH")
        assert list(await asyncio.gather(ask(link, "y"), append(link, "z"))) == ["y", 2]
    assert not heard


async def test_a_server_that_does_not_answer_in_time_is_an_outage_for_all_that_wait(redis: RedisServer) -> None:
    async with linked(redis.url, seconds=0.05) as (link, heard):
        await ask(link, "warm")
        redis.pause()
        try:
            outcomes = await asyncio.gather(*(ask(link, "x") for _ in range(BATCH + 1)), return_exceptions=True)
        finally:
            redis.resume()
        assert {str(outcome) for outcome in outcomes} == {"TimeoutError"}
        assert heard == ["TimeoutError"]
        assert await ask(link, "again") == "again"


async def test_no_server_is_an_outage() -> None:
    async with linked("unix:///nonexistent/redis.sock") as (link, heard):
        with pytest.raises(Outage, match="ConnectionError"):
            await ask(link, "x")
    assert heard == ["ConnectionError"]


async def test_a_server_that_went_away_is_an_outage_and_the_next_call_connects_anew() -> None:
    with running_redis() as server:
        async with linked(server.url) as (link, heard):
            await ask(link, "x")
            server.stop()
            with pytest.raises(Outage):
                await ask(link, "x")
            server.start()
            assert await ask(link, "y") == "y"
    assert len(heard) == 1


async def test_no_memory_left_is_an_outage_for_whoever_needed_it() -> None:
    with running_redis("--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:
        async with linked(server.url) as (link, heard):
            both = await asyncio.gather(ask(link, "x"), append(link, "x"), return_exceptions=True)
        assert list(map(str, both)) == ["x", "OOM"]
    assert heard == ["OOM"]


async def test_an_error_of_a_script_is_named_by_its_class(redis: RedisServer) -> None:
    async with linked(redis.url) as (link, heard):
        with pytest.raises(Outage, match="ResponseError"):
            await link.ask(Script("return nonsense.nonsense"), [], [])
    assert heard == ["ResponseError"]


async def test_an_answer_to_somebody_who_left_is_given_to_late(redis: RedisServer) -> None:
    late: list[object] = []
    async with linked(redis.url) as (link, _):
        leaving = [asyncio.create_task(link.ask(ECHO, [], ["x"], late.append)), asyncio.create_task(ask(link, "z"))]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        assert await ask(link, "y") == "y"
        outcomes = await asyncio.gather(*leaving, return_exceptions=True)
    assert late == ["x"]
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


async def test_after_the_end_every_call_is_an_outage(redis: RedisServer) -> None:
    async with linked(redis.url) as (link, heard):
        await ask(link, "x")
        waiting = [asyncio.create_task(ask(link, "x")) for _ in range(BATCH + 1)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # a batch is under way, and one call waits
    outcomes = await asyncio.gather(*waiting, ask(link, "x"), return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {"closed"}
    assert not heard


async def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(OSError, match=r'pip install "telnyx-openai-proxy\[redis\]"'):
        Wire("redis://localhost")


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        Wire("localhost:6379")


async def test_who_is_answered_and_cancelled_in_the_same_turn_hears_of_it_late(redis: RedisServer) -> None:
    link = Link(Wire(redis.url), (APPEND,), timeout=5.0, failed=lambda _: None)
    for outcome in ("done", Outage("gone")):
        late: list[Any] = []
        waiting = asyncio.create_task(link.ask(ECHO, [], ["x"], late.append))
        await asyncio.sleep(0)
        link._queue.pop().heard(outcome)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert late == [outcome]


async def test_an_answer_that_came_while_the_event_loop_was_busy_is_no_outage(redis: RedisServer) -> None:
    async with linked(redis.url, seconds=0.1) as (link, heard):
        await ask(link, "warm")
        waiting = asyncio.create_task(ask(link, "x"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it is on its way
        time.sleep(0.3)  # noqa: ASYNC251 - what else keeps a loop busy
        assert await waiting == "x"
    assert not heard
