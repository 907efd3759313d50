"""Limits counted in Redis, for any number of processes and machines.

A reservation is one script, so one round trip (`lua/reserve.lua`): admitted at every gate or at none, by the clock of
the Redis server. A settlement is another, for which nobody waits. Both go out in batches (`redis_link`). What a process
holds when it dies, and what becomes of calls under way when Redis fails, is told in `redis_keeping`.

While Redis does not answer, requests do not wait for it: after the first failure they are decided by `failing.Standby`,
and a background task finds Redis again.

On a cluster. All keys share a hash tag, so one node counts everything; that is what makes a decision over all gates
atomic. `url` has to lead to that node (the address of the cluster where the service routes, as managed ones do; a node
that does not own the slot answers MOVED, which is an outage). A replica that takes over may lack the last moments: that
much may be admitted twice. Give it `maxmemory-policy noeviction`: with any other Redis may forget counts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.accounts.limits import Amount, Gates, Places, Reservation
from proxy.accounts.ports import Limiter, Spent
from proxy.accounts.refusals import places_taken
from proxy.clock import Clock
from proxy.storage.failing import Fail, Standby
from proxy.storage.places import PATIENCE
from proxy.storage.redis_keeping import LEASE, Keeper
from proxy.storage.redis_lines import Lines
from proxy.storage.redis_link import Link, Outage, Wire
from proxy.storage.redis_plans import FENCED, Held, Plan, money_of, read_reservation
from proxy.storage.redis_scripts import ALL

PLANS = 10_000
"""Plans kept, one for each key and model in use; beyond that all are made anew."""


class Tasks(Protocol):
    """The owner of background tasks."""

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run in the background."""
        ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """How limits are shared.

    Attributes:
        url: `redis://`, `rediss://` or `unix://`; may hold a password, so it is not shown.
        fail, processes: what happens without Redis, see `failing`; all processes of all machines.
        timeout: seconds Redis has to answer.
        prefix: what the keys begin with; proxies with the same one share their limits.
        lease: seconds a dead process keeps its places.
        patience: seconds a request waits for a place.
    """

    url: str = field(repr=False)
    fail: Fail = "open"
    processes: int = 1
    timeout: float = 0.25
    prefix: str = "telnyx-proxy"
    lease: float = LEASE
    patience: float = PATIENCE


class RedisLimiter:
    """accounts.ports.Limiter, in Redis. To be made within the event loop that it is used in."""

    def __init__(
        self,
        sharing: Sharing,
        local: Callable[[], Limiter],
        clock: Clock,
        tasks: Tasks,
        degraded: Callable[[str], None],
    ) -> None:
        """Raises OSError where the package redis is missing, ValueError for an address that is none.

        `local` makes the limiter for the time without Redis. `degraded` hears `open` or `closed` for every reservation
        decided without Redis, and `lapsed` for every one whose process died.
        """
        wire = Wire(sharing.url)
        self._sharing = sharing
        self._clock = clock
        self._keeper = Keeper(
            lambda failed: Link(wire, ALL, timeout=sharing.timeout, failed=failed), sharing.prefix, lease=sharing.lease
        )
        self._keeper.lapsed = lambda: degraded("lapsed")
        self._standby = Standby(sharing.fail, local(), sharing.processes, degraded)
        self._lines = Lines()
        self._plans: dict[int, Plan] = {}
        self._tasks = [tasks.start(self._keeper.link.run()), tasks.start(self._keeper.run())]

    async def reserve(self, request_id: str, gates: Gates, amount: Amount, *, explicit: bool) -> Reservation:
        """See accounts.ports.Limiter."""
        plan = self._plan(gates)
        held = Held(request_id, self._clock.wall(), gates, amount, plan=plan)
        if not gates:
            return held
        held.taken = plan.amounts(amount, explicit=explicit)
        if self._keeper.up:
            try:
                full = self._lines.ahead(gates.places) or await self._attempt(plan, held)
                if full is not None:
                    await self._wait(plan, held, full)
            except Outage:
                pass
            else:
                return held
        return await self._reserve_alone(plan, held)

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """See accounts.ports.Limiter."""
        if reservation.settled:
            return
        if not isinstance(reservation, Held):
            self._keeper.books.owe(self._standby.settle(reservation, actual))
            self._keeper.add()
            return
        reservation.settled = True
        if self._keeper.open.pop(reservation.name, None) is None:
            return
        for gate, period in zip(reservation.gates.budgets, reservation.periods, strict=True):
            self._keeper.books.settle(gate.id, period, actual.micros)
        self._keeper.settle(reservation, actual)
        self._lines.wake(reservation.gates.places)

    async def prime(self, spent: Spent) -> None:
        """See accounts.ports.Limiter. While Redis does not answer it is remembered."""
        self._keeper.books.prime(spent)
        if self._keeper.up:
            with suppress(Outage):
                await self._keeper.prime(spent)

    def take_spent(self) -> Spent:
        """See accounts.ports.Limiter."""
        return self._keeper.books.take_settled()

    def budgets(self) -> Spent:
        """See accounts.ports.Limiter. Of all processes, as of the last answer."""
        return self._keeper.books.used()

    def waiting(self, identity: str) -> int:
        """How many wait for a place in this process."""
        return self._lines.waiting(identity)

    def health(self) -> str | None:
        """None while Redis answers, otherwise what became of the last call (`TimeoutError`, `OOM`)."""
        return None if self._keeper.up else self._keeper.reason

    async def flush(self) -> None:
        """Wait until what was settled has been counted, unless Redis cannot be reached."""
        await self._keeper.flush()

    async def close(self) -> None:
        """See accounts.ports.Limiter."""
        await self.flush()
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._standby.close()

    def _plan(self, gates: Gates) -> Plan:
        plan = self._plans.get(id(gates))
        if plan is None or plan.gates is not gates:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            plan = self._plans[id(gates)] = Plan(gates, self._keeper.keys)
        return plan

    async def _attempt(self, plan: Plan, held: Held) -> Places | None:
        """Ask Redis. Returns the gate that has no place where only that is missing. Raises as `reserve`, and Outage."""
        answer = await self._keeper.reserve(plan, held)
        if answer[0] == FENCED:
            raise Outage("fenced")
        if plan.budgets:
            self._keeper.books.note(money_of(plan, answer))
        full = read_reservation(plan, held, answer)
        if full is None:
            self._keeper.open[held.name] = held
        return full

    async def _wait(self, plan: Plan, held: Held, full: Places) -> None:
        """Ask again until there is a place. Raises as `reserve`, and Outage."""
        since = self._clock.steady()
        with self._lines.standing(full) as (line, mine):
            while True:
                left = since + self._sharing.patience - self._clock.steady()
                if left <= 0:
                    raise places_taken(full, len(line.waiting) - 1)
                if await line.turn(mine, left) and await self._attempt(plan, held) is None:
                    held.queued = self._clock.steady() - since
                    return

    async def _reserve_alone(self, plan: Plan, held: Held) -> Reservation:
        await self._standby.prime(self._keeper.epoch, self._keeper.books.used())
        part = plan.divided(self._sharing.processes)
        return await self._standby.reserve(held.request_id, part, held.amount)
