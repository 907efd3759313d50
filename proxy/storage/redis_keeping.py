"""What this process has in Redis: kept alive while requests run, made good after an outage.

A reservation has a lease of LEASE seconds, renewed three times in that span while its request runs. A process that dies
renews nothing, so its places are free when the leases end. Its money is another matter: Telnyx probably served the
requests and will bill them. So a lease that ended a whole LEASE ago is settled by whichever process finds it, with all
that was reserved as spent: it shows in that process's `take_spent`, and is counted as `lapsed`. If the process was not
dead but cut off, it settles later, and the difference is corrected.

After an outage nobody knows what of the calls under way was done. So, in this order: the process takes a new epoch,
and Redis refuses whatever of an older one arrives late (`fence`); Redis is told what at least was spent, in case it has
lost its data; reservations of which no answer came are undone; settlements are sent again, each of which is done once
only; leases are renewed; what was spent without Redis is added.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any
from uuid import uuid4

from proxy.accounts.limits import Amount
from proxy.accounts.ports import Spent
from proxy.storage import redis_scripts as scripts
from proxy.storage.redis_books import Books
from proxy.storage.redis_link import Link, Outage
from proxy.storage.redis_plans import LATE, MICROSECONDS, SETTLED, Held, Keys, Plan, read_money, settlement

LEASE = 30.0
"""Seconds a dead process keeps its places. Shorter, and one that is merely slow for a while loses them."""
BEATS = 3
"""Renewals within a lease."""
CHUNK = 500
"""Entries in one call: a script must not keep others waiting, and Lua unpacks some thousands at most."""
FIRST_PAUSE, LAST_PAUSE = 0.05, 1.0
"""Seconds between attempts to reach Redis again, doubled from the first to the last."""
NOTHING = Amount(requests=0)


class Keeper:
    """Holds what is open, and is the only one that settles.

    Attributes:
        up: whether Redis answered the last time; reason: why not.
        process: names this one among all. epoch: how often it found Redis again.
        open: reservations under way.
    """

    def __init__(self, link: Callable[[Callable[[Outage], None]], Link], prefix: str, *, lease: float) -> None:
        self.up = True
        self.reason = ""
        self.process = uuid4().hex[:12]
        self.epoch = 0
        self.open: dict[str, Held] = {}
        self.books = Books()
        self.keys = Keys(prefix, self.process)
        self.link = link(self._failed)
        self.lapsed: Callable[[], None] = lambda: None
        self._lease = lease
        self._names = 0
        self._unsettled: list[tuple[Held, Amount, str]] = []  # each was a request under way when Redis failed
        self._unsure: list[Held] = []
        self._sums: dict[str, Spent] = {}
        self._trouble = asyncio.Event()

    def name(self) -> str:
        """A name that no other reservation has."""
        self._names += 1
        return f"{self.process}:{self._names}"

    async def reserve(self, plan: Plan, held: Held) -> list[int]:
        """What Redis decides; `held` is not told. Raises Outage, after which it is undone when Redis is back."""
        held.name = self.name()
        arguments = (held.name, self.epoch, self._micros(), plan.spec, " ".join(map(str, held.taken)))
        try:
            answer = await self.link.ask(scripts.RESERVE, plan.keys, arguments, partial(self._too_late, held))
        except Outage:
            self._unsure.append(held)
            raise
        return list(map(int, answer.split()))

    def settle(self, held: Held, actual: Amount, how: str = "first") -> None:
        """Give back what was not used, now or as soon as Redis can be reached."""
        if not self.up:
            self._unsettled.append((held, actual, how))
            return
        self._post(held, actual, how)

    def add(self) -> None:
        """Tell Redis what was spent without it."""
        owed = self.books.take_owed()
        if owed:
            self._sums[self.name()] = owed
        if self.up:
            for name in list(self._sums):
                self._post_sum(name)

    async def prime(self, spent: Spent) -> None:
        """Let budgets have spent at least this much. Raises Outage."""
        entries = iter(spent.items())
        while chunk := list(islice(entries, CHUNK)):
            keys = [self.keys.budget(identity) for (identity, _), _ in chunk]
            numbers = [number for (_, period), micros in chunk for number in (period, micros)]
            answer = list(map(int, (await self.link.ask(scripts.PRIME, keys, numbers)).split()))
            for i, ((identity, _), _) in enumerate(chunk):
                self.books.note([(identity, answer[3 * i], answer[3 * i + 1], answer[3 * i + 2])])

    async def run(self) -> None:
        """Renew leases and look for those that ended; find Redis again when it is lost. Until cancelled."""
        pause = FIRST_PAUSE
        while True:
            if self.up:
                pause = FIRST_PAUSE
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._lease / BEATS):
                        await self._trouble.wait()
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
            with suppress(Outage):
                await (self._beat() if self.up else self._recover())

    async def flush(self) -> None:
        """Wait until what was settled has arrived, unless Redis cannot be reached."""
        if self.up:
            with suppress(Outage):
                await self._renew([])

    def _failed(self, outage: Outage) -> None:
        self.up = False
        self.reason = str(outage)
        self._trouble.set()

    def _micros(self) -> int:
        return int(self._lease * MICROSECONDS)

    def _too_late(self, held: Held, outcome: Any) -> None:
        """Whoever wanted the reservation has gone before it was made."""
        if isinstance(outcome, Outage) or not self.up:
            self._unsure.append(held)
        else:
            self._undo(held)

    def _undo(self, held: Held) -> None:
        names, numbers = settlement(held, NOTHING, self._micros(), self.keys)
        self.link.post(scripts.SETTLE, names, (held.name, "undo", numbers), partial(self._undone, held))

    def _undone(self, held: Held, outcome: Any) -> None:
        if isinstance(outcome, Outage):
            self._unsure.append(held)

    def _post(self, held: Held, actual: Amount, how: str) -> None:
        names, numbers = settlement(held, actual, held.moment, self.keys)
        self.link.post(scripts.SETTLE, names, (held.name, how, numbers), partial(self._settled, held, actual))

    def _settled(self, held: Held, actual: Amount, outcome: Any) -> None:
        if isinstance(outcome, Outage):
            self._unsettled.append((held, actual, "again"))
            return
        answer, budgets = list(map(int, outcome.split())), held.gates.budgets
        if answer[0]:
            self.books.note(read_money(budgets, answer[1:], 3))
        if answer[0] == LATE:  # somebody else counted all that was reserved
            for gate, period in zip(budgets, held.periods, strict=True):
                self.books.settle(gate.id, period, -held.amount.micros)

    def _post_sum(self, name: str) -> None:
        owed = self._sums[name]
        keys = [self.keys.done(name), *(self.keys.budget(identity) for identity, _ in owed)]
        numbers = [number for (_, period), micros in owed.items() for number in (period, micros)]
        self.link.post(scripts.ADD, keys, numbers, partial(self._added, name))

    def _added(self, name: str, outcome: Any) -> None:
        if not isinstance(outcome, Outage):
            self._sums.pop(name, None)

    async def _beat(self) -> None:
        await self._renew(list(self.open.values()))
        await self._look_for_lapsed()
        await self.prime(dict.fromkeys(self.books.spent(), 0))  # what others have settled meanwhile

    async def _recover(self) -> None:
        await self.link.ask(scripts.FENCE, [self.keys.fence], [self.epoch + 1])
        self.epoch += 1
        await self.prime(self.books.spent())
        unsure, self._unsure = self._unsure, []
        for held in unsure:
            self._undo(held)
        unsettled, self._unsettled = self._unsettled, []
        for held, actual, how in unsettled:
            self._post(held, actual, how)
        self._trouble.clear()
        await self._renew(list(self.open.values()))
        self.up = True
        self.add()
        for held, actual, how in self._take_unsettled():
            self._post(held, actual, how)

    def _take_unsettled(self) -> list[tuple[Held, Amount, str]]:
        """What was settled while Redis was being told of the rest."""
        unsettled, self._unsettled = self._unsettled, []
        return unsettled

    async def _renew(self, held: Sequence[Held]) -> None:
        for start in range(0, max(1, len(held)), CHUNK):
            chunk = held[start : start + CHUNK]
            places = [(place, each.name) for each in chunk if each.plan is not None for place in each.plan.places]
            names = [each.name for each in chunk]
            keys = [self.keys.leases, *(place for place, _ in places)]
            arguments: list[str | int] = [self._micros(), len(names), *names, *(name for _, name in places)]
            await self.link.ask(scripts.RENEW, keys, arguments)

    async def _look_for_lapsed(self) -> None:
        keys = self.keys
        found = await self.link.ask(scripts.LAPSED, [keys.leases, keys.money], [self._micros(), CHUNK])
        for name, owed in zip(found[::2], found[1::2], strict=True):
            money = [line.rsplit(" ", 2) for line in owed.splitlines()]
            numbers = [0, 0, len(money), 0, 0]
            for _, period, micros in money:
                numbers += [int(period), int(micros), int(micros)]
            names = [keys.leases, keys.money, keys.lapsed, *(key for key, _, _ in money)]
            answer = await self.link.ask(scripts.SETTLE, names, (name, "lapsed", " ".join(map(str, numbers))))
            if int(answer.split()[0]) == SETTLED:
                self.lapsed()
                for key, period, micros in money:
                    self.books.settle(key.removeprefix(keys.budget("")), int(period), int(micros))
