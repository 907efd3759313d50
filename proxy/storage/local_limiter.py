"""The limiter of one process: counts in memory, decided without waiting, so that nothing comes in between.

Per request it costs a few dictionary lookups for each gate. What is idle is forgotten: for each new gate two old ones
are looked at, so that keys may come and go by the ten thousand.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from proxy.accounts import refusals
from proxy.accounts.limits import Amount, BudgetGate, Gate, Gates, Reservation, Share, Standing
from proxy.accounts.periods import period_end, period_start
from proxy.accounts.ports import Spent
from proxy.accounts.rate_headers import header_lines
from proxy.accounts.shares import Pool, ceiling
from proxy.accounts.windows import Window
from proxy.errors import ClientFault, LimitReached
from proxy.storage.places import PATIENCE, Rooms

T = TypeVar("T")

TIDIED = 2
"""Old windows and budgets looked at for each new one: those that are idle go, so more go than come."""
WHOLE = 100
"""Per cent."""


class Purse:
    """What is spent and reserved of one budget in one period. Reservations keep theirs when the next one has begun."""

    __slots__ = ("ends", "period", "reserved", "spent")

    def __init__(self, period: int, ends: float) -> None:
        self.period = period
        self.ends = ends
        self.spent = 0
        self.reserved = 0


@dataclass(slots=True)
class Held(Reservation):
    """A reservation, and where it is counted: one entry per gate, in their order.

    Attributes:
        rates, shares: what was taken, and the slot in which.
        purses: of the period in which it was made.
    """

    rates: Sequence[tuple[int, int]] = ()
    purses: Sequence[Purse] = ()
    shares: Sequence[tuple[int, int]] = ()


class LocalLimiter:
    """accounts.ports.Limiter, in memory.

    `now`: Unix seconds; where they go back, counting goes on as if they had not. `patience`: seconds a request waits
    for its places.
    """

    def __init__(self, now: Callable[[], float], patience: float = PATIENCE) -> None:
        self._now = now
        self._latest = 0.0
        self._ahead = 0.0  # of `now`, since that went back
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._purses: OrderedDict[str, Purse] = OrderedDict()
        self._pools: dict[str, Pool] = {}  # as many as the configuration has
        self._rooms = Rooms(patience)
        self._primed: dict[tuple[str, int], int] = {}  # of budgets nobody has asked for yet
        self._unsaved: dict[tuple[str, int], int] = {}

    def __len__(self) -> int:
        """Gates something is known of."""
        return len(self._windows) + len(self._purses) + len(self._pools) + len(self._rooms)

    def waiting(self, identity: str) -> int:
        """How many wait for a place."""
        return self._rooms.waiting(identity)

    async def reserve(self, request_id: str, gates: Gates, amount: Amount, *, explicit: bool) -> Reservation:
        """See accounts.ports.Limiter. Without a queue to wait in it does not give up control."""
        held = Held(request_id, self._time(), gates, amount)
        places = gates.places
        try:
            if places:
                await self._take_places(held)
            try:
                self._decide(held, explicit=explicit)
            except BaseException:
                if places:
                    self._rooms.leave(places)
                raise
        except ClientFault as error:
            error.lines = header_lines(*self._standings(gates))
            raise
        return held

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """See accounts.ports.Limiter."""
        if reservation.settled or not isinstance(reservation, Held):
            return
        reservation.settled = True
        now, gates, parts = self._time(), reservation.gates, actual.parts()
        for gate, (taken, slot) in zip(gates.rates, reservation.rates, strict=True):
            difference = parts[gate.counts] - taken
            if difference:
                # A window that became idle may have been forgotten since: nothing was taken in it then.
                kept = self._windows.get(gate.id) or self._window(gate)
                kept.settle(now, slot, difference)
        if gates.budgets:
            self._pay(reservation, actual.micros)
        for share, (taken, slot) in zip(gates.shares, reservation.shares, strict=True):
            self._pools[share.id].settle(now, share.tenant, slot, parts[share.counts] - taken)
        if gates.places:
            self._rooms.leave(gates.places)

    async def prime(self, spent: Spent) -> None:
        """See accounts.ports.Limiter. What was settled here and not taken yet is added: the store does not know it."""
        for (identity, period), micros in spent.items():
            purse = self._purses.get(identity)
            if purse is not None and purse.period == period:
                purse.spent = max(purse.spent, micros + self._unsaved.get((identity, period), 0))
            else:
                self._primed[identity, period] = max(micros, self._primed.get((identity, period), 0))

    def take_spent(self) -> Spent:
        """See accounts.ports.Limiter."""
        taken, self._unsaved = self._unsaved, {}
        return taken

    def budgets(self) -> Spent:
        """See accounts.ports.Limiter."""
        known = {(name, purse.period): purse.spent + purse.reserved for name, purse in self._purses.items()}
        return {**self._primed, **known}

    async def close(self) -> None:
        """Nothing is open."""

    def _time(self) -> float:
        now = self._now() + self._ahead
        if now < self._latest:
            self._ahead += self._latest - now
            return self._latest
        self._latest = now
        return now

    async def _take_places(self, held: Held) -> None:
        left = self._rooms.enter(held.gates.places)
        if left:
            await self._rooms.wait(held.gates.places, left)
            now = self._time()
            held.queued, held.at = now - held.at, now

    def _decide(self, held: Held, *, explicit: bool) -> None:
        """Look at every gate; then count at all of them, or raise. Nothing waits in between."""
        gates, refused = held.gates, list[LimitReached]()
        rates = self._look_at_rates(held, refused, explicit=explicit)
        shares = self._look_at_shares(held, refused, explicit=explicit) if gates.shares else ()
        if gates.budgets:
            held.purses = self._look_at_budgets(held)
        if refused:
            raise max(refused, key=_wait)
        self._count_rates(held, rates)
        if gates.budgets:
            self._count_budgets(held)
        if shares:
            now = held.at
            held.shares = [
                (taken, pool.take(now, share.tenant, taken))
                for share, (pool, taken) in zip(gates.shares, shares, strict=True)
            ]

    def _look_at_rates(self, held: Held, refused: list[LimitReached], *, explicit: bool) -> list[tuple[Window, int]]:
        now, parts, windows, found = held.at, held.amount.parts(), self._windows, list[tuple[Window, int]]()
        for gate in held.gates.rates:
            limit = gate.limit
            window = windows.get(gate.id) or self._window(gate)
            taken = parts[gate.counts]
            if taken > limit:
                taken = refusals.cut(gate, taken, explicit=explicit)
            used = window.total if now < window.edge else window.used(now)  # a call less where no slot has ended
            if used + taken > limit:
                refused.append(refusals.rate_reached(gate, used, taken, window.wait(now, taken, limit)))
            found.append((window, taken))
        return found

    def _look_at_shares(self, held: Held, refused: list[LimitReached], *, explicit: bool) -> list[tuple[Pool, int]]:
        now, parts, found = held.at, held.amount.parts(), []
        for share in held.gates.shares:
            pool, taken, top = self._pool(share), parts[share.counts], ceiling(share)
            if taken > top:
                taken = refusals.cut_share(share, top, taken, explicit=explicit)
            wait = pool.ask(now, share, taken)
            if wait:
                refused.append(refusals.share_reached(share, pool.used(now), taken, wait))
            found.append((pool, taken))
        return found

    def _look_at_budgets(self, held: Held) -> list[Purse]:
        found, micros, now = [], held.amount.micros, held.at - self._ahead
        for gate in held.gates.budgets:
            purse = self._purse(gate, now)
            spent = purse.spent + purse.reserved
            if spent + micros > gate.micros:
                raise refusals.exhausted(gate, spent, micros, now)
            found.append(purse)
        return found

    def _count_rates(self, held: Held, rates: list[tuple[Window, int]]) -> None:
        """Count, and find the tightest rate of each kind."""
        now, counted = held.at, []
        requests = tokens = None
        for gate, (window, taken) in zip(held.gates.rates, rates, strict=True):
            slot = window.add(now, taken)
            counted.append((taken, slot))
            left = gate.limit - window.total
            if gate.counts == "requests":
                if requests is None or left < requests[0]:
                    requests = left, gate, window, slot
            elif tokens is None or left < tokens[0]:
                tokens = left, gate, window, slot
        held.rates = counted
        if requests is not None:
            left, gate, window, slot = requests
            held.requests = Standing(gate.counts, gate.limit, left, window.leaves(slot) - now)
        if tokens is not None:
            left, gate, window, slot = tokens
            held.tokens = Standing(gate.counts, gate.limit, left, window.leaves(slot) - now)

    def _count_budgets(self, held: Held) -> None:
        """Reserve, and tell which budgets are beyond their soft limit."""
        micros, warnings = held.amount.micros, []
        for gate, purse in zip(held.gates.budgets, held.purses, strict=True):
            purse.reserved += micros
            spent = purse.spent + purse.reserved
            if spent * WHOLE >= gate.soft * gate.micros:
                warnings.append((gate, spent))
        held.warnings = tuple(warnings)

    def _pay(self, held: Held, micros: int) -> None:
        for gate, purse in zip(held.gates.budgets, held.purses, strict=True):
            purse.reserved -= held.amount.micros
            if micros:
                purse.spent += micros
                spent = (gate.id, purse.period)
                self._unsaved[spent] = self._unsaved.get(spent, 0) + micros

    def _standings(self, gates: Gates) -> tuple[Standing | None, Standing | None]:
        """The tightest rate of each kind as it is, for one who is refused."""
        now = self._time()
        found: list[list[Standing]] = [[], []]
        for gate in gates.rates:
            window = self._windows.get(gate.id) or Window(gate.span)
            standing = Standing(gate.counts, gate.limit, window.room(now, gate.limit), window.reset(now))
            found[gate.counts != "requests"].append(standing)
        requests, tokens = (min(kind, key=_remaining, default=None) for kind in found)
        return requests, tokens

    def _window(self, gate: Gate) -> Window:
        window = self._windows.get(gate.id)
        if window is None:
            now = self._latest
            # One of the current slot may have been looked at for this very request, and be about to be counted in.
            _tidy(self._windows, lambda old: old.edge <= now and not old.used(now))
            window = self._windows[gate.id] = Window(gate.span)
        return window

    def _pool(self, share: Share) -> Pool:
        pool = self._pools.get(share.id)
        if pool is None:
            pool = self._pools[share.id] = Pool()
        return pool

    def _purse(self, gate: BudgetGate, now: float) -> Purse:
        """The purse of the period; the one before is left to the reservations that are open."""
        purse = self._purses.get(gate.id)
        if purse is None or now >= purse.ends:
            _tidy(self._purses, lambda old: now >= old.ends and not old.reserved)
            period, end = period_start(gate.per, now), period_end(gate.per, now)
            purse = Purse(period, float("inf") if end is None else end)
            purse.spent = self._primed.pop((gate.id, period), 0)
            self._purses[gate.id] = purse
        return purse


def _tidy(kept: OrderedDict[str, T], idle: Callable[[T], bool]) -> None:
    """Look at the oldest entries and let go of those that are idle."""
    for _ in range(min(TIDIED, len(kept))):
        name, entry = kept.popitem(last=False)
        if not idle(entry):
            kept[name] = entry


def _wait(error: LimitReached) -> float:
    return error.retry_after or 0.0


def _remaining(standing: Standing) -> int:
    return standing.remaining
