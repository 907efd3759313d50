"""From what is set for a tenant and its keys to what one request has to pass."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxy.accounts.limits import DAY, MINUTE, Budget, BudgetGate, Counts, Gate, Gates, Limit, Places, Share
from proxy.accounts.patterns import covers, specificity

RATES: tuple[tuple[str, Counts, int], ...] = (
    ("requests_per_minute", "requests", MINUTE),
    ("requests_per_day", "requests", DAY),
    ("tokens_per_minute", "tokens", MINUTE),
    ("input_tokens_per_minute", "input", MINUTE),
    ("uncached_input_tokens_per_minute", "uncached_input", MINUTE),
    ("output_tokens_per_minute", "output", MINUTE),
)
"""The fields of a Limit that are rates: what they count, in how many seconds."""
BOUNDS = (*(name for name, _, _ in RATES), "concurrent")


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A limit and whom it bounds. `key`: id of a key, empty for the whole tenant; `model`: a pattern of Telnyx ids."""

    key: str
    model: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """A budget and whom it bounds. `key`: id of a key, empty for the whole tenant."""

    key: str
    budget: Budget


@dataclass(frozen=True, slots=True)
class Pool:
    """What Telnyx allows the organisation per minute, for all models of a pattern together. None = not shared out.

    Attributes:
        model: a Telnyx id or a pattern of ids.
        total: input tokens; uncached: those not from the cache; output: output tokens.
    """

    model: str
    total: int | None = None
    uncached: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: a key of a tenant, and every rule set for either.

    Attributes:
        tenant: its id; key: the id of the key; key_name: for people.
        weight: the tenant's part of a pool, relative to other tenants'.
        limits, budgets: rules of the tenant; those of other keys are passed over.
    """

    tenant: str
    key: str
    key_name: str
    weight: int = 1
    limits: tuple[LimitRule, ...] = ()
    budgets: tuple[BudgetRule, ...] = ()

    def owner(self, key: str) -> tuple[str, str]:
        """The first parts of a gate's id, and the subject of messages, of a rule for the key or for the tenant."""
        return (f"key:{key}", f"key {self.key_name}") if key else (f"tenant:{self.tenant}", f"tenant {self.tenant}")


def gates_for(holder: Holder, model: str, pools: Iterable[Pool] = (), reserve: float = 0.1) -> Gates:
    """Everything a request of this key for this Telnyx id has to pass.

    Every rule whose pattern covers the model counts. Of the pools, the most specific that covers it. `reserve`: the
    part of a pool held back for newcomers; give 0 where there is one tenant only.
    """
    mine = ("", holder.key)
    limits = [rule for rule in holder.limits if rule.key in mine and covers(rule.model, model)]
    # Who waits for a place holds those before it. A key's stand first: then it keeps back nobody but its own.
    limits.sort(key=lambda rule: (not rule.key, rule.model == "*", rule.model))
    return Gates(
        rates=tuple(gate for rule in limits for gate in _rates(holder, rule)),
        budgets=tuple(_budget(holder, rule) for rule in holder.budgets if rule.key in mine),
        places=tuple(
            _places(holder, rule, rule.limit.concurrent) for rule in limits if rule.limit.concurrent is not None
        ),
        shares=tuple(_shares(holder, model, pools, reserve)),
    )


def divided(gates: Gates, processes: int) -> Gates:
    """One process's part of every gate, where each has to count alone. A limit of 1 stays 1."""

    def part(limit: int) -> int:
        return max(min(limit, 1), limit // processes)

    return Gates(
        rates=tuple(replace(gate, limit=part(gate.limit)) for gate in gates.rates),
        budgets=tuple(replace(gate, micros=part(gate.micros)) for gate in gates.budgets),
        places=tuple(replace(gate, limit=part(gate.limit)) for gate in gates.places),
        shares=tuple(replace(share, limit=part(share.limit)) for share in gates.shares),
    )


def limit_rule(row: Mapping[str, Any]) -> LimitRule:
    """A row of the table `limits`, or a mapping with the same names of which any bound may be missing."""
    bounds = {name: row.get(name) for name in BOUNDS}
    return LimitRule(row.get("key") or "", row.get("model") or "*", Limit(**bounds, queue=row.get("queue") or 0))


def budget_rule(row: Mapping[str, Any]) -> BudgetRule:
    """A row of the table `budgets`, or a mapping with the same names."""
    return BudgetRule(row.get("key") or "", Budget(row["micros"], row["per"], row.get("soft", 80)))


def _subject(holder: Holder, rule: LimitRule) -> tuple[str, str]:
    owner, subject = holder.owner(rule.key)
    return f"{owner}:{rule.model}", subject if rule.model == "*" else f"{subject} with models {rule.model}"


def _rates(holder: Holder, rule: LimitRule) -> Iterator[Gate]:
    name, subject = _subject(holder, rule)
    for field, counts, span in RATES:
        bound = getattr(rule.limit, field)
        if bound is not None:
            yield Gate(f"{name}:{counts}:{span}", subject, counts, bound, span)


def _places(holder: Holder, rule: LimitRule, places: int) -> Places:
    name, subject = _subject(holder, rule)
    return Places(f"{name}:concurrent", subject, places, rule.limit.queue)


def _budget(holder: Holder, rule: BudgetRule) -> BudgetGate:
    owner, subject = holder.owner(rule.key)
    budget = rule.budget
    return BudgetGate(f"{owner}:{budget.per}", subject, budget.micros, budget.per, budget.soft)


def _shares(holder: Holder, model: str, pools: Iterable[Pool], reserve: float) -> Iterator[Share]:
    covering = [pool for pool in pools if covers(pool.model, model)]
    if not covering:
        return
    pool = max(covering, key=lambda pool: specificity(pool.model, model))
    bounds: tuple[tuple[Counts, int | None], ...] = (
        ("input", pool.total),
        ("uncached_input", pool.uncached),
        ("output", pool.output),
    )
    for counts, bound in bounds:
        if bound is not None:
            name = f"pool:{pool.model}:{counts}"
            yield Share(name, counts, bound, holder.tenant, max(1, holder.weight), reserve)
