"""Limits in a real Redis: decided as in memory, shared by processes, through their deaths and the server's."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.accounts.limits import Amount, Gates
from proxy.errors import ClientFault, LimiterUnavailable, LimitReached
from proxy.storage.redis_limiter import RedisLimiter, Sharing
from tests.storage.limiters import (
    Hand,
    admitted,
    budget,
    one_redis,
    places,
    rate,
    redis,
    redis_limiter,
    share,
    turned_by_hand,
)
from tests.storage.redis_server import RedisServer, running_redis
from tests.storage.redis_worker import KINDS, LIMIT

__all__ = ["one_redis", "redis"]

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 10.0
GIVEN_BACK = {"places": LIMIT, "tokens": 10, "output": 16, "money": 10, "all": 10}
"""Admitted again after LIMIT requests were settled with a part of what they had reserved."""
MIXED = Gates(
    rates=(rate(30), rate(400, "tokens"), rate(90, "requests", 86_400)),
    budgets=(budget(6_000, "day"),),
    shares=(share(300, "acme", 2),),
)
OTHER = Gates(rates=(rate(20, name="other"),), shares=(share(300, "other", 1),))
THIRD = Gates(rates=(rate(500, "output", name="third"),), shares=(share(300, "third", 3),))


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the condition is nobody's event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", range(6))
async def test_decisions_are_those_of_the_limiter_in_memory(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    from proxy.storage.local_limiter import LocalLimiter

    chance = random.Random(seed)  # noqa: S311 - a test
    turned_by_hand(monkeypatch)
    hand = Hand(redis)
    local, open_, decisions = LocalLimiter(lambda: hand.now), list[tuple[Any, Any, Amount]](), [0, 0]
    async with redis_limiter(Sharing(redis.url, timeout=5), hand.clock) as (limiter, _):
        for step in range(250):
            if chance.random() < 0.3 and open_:
                *both, amount = open_.pop(chance.randrange(len(open_)))
                used = amount._replace(output=chance.randrange(2 * amount.output + 1), micros=chance.randrange(500))
                local.settle(both[0], used)
                limiter.settle(both[1], used)
                continue
            await limiter.flush()
            hand.turn(chance.choice([0.0, 0.0, 0.1, 0.5, 1.0, 3.7, 20.0, 61.0]))
            gates = chance.choice([MIXED, MIXED, OTHER, THIRD])
            amount = Amount(1, chance.randrange(1, 60), 0, chance.randrange(1, 40), chance.randrange(400))
            outcomes = [
                await outcome_of(each.reserve(f"r{step}", gates, amount, explicit=False)) for each in (local, limiter)
            ]
            assert said(outcomes[0]) == said(outcomes[1]), step
            decisions[isinstance(outcomes[0], ClientFault)] += 1
            if not isinstance(outcomes[0], ClientFault):
                open_.append((*outcomes, amount))
        await limiter.flush()
        assert local.budgets() == limiter.budgets()
        assert local.take_spent() == limiter.take_spent()
    assert min(decisions) > 20, "a test in which nothing is refused, or nothing admitted, proves little"


async def outcome_of(reserving: Any) -> Any:
    try:
        return await reserving
    except ClientFault as fault:
        return fault


def said(outcome: Any) -> Any:
    """What can be compared: the text names every number; times agree to a microsecond."""
    if isinstance(outcome, ClientFault):
        return type(outcome), outcome.message.partition("Please try")[0], round(outcome.retry_after or 0, 3)
    kinds = [kind and (kind[:3], round(kind.reset, 3)) for kind in (outcome.requests, outcome.tokens)]
    return kinds, outcome.warnings


@contextmanager
def workers(url: str, count: int, *options: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "tests.storage.redis_worker", url, *options]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(count)]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def together(processes: list[subprocess.Popen[bytes]], *words: str | int) -> list[dict[str, Any]]:
    """Let all of them do something at once, and hear how it went."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{json.dumps(words)}\n".encode())
        process.stdin.flush()
    return [json.loads(process.stdout.readline()) for process in processes if process.stdout]


def test_four_processes_of_fifty_callers_admit_exactly_the_limit(redis: RedisServer) -> None:
    with workers(redis.url, 4) as processes:
        for kind in KINDS:
            said = together(processes, "reserve", kind, 50)
            assert [each["strange"] for each in said] == [[]] * 4
            assert sum(each["admitted"] for each in said) == LIMIT, kind
            together(processes, "settle")
            again = together(processes, "reserve", kind, 50)
            assert sum(each["admitted"] for each in again) == GIVEN_BACK.get(kind, 0), kind
            together(processes, "settle")


def keys_without_an_end(server: RedisServer) -> list[str]:
    script = """
        local found = {}
        for _, key in ipairs(redis.call('KEYS', '{telnyx-proxy}*')) do
            if redis.call('TTL', key) < 0 then found[#found + 1] = key end
        end
        return table.concat(found, ' ')
    """
    return server.ask("EVAL", script, 0).decode().split("\r\n")[1].split()


async def test_every_key_has_an_end(redis: RedisServer) -> None:
    async with redis_limiter(Sharing(redis.url, timeout=5)) as (limiter, _):
        everything = Gates(MIXED.rates, MIXED.budgets, (places(1),), MIXED.shares)
        held = await limiter.reserve("a", everything, Amount(1, 2, 3, 4, 5), explicit=False)
        await outcome_of(limiter.reserve("b", everything, Amount(1, 2, 3, 4, 5), explicit=False))
        assert keys_without_an_end(redis) == []
        limiter.settle(held, Amount(1, 3, 3, 3, 3))
        await limiter.prime({("x", 0): 5})
        await limiter.flush()
        assert keys_without_an_end(redis) == []


async def test_the_places_of_a_killed_process_are_free_when_its_leases_end_and_its_money_is_spent(
    redis: RedisServer,
) -> None:
    async with redis_limiter(Sharing(redis.url, timeout=5, lease=1.5)) as (limiter, counted):
        with workers(redis.url, 1, "1.5") as [process]:
            together([process], "reserve", "places", LIMIT)
            together([process], "reserve", "money", 3)
            for kind in ("places", "money"):
                assert (await admitted(limiter, KINDS[kind], Amount(micros=980), 1)) == 0
            process.kill()
            process.wait()
        await until_admitted(limiter, KINDS["places"])
        await until(lambda: counted.count("lapsed") == LIMIT + 4)  # and the one to warm up
        [(name, period)] = limiter.budgets()
        await until(lambda: limiter.take_spent() == {(name, period): 30})
        assert await admitted(limiter, KINDS["money"], Amount(micros=1), 1000) == 970


async def until_admitted(limiter: RedisLimiter, gates: Gates, amount: Amount | None = None) -> Any:
    async with asyncio.timeout(DEADLINE):
        while True:
            outcome = await outcome_of(limiter.reserve("again", gates, amount or Amount(), explicit=False))
            if not isinstance(outcome, ClientFault):
                return outcome
            await asyncio.sleep(0.01)


async def test_leases_are_renewed_while_a_request_runs(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    turned_by_hand(monkeypatch)
    hand, gates = Hand(redis), Gates(places=(places(1),), budgets=(budget(10),))
    async with redis_limiter(Sharing(redis.url, timeout=5), hand.clock) as (limiter, counted):
        await limiter.reserve("long", gates, Amount(micros=1), explicit=False)
        for _ in range(6):
            hand.turn(20)
            await limiter._keeper._beat()
            assert await admitted(limiter, gates, Amount(), 1) == 0
        hand.turn(30.1)  # without a beat
        assert await admitted(limiter, gates, Amount(), 1) == 1
        await limiter._keeper._beat()  # it was slow, not dead: its request does run, and counts again
        assert await admitted(limiter, Gates(places=(places(2),)), Amount(), 1) == 0
    assert counted == []


async def test_who_was_cut_off_and_taken_for_dead_settles_with_what_was_used(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned_by_hand(monkeypatch)
    hand, gates = Hand(redis), Gates(budgets=(budget(1000),))
    sharing = Sharing(redis.url, timeout=5)
    async with (
        redis_limiter(sharing, hand.clock) as (cut_off, _),
        redis_limiter(sharing, hand.clock) as (other, counted),
    ):
        held = await cut_off.reserve("a", gates, Amount(micros=900), explicit=False)
        hand.turn(61)  # nothing was renewed meanwhile
        await other._keeper._look_for_lapsed()
        await other._keeper._look_for_lapsed()  # once only
        assert counted == ["lapsed"]
        assert list(other.take_spent().values()) == [900]
        cut_off.settle(held, Amount(micros=250))
        await cut_off.flush()
        assert list(cut_off.take_spent().values()) == [250 - 900]
        assert await admitted(other, gates, Amount(micros=10), 100) == 75


async def test_machines_whose_clocks_differ_count_together(redis: RedisServer) -> None:
    from proxy.clock import Clock

    sharing, gates = Sharing(redis.url, timeout=5), Gates(rates=(rate(10),), budgets=(budget(10, "month"),))
    wrong = Clock(wall=lambda: 40 * 86_400.0)
    async with redis_limiter(sharing) as (right, _), redis_limiter(sharing, wrong) as (skewed, _):
        assert await admitted(right, gates, Amount(micros=1), 4) == 4
        assert await admitted(skewed, gates, Amount(micros=1), 20) == 6
        assert right.budgets().keys() == skewed.budgets().keys()


async def test_scripts_that_were_flushed_are_no_outage(redis: RedisServer) -> None:
    gates = Gates(rates=(rate(4),))
    async with redis_limiter(Sharing(redis.url, timeout=5)) as (limiter, counted):
        for _ in range(3):
            redis.ask("SCRIPT", "FLUSH")
            assert await admitted(limiter, gates, Amount(), 1) == 1
        assert limiter.health() is None
    assert counted == []


async def test_a_caller_who_leaves_before_the_answer_holds_nothing(redis: RedisServer) -> None:
    gates = Gates(places=(places(1),), budgets=(budget(100),), rates=(rate(2),))
    async with redis_limiter(Sharing(redis.url, timeout=5)) as (limiter, _):
        leaving = asyncio.create_task(limiter.reserve("a", gates, Amount(micros=100), explicit=False))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await limiter.flush()
        await until_admitted(limiter, Gates(gates.rates, gates.budgets, gates.places), Amount(micros=100))
        with pytest.raises(LimitReached):
            await limiter.reserve("c", Gates(rates=(rate(1),)), Amount(), explicit=False)


async def test_closed_without_redis_nothing_is_admitted_until_it_is_back() -> None:
    gates = Gates(rates=(rate(5),), places=(places(1),))
    with running_redis() as server:
        async with redis_limiter(Sharing(server.url, fail="closed", timeout=2)) as (limiter, counted):
            held = await limiter.reserve("a", gates, Amount(), explicit=False)
            server.stop()
            for _ in range(3):
                with pytest.raises(LimiterUnavailable):
                    await limiter.reserve("b", gates, Amount(), explicit=False)
            assert counted == ["closed"] * 3
            assert limiter.health()
            limiter.settle(held, Amount())
            server.start()
            await until(lambda: limiter.health() is None)
            await limiter.reserve("c", gates, Amount(), explicit=False)


async def test_open_each_process_counts_its_part_and_tells_redis_afterwards() -> None:
    pot = budget(1000, "total")
    gates = Gates(rates=(rate(40),), budgets=(pot,), places=(places(1),), shares=(share(4000, reserve=0),))
    money = Amount(input=1, micros=10)
    with running_redis() as server:
        async with redis_limiter(Sharing(server.url, processes=4, timeout=2)) as (limiter, counted):
            first = await limiter.reserve("a", Gates(budgets=(pot,)), Amount(micros=600), explicit=False)
            limiter.settle(first, Amount(micros=600))
            await limiter.flush()
            server.stop()
            before = await limiter.reserve("b", gates, money, explicit=False)
            assert await admitted(limiter, gates, money, 1) == 0, "one place stays one place"
            limiter.settle(before, money)
            limiter.settle(before, money)
            assert await admitted(limiter, Gates(budgets=(pot,)), money, 50) == 9, "a quarter of what is left"
            assert await admitted(limiter, Gates(rates=gates.rates), Amount(), 50) == 9
            assert await admitted(limiter, Gates(shares=gates.shares), Amount(input=5000), 50) == 0, "one is counted"
            assert set(counted) == {"open"}
            assert sum(limiter.take_spent().values()) == 610
            server.start()  # empty
            await until(lambda: limiter.health() is None)
            assert await admitted(limiter, Gates(budgets=(pot,)), money, 100) == 39, "1000 - 600 - 10"
            assert await admitted(limiter, Gates(rates=gates.rates), Amount(), 50) == 40


async def test_reservations_of_which_no_answer_came_are_undone(redis: RedisServer) -> None:
    gates = Gates(rates=(rate(1),), budgets=(budget(100),), places=(places(1),), shares=(share(10, reserve=0),))
    async with redis_limiter(Sharing(redis.url, fail="closed", timeout=1)) as (limiter, _):
        await limiter.reserve("warm", Gates(rates=(rate(9, name="warm"),)), Amount(), explicit=False)
        redis.pause()
        try:
            with pytest.raises(LimiterUnavailable):
                await limiter.reserve("a", gates, Amount(input=10, micros=100), explicit=False)
        finally:
            redis.resume()
        await until(lambda: limiter.health() is None)
        await limiter.reserve("b", gates, Amount(input=10, micros=100), explicit=False)


async def test_what_was_settled_while_redis_did_not_answer_is_settled_once(redis: RedisServer) -> None:
    gates = Gates(budgets=(budget(1000),), places=(places(2),))
    async with redis_limiter(Sharing(redis.url, fail="closed", timeout=1)) as (limiter, _):
        under_way = await limiter.reserve("a", gates, Amount(micros=300), explicit=False)
        later = await limiter.reserve("b", gates, Amount(micros=300), explicit=False)
        redis.pause()
        try:
            limiter.settle(under_way, Amount(micros=200))
            await until(limiter.health)
            limiter.settle(later, Amount(micros=100))
        finally:
            redis.resume()
        await until(lambda: limiter.health() is None)
        await limiter.flush()
        assert list(limiter.take_spent().values()) == [300]
        assert list(limiter.budgets().values()) == [300]
        assert await admitted(limiter, gates, Amount(micros=350), 9) == 2


async def test_without_memory_redis_is_out_and_nobody_gets_an_internal_error() -> None:
    gates = Gates(rates=(rate(100),), budgets=(budget(1000),))
    with running_redis("--maxmemory-policy", "noeviction") as server:
        async with redis_limiter(Sharing(server.url, timeout=5, processes=2)) as (limiter, counted):
            await limiter.reserve("a", gates, Amount(micros=1), explicit=False)
            server.ask("CONFIG", "SET", "maxmemory", 1)
            held = await limiter.reserve("b", gates, Amount(micros=1), explicit=False)
            assert limiter.health() == "OOM"
            assert counted == ["open"]
            limiter.settle(held, Amount(micros=1))
            server.ask("CONFIG", "SET", "maxmemory", 0)
            await until(lambda: limiter.health() is None)
            assert await admitted(limiter, gates, Amount(micros=1), 200) == 99


async def test_prime_without_redis_is_remembered() -> None:
    pot = budget(100, "total")
    with running_redis() as server:
        server.stop()
        async with redis_limiter(Sharing(server.url, timeout=2)) as (limiter, _):
            await limiter.prime({(pot.id, 0): 95})
            assert limiter.budgets() == {(pot.id, 0): 95}
            server.start()
            await until(lambda: limiter.health() is None)
            assert await admitted(limiter, Gates(budgets=(pot,)), Amount(micros=1), 9) == 5


async def test_waiting_for_a_place_ends_where_redis_does() -> None:
    gates = Gates(places=(places(1, queue=2),))
    with running_redis() as server:
        async with redis_limiter(Sharing(server.url, fail="closed", timeout=2)) as (limiter, _):
            await limiter.reserve("a", gates, Amount(), explicit=False)
            waiting = asyncio.create_task(limiter.reserve("b", gates, Amount(), explicit=False))
            await until(lambda: limiter.waiting(gates.places[0].id) == 1)
            server.stop()
            with pytest.raises(LimiterUnavailable):
                await waiting


def test_the_address_is_not_shown() -> None:
    assert "secret" not in repr(Sharing("redis://:secret@localhost"))
