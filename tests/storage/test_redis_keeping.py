"""What a process has in Redis: settlements, leases and sums through failures at every point."""

import asyncio
from typing import Any

import pytest

from proxy.accounts.limits import Amount, Gates
from proxy.storage import redis_scripts as scripts
from proxy.storage.redis_keeping import CHUNK, Keeper
from proxy.storage.redis_link import Link, Outage, Script
from proxy.storage.redis_plans import Held, Plan
from tests.storage.limiters import budget, places

GATES = Gates(budgets=(budget(1000, "total"),), places=(places(5),))
POT = GATES.budgets[0].id
AMOUNT = Amount(micros=100)


class Scripted(Link):
    """A link whose other end is the test: answers, or fails while `broken`."""

    def __init__(self) -> None:
        self.sent: list[tuple[Script, Any, Any]] = []
        self.broken: set[Script] = set()
        self.waiting: list[Any] = []
        self.answers: dict[Script, Any] = {scripts.RESERVE: "1 5 0 0 100 1 0", scripts.PRIME: "0 7 0"}
        self.failed: Any = None

    def post(self, script: Script, keys: Any, arguments: Any, heard: Any) -> None:
        self.sent.append((script, keys, arguments))
        if script in self.broken:
            outage = Outage("broken")
            heard(outage)
            self.failed(outage)
        elif script is scripts.LAPSED:
            heard([])
        else:
            heard(self.answers.get(script, "1 0 7 0"))

    def names(self) -> list[Script]:
        sent, self.sent = [script for script, _, _ in self.sent], []
        return sent


def keeping() -> tuple[Keeper, Scripted]:
    link = Scripted()

    def made(failed: Any) -> Link:
        link.failed = failed
        return link

    return Keeper(made, "p", lease=0.3), link


async def reserved(keeper: Keeper) -> Held:
    plan = Plan(GATES, keeper.keys)
    held = Held("r", 0.0, GATES, AMOUNT, plan=plan, taken=plan.amounts(AMOUNT, explicit=False), periods=[0])
    await keeper.reserve(plan, held)
    return held


async def test_a_settlement_that_failed_is_sent_again_and_says_so() -> None:
    keeper, link = keeping()
    held = await reserved(keeper)
    link.broken = {scripts.SETTLE}
    keeper.settle(held, AMOUNT)
    assert (keeper.up, keeper.reason) == (False, "broken")
    keeper.settle(held, AMOUNT)
    link.broken, link.sent = set(), []
    await keeper._recover()
    assert keeper.up
    assert [arguments[1] for script, _, arguments in link.sent if script is scripts.SETTLE] == ["again", "first"]
    assert keeper.books.used() == {(POT, 0): 7}


async def test_a_recovery_that_fails_anywhere_is_begun_anew_and_nothing_is_lost() -> None:
    keeper, link = keeping()
    held = await reserved(keeper)
    link.broken = {scripts.RESERVE}
    with pytest.raises(Outage):
        await reserved(keeper)
    keeper.settle(held, AMOUNT)
    keeper.books.note([(POT, 0, 7, 0)])
    for broken in (scripts.FENCE, scripts.PRIME, scripts.SETTLE, scripts.RENEW):
        link.broken = {broken}
        try:
            await keeper._recover()
        except Outage:
            assert not keeper.up
        keeper.up = False
    link.broken, link.sent = set(), []
    keeper._unsure.append(held)
    keeper._unsettled.append((held, AMOUNT, "again"))
    await keeper._recover()
    names = link.names()
    assert names[:2] == [scripts.FENCE, scripts.PRIME]
    assert names[-1] is scripts.RENEW
    assert names.count(scripts.SETTLE) >= 2
    assert keeper.up


async def test_what_is_settled_during_a_recovery_is_sent_at_its_end() -> None:
    keeper, link = keeping()
    held = await reserved(keeper)
    keeper.up = False
    post = link.post

    def renewing(script: Script, keys: Any, arguments: Any, heard: Any) -> None:
        if script is scripts.RENEW:
            keeper.settle(held, AMOUNT)
        post(script, keys, arguments, heard)

    link.post = renewing  # type: ignore[method-assign]
    await keeper._recover()
    assert link.names()[-2:] == [scripts.RENEW, scripts.SETTLE]


async def test_a_sum_is_kept_until_it_has_arrived_and_keeps_its_name() -> None:
    keeper, link = keeping()
    keeper.up = False
    keeper.books.owe({(POT, 0): 5})
    keeper.add()
    assert link.sent == []
    link.broken = {scripts.ADD}
    await keeper._recover()
    link.broken = set()
    await keeper._recover()
    sums = [(keys, numbers) for script, keys, numbers in link.sent if script is scripts.ADD]
    assert len(sums) == 2
    assert sums[0] == sums[1] == ([sums[0][0][0], keeper.keys.budget(POT)], [0, 5])
    keeper.add()
    assert link.names().count(scripts.ADD) == 2


async def test_many_are_renewed_in_parts() -> None:
    keeper, link = keeping()
    for _ in range(CHUNK + 1):
        held = await reserved(keeper)
        keeper.open[held.name] = held
    link.sent = []
    await keeper._beat()
    parts = [arguments[1] for script, _, arguments in link.sent if script is scripts.RENEW]
    assert parts == [CHUNK, 1]


async def test_an_answer_that_comes_too_late_is_undone_now_or_later() -> None:
    keeper, link = keeping()
    held = await reserved(keeper)
    link.sent = []
    keeper._too_late(held, "1 5")
    assert [arguments[1] for _, _, arguments in link.sent] == ["undo"]
    keeper._too_late(held, Outage("x"))
    link.broken = {scripts.SETTLE}
    keeper._too_late(held, "1 5")
    assert len(keeper._unsure) == 2


async def test_it_beats_while_redis_answers_and_looks_for_it_when_it_does_not() -> None:
    keeper, link = keeping()
    running = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(10):
            while scripts.LAPSED not in link.names():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            link.broken = {scripts.FENCE, scripts.RENEW}
            await keeper.flush()
            while link.names().count(scripts.FENCE) == 0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            await keeper.flush()
            assert not keeper.up
            link.broken = set()
            while not keeper.up:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert keeper.epoch == 1


async def test_what_others_have_settled_is_heard_of_with_every_beat() -> None:
    keeper, link = keeping()
    keeper.books.note([(POT, 0, 1, 90)])
    link.answers[scripts.PRIME] = "0 25 0"
    await keeper._beat()
    assert keeper.books.used() == {(POT, 0): 25}
    assert [arguments for script, _, arguments in link.sent if script is scripts.PRIME] == [[0, 0]]
