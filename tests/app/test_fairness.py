import asyncio

import pytest

from proxy.app.fairness import Places


class Order:
    """Who had a place, in the order in which they had it."""

    def __init__(self, limit: int = 1) -> None:
        self.limit = limit
        self.places = Places(lambda: self.limit)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, tenant: str, batch: str, times: int = 1) -> None:
        for _ in range(times):
            self.tasks.append(asyncio.create_task(self._take(tenant, batch)))
            await asyncio.sleep(0)

    async def _take(self, tenant: str, batch: str) -> None:
        await self.places.take(tenant, batch)
        self.served.append(f"{tenant}/{batch}")

    async def give(self, times: int) -> None:
        for _ in range(times):
            self.places.give()
            await asyncio.sleep(0)


async def test_tenants_take_turns_and_their_batches_do() -> None:
    order = Order()
    await order.ask("acme", "one", 4)
    await order.ask("acme", "two", 2)
    await order.ask("beta", "three", 3)
    await order.give(8)
    assert order.served == [
        *("acme/one", "acme/one", "beta/three", "acme/two", "beta/three", "acme/one", "beta/three"),
        *("acme/two", "acme/one"),
    ]
    await order.give(1)
    assert order.places.taken == 0


async def test_there_are_as_many_places_as_there_are_now() -> None:
    order = Order(limit=3)
    await order.ask("acme", "one", 5)
    assert len(order.served) == order.places.taken == 3
    order.limit = 1
    await order.give(2)
    assert len(order.served) == 3
    await order.give(1)
    assert (len(order.served), order.places.taken) == (4, 1)
    order.limit = 2
    await order.give(1)
    assert order.places.taken == 1
    await order.give(1)


async def test_who_leaves_the_line_takes_no_place() -> None:
    order = Order()
    await order.ask("acme", "one", 3)
    order.tasks[1].cancel()
    await asyncio.gather(*order.tasks[:2], return_exceptions=True)
    await order.give(1)
    assert len(order.served) == 2
    await order.give(1)
    assert order.places.taken == 0


async def test_who_is_cancelled_with_a_place_gives_it_back() -> None:
    order = Order()
    await order.ask("acme", "one", 2)
    order.places.give()  # it is the second one's now, who has not heard of it yet
    order.tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await order.tasks[1]
    assert order.places.taken == 0


async def test_who_waits_is_let_in_when_there_are_more_places_and_nobody_leaves() -> None:
    order = Order()
    await order.ask("acme", "one", 3)
    order.limit = 2
    order.places.look()
    await asyncio.sleep(0)
    assert order.served == ["acme/one"] * 2
    await order.give(1)
    assert order.places.taken == 2
    await order.give(2)
