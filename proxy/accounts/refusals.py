"""What a caller hears who does not pass a gate: OpenAI's words, so that programs that read them go on working.

    Rate limit reached for key web on requests per min (RPM): Limit 10, Used 10, Requested 1. Please try again in 5.2s.
    Request too large for key web on tokens per min (TPM): Limit 1000, Requested 1200. ...

Every limiter raises what is made here. Where several gates refuse, hopeless ones come first (RequestTooLarge, then
BudgetExhausted), then the one with the longest wait. `lines` of the error are the `x-ratelimit-*` headers.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from proxy.accounts.limits import DAY, MINUTE, BudgetGate, Counts, Gate, Places, Share, dollars, lasting
from proxy.accounts.periods import period_end
from proxy.accounts.rate_headers import duration
from proxy.errors import BudgetExhausted, LimitReached, RequestTooLarge

UNITS: Mapping[Counts, str] = {
    "requests": "requests per min (RPM)",
    "tokens": "tokens per min (TPM)",
    "input": "input tokens per min",
    "uncached_input": "uncached input tokens per min",
    "output": "output tokens per min",
}
DAILY = "requests per day (RPD)"
PLACE_RETRY = 1.0
"""Seconds after which one that found no place should ask again: nobody knows how long those before it will take."""


def unit(counts: Counts, span: int) -> str:
    """What a rate counts, as OpenAI's messages say it."""
    return DAILY if (counts, span) == ("requests", DAY) else UNITS[counts]


def cut(gate: Gate, amount: int, *, explicit: bool) -> int:
    """The part of an amount *larger than the limit* that is reserved: all there is. Raises RequestTooLarge.

    That is where the client itself named the amount, where requests are counted, and where nothing is allowed at all.
    """
    if explicit or gate.counts == "requests" or gate.limit < 1:
        raise _too_large(gate.subject, gate.counts, gate.span, gate.limit, amount)
    return gate.limit


def cut_share(share: Share, ceiling: int, amount: int, *, explicit: bool) -> int:
    """The same for a share, whose largest amount is the pool without what is held back (`shares`)."""
    if explicit or ceiling < 1:
        raise _too_large(_pool(share), share.counts, MINUTE, ceiling, amount)
    return ceiling


def rate_reached(gate: Gate, used: int, requested: int, wait: float) -> LimitReached:
    """A rate is used up; `wait` in seconds, exact."""
    figures = f"Limit {gate.limit}, Used {used}, Requested {requested}"
    return _reached(f"{gate.subject} on {unit(gate.counts, gate.span)}", gate.counts, figures, wait)


def share_reached(share: Share, used: int, requested: int, wait: float) -> LimitReached:
    """The tenant's part of a pool, or the pool, is used up. `used`: by all tenants."""
    figures = f"Limit {share.limit}, Used {used}, Requested {requested}"
    error = _reached(f"{_pool(share)} on {unit(share.counts, MINUTE)}", share.counts, figures, wait)
    error.limit = "share"
    return error


def places_taken(places: Places, waiting: int) -> LimitReached:
    """Every place is taken, and the queue is full or the wait for a place was too long."""
    figures = f"Limit {places.limit}, Used {places.limit}, Waiting {waiting}"
    error = _reached(f"{places.subject} on concurrent requests", "requests", figures, PLACE_RETRY)
    error.limit = "concurrent"
    return error


def exhausted(gate: BudgetGate, spent: int, requested: int, now: float) -> BudgetExhausted:
    """A budget is spent or reserved. `spent`: both together; micro-dollars."""
    end = period_end(gate.per, now)
    anew = "is not renewed" if end is None else f"begins anew at {datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return BudgetExhausted(
        f"You exceeded the budget of {gate.subject} {lasting(gate.per)}: Limit ${dollars(gate.micros)}, "
        f"Used ${dollars(spent)}, Requested ${dollars(requested)}. It {anew}; the operator of this proxy can raise it."
    )


def _pool(share: Share) -> str:
    return (
        f"tenant {share.tenant} in its share of what Telnyx allows for {share.id.partition(':')[2].rpartition(':')[0]}"
    )


def _reached(subject: str, counts: Counts, figures: str, wait: float) -> LimitReached:
    error = LimitReached(
        f"Rate limit reached for {subject}: {figures}. Please try again in {duration(wait)}.", retry_after=wait
    )
    error.type = _type(counts)
    return error


def _too_large(subject: str, counts: Counts, span: int, limit: int, amount: int) -> RequestTooLarge:
    error = RequestTooLarge(
        f"Request too large for {subject} on {unit(counts, span)}: Limit {limit}, Requested {amount}. "
        "The input or output tokens must be reduced in order to run successfully."
    )
    error.type = _type(counts)
    return error


def _type(counts: Counts) -> str:
    return "requests" if counts == "requests" else "tokens"
