"""Limiters for tests: one in memory and one in a real Redis, both by a clock that the test turns.

Redis takes the time from its server; the scripts under test read it from a key instead, and are otherwise those of the
program, byte for byte.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from proxy.accounts.limits import Amount, BudgetGate, Counts, Gate, Gates, Places, Share
from proxy.accounts.ports import Limiter
from proxy.app.tasks import Tasks
from proxy.clock import Clock
from proxy.storage import redis_limiter as redis_limiter_module
from proxy.storage import redis_scripts
from proxy.storage.local_limiter import LocalLimiter
from proxy.storage.redis_limiter import RedisLimiter, Sharing
from proxy.storage.redis_link import Script
from tests.storage.redis_server import RedisServer, running_redis

MONDAY = 1_767_571_200.0  # 2026-01-05T00:00:00Z, far from the end of a month
KEY = "{clock}"
NAMES = ("RESERVE", "SETTLE", "RENEW", "LAPSED", "PRIME", "ADD")


class Hand:
    """A clock turned by hand, for this process and, if there is a server, for its scripts."""

    def __init__(self, server: RedisServer | None = None) -> None:
        self._server = server
        self.now = MONDAY
        self.turn(0)

    def turn(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)  # Redis counts whole microseconds
        if self._server is not None:
            self._server.ask("SET", KEY, f"{self.now * 1_000_000:.0f}")

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now)


class Bench:
    """A limiter and its clock. `counted`: what it told of its outages and of processes that died."""

    def __init__(self, limiter: Any, hand: Hand, counted: list[str]) -> None:
        self.limiter = limiter
        self.hand = hand
        self.counted = counted

    async def turn(self, seconds: float) -> None:
        """Let time pass, after everything that was settled has been counted."""
        if isinstance(self.limiter, RedisLimiter):
            await self.limiter.flush()
        self.hand.turn(seconds)


def turned_by_hand(patch: pytest.MonkeyPatch) -> None:
    """Let scripts read the time from a key."""
    turned = [redis_scripts.FENCE]
    for name in NAMES:
        text = getattr(redis_scripts, name).text
        assert "redis.call('TIME')" in text
        turned.append(Script(text.replace("redis.call('TIME')", f"{{0, redis.call('GET', '{KEY}')}}")))
        patch.setattr(redis_scripts, name, turned[-1])
    patch.setattr(redis_limiter_module, "ALL", tuple(turned))


@asynccontextmanager
async def redis_limiter(sharing: Sharing, clock: Clock | None = None) -> AsyncIterator[tuple[RedisLimiter, list[str]]]:
    """A limiter in Redis, by the clock of the server where no other is given."""
    faults: list[BaseException] = []
    counted: list[str] = []
    tasks = Tasks(faults.append)
    clock = clock or Clock()
    limiter = RedisLimiter(sharing, lambda: LocalLimiter(clock.wall), clock, tasks, counted.append)
    try:
        yield limiter, counted
    finally:
        await limiter.close()
        await tasks.close()
    assert not faults


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    one_redis.ask("FLUSHALL")
    return one_redis


@asynccontextmanager
async def built(request: pytest.FixtureRequest, patience: float) -> AsyncIterator[Bench]:
    """The limiter that the fixture asks for. `patience`: seconds to wait for a place."""
    if request.param == "local":
        hand = Hand()
        yield Bench(LocalLimiter(lambda: hand.now, patience=patience), hand, [])
        return
    server: RedisServer = request.getfixturevalue("redis")
    with pytest.MonkeyPatch.context() as patch:
        turned_by_hand(patch)
        hand = Hand(server)
        async with redis_limiter(Sharing(server.url, timeout=5, patience=patience), hand.clock) as (limiter, counted):
            yield Bench(limiter, hand, counted)


@pytest.fixture(params=["local", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with built(request, 30) as made:
        yield made


@pytest.fixture(params=["local", "redis"])
async def hasty_bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """One in which nobody waits long."""
    async with built(request, 0.05) as made:
        yield made


def rate(limit: int, counts: Counts = "requests", span: int = 60, name: str = "web") -> Gate:
    return Gate(f"key:{name}:*:{counts}:{span}", f"key {name}", counts, limit, span)


def budget(micros: int, per: Any = "day", soft: int = 80) -> BudgetGate:
    return BudgetGate(f"tenant:acme:{per}", "tenant acme", micros, per, soft)


def places(limit: int, queue: int = 0, name: str = "web") -> Places:
    return Places(f"key:{name}:*:concurrent", f"key {name}", limit, queue)


def share(limit: int, tenant: str = "acme", weight: int = 1, reserve: float = 0.1) -> Share:
    return Share("pool:*:input", "input", limit, tenant, weight, reserve)


async def admitted(limiter: Limiter, gates: Gates, amount: Amount, times: int) -> int:
    """How many of so many callers, one after the other, are admitted."""
    from proxy.errors import ClientFault

    count = 0
    for number in range(times):
        try:
            await limiter.reserve(f"r{number}", gates, amount, explicit=False)
        except ClientFault:
            continue
        count += 1
    return count
