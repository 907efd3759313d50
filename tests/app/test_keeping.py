"""Memory and store in step, with a store that can be told to fail."""

import asyncio
from typing import Any

import pytest

from proxy.accounts.ports import Spent
from proxy.accounts.tenants import KeyRing
from proxy.app.directory import Members
from proxy.app.keeping import DATABASE, USED_EVERY, Condition, Keeper
from proxy.errors import StoreUnavailable
from proxy.storage.store import Snapshot


class Store:
    """A store in memory."""

    def __init__(self) -> None:
        self.number = 1
        self.down = False
        self.read = 0
        self.spent: dict[tuple[str, int], int] = {}
        self.used: dict[str, int] = {}
        self.meanwhile: Any = lambda: None

    def expect_up(self) -> None:
        if self.down:
            raise StoreUnavailable("down")

    async def generation(self) -> int:
        self.expect_up()
        return self.number

    async def snapshot(self) -> Snapshot:
        self.expect_up()
        self.read += 1
        return Snapshot(self.number, {}, dict(self.spent))

    async def add_spent(self, spent: dict[tuple[str, int], int]) -> None:
        self.expect_up()
        for name, micros in spent.items():
            self.spent[name] = self.spent.get(name, 0) + micros

    async def touch_keys(self, used: dict[str, int]) -> None:
        self.expect_up()
        self.used.update(used)
        self.meanwhile()


class Purse:
    """A limiter that has settled something."""

    def __init__(self) -> None:
        self.settled: dict[tuple[str, int], int] = {}

    def take_spent(self) -> dict[tuple[str, int], int]:
        taken, self.settled = self.settled, {}
        return taken


class Here:
    """A keeper and what is around it."""

    def __init__(self) -> None:
        self.store = Store()
        self.condition = Condition()
        self.applied: list[Members] = []
        self.primed: list[Spent] = []
        directory: Any = self
        store: Any = self.store
        self.keeper = Keeper(store, directory, self.applied.append, self.condition, self.prime)
        self.purse: Any = Purse()

    async def prime(self, spent: Spent) -> None:
        self.primed.append(spent)

    def members(self, _snapshot: Snapshot) -> Members:
        return Members((), {}, frozenset())


async def test_what_budgets_had_spent_is_told_once() -> None:
    here = Here()
    for number in (1, 2):
        here.store.number = number
        here.store.spent[f"b{number}", 0] = number
        await here.keeper.refresh()
    assert here.primed == [{("b1", 0): 1}, {("b2", 0): 2}]


async def test_a_change_is_taken_over_once() -> None:
    here = Here()
    assert await here.keeper.refresh() is not None
    assert await here.keeper.refresh() is None
    here.store.number += 1
    await asyncio.gather(*(here.keeper.refresh() for _ in range(5)))
    assert (len(here.applied), here.store.read) == (2, 2)


async def test_a_store_that_cannot_be_read_is_asked_again() -> None:
    here = Here()
    here.store.down = True
    with pytest.raises(StoreUnavailable):
        await here.keeper.seen(1)
    here.store.down = False
    await here.keeper.seen(1)
    assert len(here.applied) == 1


async def test_money_that_cannot_be_written_down_is_kept() -> None:
    here = Here()
    here.store.down = True
    for micros in (5, 7):
        here.purse.settled = {("a", 0): micros, (f"b{micros}", 0): 1}
        await here.keeper.write(here.purse, {"key_1": 9})
    assert here.condition.readiness() == ("degraded", [DATABASE])
    here.store.down = False
    used = {"key_1": 10}
    await here.keeper.write(here.purse, used)
    assert here.store.spent == {("a", 0): 12, ("b5", 0): 1, ("b7", 0): 1}
    assert here.condition.readiness() == ("ok", []), "also where the watch, which only reads, saw no outage"
    assert (here.store.used, used) == ({"key_1": 10}, {})
    await here.keeper.write(here.purse, used)
    assert here.store.spent[("a", 0)] == 12


async def test_the_last_time_waits_for_the_one_under_way() -> None:
    here = Here()
    writing, done = asyncio.Event(), asyncio.Event()

    async def slowly(spent: dict[tuple[str, int], int]) -> None:
        writing.set()
        await done.wait()
        here.store.spent.update(spent)

    here.store.add_spent = slowly  # type: ignore[method-assign]
    here.purse.settled = {("a", 0): 5}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(here.keeper.write(here.purse, {}))
        await writing.wait()
        last = tasks.create_task(here.keeper.write(here.purse, {}))
        await asyncio.sleep(0)
        assert not last.done()
        done.set()
    assert here.store.spent == {("a", 0): 5}


async def test_what_was_used_meanwhile_is_written_down_the_next_time() -> None:
    here = Here()
    used = {"key_1": 1}

    here.store.meanwhile = lambda: used.update(key_1=2)
    await here.keeper.write(here.purse, used)
    assert (here.store.used, used) == ({"key_1": 1}, {"key_1": 2})


async def test_uses_are_written_down_once_in_a_while_and_money_always() -> None:
    here = Here()
    rounds = 0

    async def pause(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        here.purse.settled = {("a", 0): 1}
        if rounds == USED_EVERY:
            assert here.store.used == {}
        if rounds > USED_EVERY:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await here.keeper.write_down(here.purse, {"key_1": 5}, pause)
    assert (here.store.used, here.store.spent) == ({"key_1": 5}, {("a", 0): USED_EVERY})


def test_an_outage_is_counted_once_and_over_when_it_is_over() -> None:
    here, ring, counted = Here(), KeyRing({}), list[tuple[str, ...]]()
    tell = here.keeper.health(ring, lambda *what: counted.append(what))
    tell(up := False)
    tell(up)
    assert (ring.complete, here.condition.readiness()) == (False, ("degraded", [DATABASE]))
    assert counted == [("telnyx_proxy_store_failures_total", "database")]
    tell(not up)
    assert (ring.complete, here.condition.readiness()) == (True, ("ok", []))


def test_what_is_looked_at_when_asked_counts_too() -> None:
    condition = Condition()
    said: list[str | None] = [None]
    condition.looks.append(lambda: said[0])
    assert condition.readiness() == ("ok", [])
    said[0] = "Redis does not answer"
    assert condition.readiness() == ("degraded", ["Redis does not answer"])
