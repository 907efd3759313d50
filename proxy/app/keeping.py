"""Keeping memory and store in step: what others have changed comes in, what was only counted here is written down.

Neither is on the path of a request. While the store does not answer, everything known goes on working, what is to be
written down waits, and readiness says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.accounts.ports import Limiter, Spent
from proxy.accounts.tenants import KeyRing
from proxy.app.directory import Directory, Members
from proxy.errors import StoreUnavailable
from proxy.telemetry.health import State

if TYPE_CHECKING:
    from proxy.storage.store import Snapshot, Store

SPENT_EVERY = 1.0
"""Seconds between two times that money is written down: what a process that is killed may forget of its own."""
USED_EVERY = 60
"""The same for when keys were last used, in rounds of SPENT_EVERY."""
DATABASE = "the database does not answer"


@dataclass(slots=True)
class Condition:
    """Whether the process is on its way out, and what it lacks; what readiness says.

    Attributes:
        stopping: it is ending; started: both listeners are up.
        lacks: what is missing, by what lacks it (`database` -> the database does not answer).
        looks: the same for what is looked at when it is asked; None where nothing is missing.
    """

    stopping: bool = False
    started: asyncio.Event = field(default_factory=asyncio.Event)
    lacks: dict[str, str] = field(default_factory=dict)
    looks: list[Callable[[], str | None]] = field(default_factory=list)

    def reasons(self) -> list[str]:
        """What is missing, each once."""
        return sorted({*self.lacks.values(), *(said for look in self.looks if (said := look()) is not None)})

    def readiness(self) -> tuple[State, list[str]]:
        """See `proxy.telemetry.health.Readiness`."""
        if self.stopping:
            return "stopping", ["shutting down"]
        reasons = self.reasons()
        return ("degraded" if reasons else "ok"), reasons


Apply = Callable[[Members], None]
Prime = Callable[[Spent], Awaitable[None]]


async def _nobody_counts(_spent: Spent) -> None:
    """As long as nobody counts money, nobody has to hear what is spent."""


class Keeper:
    """Follows one store."""

    def __init__(
        self, store: "Store", directory: Directory, apply: Apply, condition: Condition, prime: Prime = _nobody_counts
    ) -> None:
        """`prime`: hears what was spent of budgets that are new in the store: before a start, or with another key."""
        self.store = store
        self._prime = prime
        self._primed: Collection[tuple[str, int]] = frozenset()
        self._directory = directory
        self._apply = apply
        self._condition = condition
        self._refreshing = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._generation = -1
        self._spent: dict[tuple[str, int], int] = {}

    async def refresh(self) -> "Snapshot | None":
        """Take over what the store holds, if it has changed. Raises StoreUnavailable."""
        async with self._refreshing:
            if await self.store.generation() == self._generation:
                return None
            snapshot = await self.store.snapshot()
            # with thousands of keys this takes long enough to be noticed in a stream
            members = await asyncio.to_thread(self._directory.members, snapshot)
            await self._prime({budget: spent for budget, spent in snapshot.spent.items() if budget not in self._primed})
            self._primed = snapshot.spent.keys()
            self._apply(members)
            self._generation = snapshot.generation
            return snapshot

    async def seen(self, _generation: int) -> None:
        """The store has changed. Raises StoreUnavailable; the watch of the store comes again then."""
        await self.refresh()

    def health(self, keys: KeyRing, count: Callable[..., None]) -> Callable[[bool], None]:
        """What the watch of the store calls with whether it answers."""

        def tell(up: bool) -> None:  # noqa: FBT001 - the signature is that of the watch
            if up:
                self._condition.lacks.pop("database", None)
            elif "database" not in self._condition.lacks:
                self._condition.lacks["database"] = DATABASE
                count("telnyx_proxy_store_failures_total", "database")
            keys.complete = up

        return tell

    async def write_down(
        self, limiter: Limiter, used: dict[str, int], pause: Callable[[float], Awaitable[None]]
    ) -> None:
        """Write down what was counted, again and again, until cancelled."""
        rounds = 0
        while True:
            await pause(SPENT_EVERY)
            rounds += 1
            await self.write(limiter, used if rounds % USED_EVERY == 0 else {})

    async def write(self, limiter: Limiter, used: dict[str, int]) -> None:
        """Write it down now. What cannot be written is kept for the next time."""
        async with self._writing:  # what is under way shall not be on its way still after the last one
            await self._write(limiter, used)

    async def _write(self, limiter: Limiter, used: dict[str, int]) -> None:
        self._keep(limiter.take_spent())
        spent, self._spent = self._spent, {}
        keys = dict(used)
        written = bool(spent or keys)
        try:
            if spent:
                await self.store.add_spent(spent)
            spent = {}
            if keys:
                await self.store.touch_keys(keys)
                for name, at in keys.items():
                    if used.get(name) == at:
                        del used[name]
            if written:
                self._condition.lacks.pop("database", None)
        except StoreUnavailable:
            self._condition.lacks["database"] = DATABASE
        finally:
            self._keep(spent)

    def _keep(self, spent: Spent) -> None:
        """To be written down the next time."""
        for budget, micros in spent.items():
            self._spent[budget] = self._spent.get(budget, 0) + micros
