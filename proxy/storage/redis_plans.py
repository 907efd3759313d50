"""The gates of a request in the words of the scripts: keys and numbers, and what an answer says about them.

No I/O: what is asked of Redis, and what its answers mean. `redis_scripts` has the layout of the keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.accounts import refusals
from proxy.accounts.gates import divided
from proxy.accounts.limits import Amount, BudgetGate, Gates, Places, Reservation, Standing
from proxy.accounts.rate_headers import header_lines
from proxy.accounts.shares import ceiling
from proxy.accounts.windows import SLOTS
from proxy.errors import ClientFault, LimitReached

MICROSECONDS = 1_000_000
KINDS = {"total": 0, "day": 1, "week": 2, "month": 3}
ADMITTED, FENCED = 1, 2
"""First number of an answer to a reservation; 0 = refused."""
SETTLED, LATE = 1, 2
"""First number of an answer to a settlement; 0 = nothing had to be done."""
WHOLE = 100
"""Per cent."""

Money = tuple[str, int, int, int]
"""How a budget stands: its id, its period, spent, reserved."""


class Keys:
    """Names in Redis. The braces are a hash tag: whatever stands in them decides the node of a cluster."""

    __slots__ = ("fence", "lapsed", "leases", "money", "prefix")

    def __init__(self, prefix: str, process: str) -> None:
        self.prefix = f"{{{prefix}}}:"
        self.leases, self.money, self.lapsed = (f"{self.prefix}{name}" for name in ("leases", "money", "lapsed"))
        self.fence = f"{self.prefix}fence:{process}"

    def budget(self, identity: str) -> str:
        """Where a budget is counted."""
        return f"{self.prefix}budget:{identity}"

    def done(self, identity: str) -> str:
        """Where it is noted that a sum was added."""
        return f"{self.prefix}done:{identity}"


class Plan:
    """What is asked for the gates of a key and a model; made once.

    Attributes:
        gates: as they were given.
        rates, budgets, places: their keys; shares: of each the pool and the asker.
        keys: for a reservation; spec: its numbers that do not change (`reserve.lua`).
        widths: microseconds of a slot, of each rate; ceilings: of each share.
    """

    __slots__ = (
        "_divided", "budgets", "ceilings", "gates", "keys", "places", "rates", "shares", "spec", "widths",
    )  # fmt: skip

    def __init__(self, gates: Gates, keys: Keys) -> None:
        self.gates = gates
        self._divided: Gates | None = None
        prefix = keys.prefix
        self.rates = [f"{prefix}rate:{gate.id}" for gate in gates.rates]
        self.budgets = [keys.budget(gate.id) for gate in gates.budgets]
        self.places = [f"{prefix}places:{gate.id}" for gate in gates.places]
        self.shares = [(f"{prefix}pool:{each.id}", f"{prefix}asker:{each.id}:{each.tenant}") for each in gates.shares]
        self.widths = [gate.span * MICROSECONDS / SLOTS for gate in gates.rates]
        self.ceilings = [ceiling(share) for share in gates.shares]
        self.keys = [keys.fence, keys.leases, keys.money, *self.rates, *self.budgets, *self.places]
        for share, (pool, asker) in zip(gates.shares, self.shares, strict=True):
            self.keys += [pool, f"{prefix}asking:{share.id}", f"{prefix}short:{share.id}", asker]
        self.spec = " ".join(map(str, self._numbers()))

    def _numbers(self) -> list[float]:
        gates = self.gates
        numbers: list[float] = [len(gates.rates), len(gates.budgets), len(gates.places), len(gates.shares)]
        for gate, width in zip(gates.rates, self.widths, strict=True):
            numbers += [width, gate.limit]
        for budget in gates.budgets:
            numbers += [KINDS[budget.per], budget.micros]
        numbers += [place.limit for place in gates.places]
        for share, top in zip(gates.shares, self.ceilings, strict=True):
            numbers += [share.limit, top, share.weight]
        return numbers

    def amounts(self, amount: Amount, *, explicit: bool) -> list[int]:
        """What is taken at each rate, each budget and each share. Raises RequestTooLarge."""
        taken = []
        for gate in self.gates.rates:
            wanted = amount.of(gate.counts)
            taken.append(wanted if wanted <= gate.limit else refusals.cut(gate, wanted, explicit=explicit))
        taken += [amount.micros] * len(self.budgets)
        for share, top in zip(self.gates.shares, self.ceilings, strict=True):
            wanted = amount.of(share.counts)
            taken.append(wanted if wanted <= top else refusals.cut_share(share, top, wanted, explicit=explicit))
        return taken

    def divided(self, processes: int) -> Gates:
        """This process's part of every gate, while it has to count alone. A limit of 1 stays 1."""
        if self._divided is None:
            self._divided = divided(self.gates, processes)
        return self._divided


@dataclass(slots=True)
class Held(Reservation):
    """A reservation in Redis.

    Attributes:
        plan: what was asked for it; name: what Redis knows it by, of this process alone.
        taken: at each rate, each budget and each share.
        moment: when, in microseconds of the Redis server; 0 = unknown. periods: of its budgets.
    """

    plan: Plan | None = None
    name: str = ""
    taken: Sequence[int] = ()
    moment: int = 0
    periods: Sequence[int] = ()


def read_reservation(plan: Plan, held: Held, answer: Sequence[int]) -> Places | None:
    """Fill in what was admitted; returns the gate that has no place, where only that is missing.

    `answer`: of reserve.lua, not FENCED. Raises LimitReached, BudgetExhausted.
    """
    gates = plan.gates
    held.moment = answer[1]
    held.at = answer[1] / MICROSECONDS
    budgets = 2 + 3 * len(gates.rates)
    held.requests, held.tokens = _standings(plan, answer)
    if answer[0] == ADMITTED:
        held.periods = answer[budgets : budgets + 4 * len(gates.budgets) : 4]
        held.warnings = tuple(_warnings(gates.budgets, answer[budgets:]))
        return None
    try:
        return _refused(plan, held, answer)
    except ClientFault as error:
        error.lines = header_lines(held.requests, held.tokens)
        raise


def read_money(budgets: Sequence[BudgetGate], answer: Sequence[int], step: int) -> list[Money]:
    """How budgets stand, from numbers of which each has `step`: period, spent, reserved."""
    return [(gate.id, *answer[step * i : step * i + 3]) for i, gate in enumerate(budgets)]  # type: ignore[misc]


def money_of(plan: Plan, answer: Sequence[int]) -> list[Money]:
    """How the budgets of a reservation stand, admitted or refused."""
    return read_money(plan.gates.budgets, answer[2 + 3 * len(plan.rates) :], 4)


def _standings(plan: Plan, answer: Sequence[int]) -> tuple[Standing | None, Standing | None]:
    requests = tokens = None
    for i, gate in enumerate(plan.gates.rates):
        left, reset = gate.limit - answer[2 + 3 * i], answer[4 + 3 * i] / MICROSECONDS
        if gate.counts == "requests":
            if requests is None or left < requests.remaining:
                requests = Standing(gate.counts, gate.limit, max(0, left), reset)
        elif tokens is None or left < tokens.remaining:
            tokens = Standing(gate.counts, gate.limit, max(0, left), reset)
    return requests, tokens


def _warnings(budgets: Sequence[BudgetGate], answer: Sequence[int]) -> list[tuple[BudgetGate, int]]:
    sums = [answer[4 * i + 1] + answer[4 * i + 2] for i in range(len(budgets))]
    return [(gate, used) for gate, used in zip(budgets, sums, strict=True) if used * WHOLE >= gate.soft * gate.micros]


def _refused(plan: Plan, held: Held, answer: Sequence[int]) -> Places | None:
    gates, rates = plan.gates, len(plan.rates)
    at = 2 + 3 * rates
    for i, budget in enumerate(gates.budgets):
        _, spent, reserved, fits = answer[at + 4 * i : at + 4 * i + 4]
        if not fits:
            raise refusals.exhausted(budget, spent + reserved, held.amount.micros, held.at)
    places = at + 4 * len(gates.budgets)
    shares = places + len(gates.places)
    refused: list[LimitReached] = []
    for i, gate in enumerate(gates.rates):
        used, wait = answer[2 + 3 * i : 4 + 3 * i]
        if wait:
            refused.append(refusals.rate_reached(gate, used, held.taken[i], wait / MICROSECONDS))
    for i, share in enumerate(gates.shares):
        used, wait = answer[shares + 2 * i : shares + 2 * i + 2]
        if wait:
            taken = held.taken[rates + len(gates.budgets) + i]
            refused.append(refusals.share_reached(share, used, taken, wait / MICROSECONDS))
    if refused:
        raise max(refused, key=_wait)
    taken_by = zip(gates.places, answer[places:shares], strict=True)
    return next(place for place, taken in taken_by if taken >= place.limit)


def _wait(error: LimitReached) -> float:
    return error.retry_after or 0.0


def settlement(held: Held, actual: Amount, first: int, keys: Keys) -> tuple[list[str], str]:
    """Keys and numbers for settle.lua. `first`: its first number."""
    plan = held.plan
    if plan is None:
        raise ValueError("nothing was reserved")
    gates, taken = plan.gates, held.taken
    names, numbers = [keys.leases, keys.money, keys.lapsed], list[float]()
    rates = 0
    for i, gate in enumerate(gates.rates):
        difference = actual.of(gate.counts) - taken[i]
        if difference:
            rates += 1
            names.append(plan.rates[i])
            numbers += [plan.widths[i], difference]
    names += plan.budgets
    names += plan.places
    for i in range(len(plan.budgets)):
        numbers += [held.periods[i] if held.periods else 0, taken[len(gates.rates) + i], actual.micros]
    shares, offset = 0, len(gates.rates) + len(gates.budgets)
    for i, share in enumerate(gates.shares):
        difference = actual.of(share.counts) - taken[offset + i]
        if difference:
            shares += 1
            names += plan.shares[i]
            numbers.append(difference)
    head = (first, rates, len(plan.budgets), len(plan.places), shares)
    return names, " ".join(map(str, (*head, *numbers)))
