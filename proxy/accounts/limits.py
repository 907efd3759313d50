"""What may be limited, in the words of the field: requests, tokens, concurrent requests, money.

A *Limit* and a *Budget* are what an operator sets. *Gates* are what a single request has to pass: every bound of its
key, its tenant, its tenant with its model, and its share of what Telnyx allows the organisation. Before the call an
*Amount* is reserved at each gate (the estimated input plus the cap of the output), afterwards it is settled to what
was really used, so that many callers at once cannot pass a bound together that each of them alone would not.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Counts = Literal["requests", "tokens", "input", "uncached_input", "output"]
"""What a rate counts. `tokens` is input and output together, as OpenAI's TPM; the other three are Telnyx's budgets."""
Period = Literal["day", "week", "month", "total"]
"""How long money lasts: calendar days, ISO weeks and months in UTC, or for ever."""

MINUTE, DAY = 60, 86_400
MICROS = 1_000_000
"""Micro-dollars in a dollar. Money is whole micro-dollars everywhere."""


def dollars(micros: int) -> str:
    """Dollars as text, with two to six decimals: `25.00`, `0.000001`."""
    text = all_dollars(micros)
    return text[:-4] + text[-4:].rstrip("0")


def all_dollars(micros: int) -> str:
    """Dollars as text, with six decimals always: `25.000000`, `-0.000001`."""
    whole, part = divmod(abs(micros), MICROS)
    return f"{'-' if micros < 0 else ''}{whole}.{part:06}"


def lasting(per: Period) -> str:
    """For how long a budget is, at the end of an amount: `per day`, `in total`."""
    return "in total" if per == "total" else f"per {per}"


class Amount(NamedTuple):
    """What one request takes, or is expected to take: tokens, and micro-dollars."""

    requests: int = 1
    input: int = 0
    uncached_input: int = 0
    output: int = 0
    micros: int = 0

    def of(self, counts: Counts) -> int:
        """The part of it that a gate counts."""
        return self.parts()[counts]

    def parts(self) -> dict[Counts, int]:
        """What each kind of gate counts of it."""
        requests, given, uncached, made, _ = self
        return {
            "requests": requests,
            "tokens": given + made,
            "input": given,
            "uncached_input": uncached,
            "output": made,
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """What a key, a tenant, or either with the models of a pattern may do. None = no bound.

    Attributes:
        requests_per_minute, requests_per_day: over any span of that length, not by the calendar.
        tokens_per_minute: input and output; input_tokens_per_minute, uncached_input_tokens_per_minute,
            output_tokens_per_minute: as Telnyx counts them apart.
        concurrent: requests at a time; queue: how many more may wait for a place.
    """

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    uncached_input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    concurrent: int | None = None
    queue: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """Money a key or a tenant may spend. `soft` is the percentage from which on it is warned."""

    micros: int
    per: Period
    soft: int = 80


@dataclass(frozen=True, slots=True)
class Gate:
    """One rate: at most `limit` of `counts` in any `span` seconds.

    Attributes:
        id: the same in every process and after a restart (`tenant:acme:*:requests:60`).
        subject: whom it bounds, for messages (`tenant acme`, `key web`, `tenant acme with models zai-org/*`).
    """

    id: str
    subject: str
    counts: Counts
    limit: int
    span: int


@dataclass(frozen=True, slots=True)
class BudgetGate:
    """One budget. `id` names it in every process (`tenant:acme:day`); counted anew with every period."""

    id: str
    subject: str
    micros: int
    per: Period
    soft: int = 80


@dataclass(frozen=True, slots=True)
class Places:
    """At most `limit` requests at a time, `queue` more waiting."""

    id: str
    subject: str
    limit: int
    queue: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A tenant's part of what Telnyx allows the organisation: `limit` of `counts` per minute for all tenants together.

    Attributes:
        id: the pool (`pool:moonshotai/*:input`), the same for all tenants; tenant, weight: whose share, and its size
            relative to the others'.
        reserve: the part (0 to 1) of the pool that those who are there leave for newcomers; see `shares`.
    """

    id: str
    counts: Counts
    limit: int
    tenant: str
    weight: int
    reserve: float = 0.1


@dataclass(frozen=True, slots=True)
class Gates:
    """Everything a request has to pass: made once for a key and a model."""

    rates: tuple[Gate, ...] = ()
    budgets: tuple[BudgetGate, ...] = ()
    places: tuple[Places, ...] = ()
    shares: tuple[Share, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.rates or self.budgets or self.places or self.shares)


class Standing(NamedTuple):
    """How a gate stands after a reservation: for `x-ratelimit-*`. `reset`: seconds until it is as good as unused."""

    counts: Counts
    limit: int
    remaining: int
    reset: float


@dataclass(slots=True)
class Reservation:
    """What has been reserved for a request; to be settled exactly once.

    Attributes:
        request_id: whose it is; at: when, Unix seconds.
        gates, amount: where, and how much.
        requests, tokens: the tightest rate of each kind, None where there is none.
        warnings: budgets beyond their soft limit: (the budget, micro-dollars spent and reserved in its period).
        queued: seconds spent waiting for a place.
        settled: whether it has been.
    """

    request_id: str
    at: float
    gates: Gates
    amount: Amount
    requests: Standing | None = None
    tokens: Standing | None = None
    warnings: tuple[tuple[BudgetGate, int], ...] = ()
    queued: float = 0.0
    settled: bool = False
