"""The tiles of the overview: what happened within a time, and how it differs from the time before.

Of errors there are two kinds: 4xx, which a client can mend, and what it cannot, which is 5xx and streams that broke
after a good status had been sent. A client that left (499) is neither. What is compared with the time before is scaled
to the part of the present range that is over, so that nothing falls at the beginning of every hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from proxy.accounts.ledger import CLIENT_CLOSED, FAILED, erred
from proxy.admin.dashboard import figures

Outcome = Literal["served", "refused", "failed", "left"]
OUTCOMES: Mapping[Outcome, str] = {
    "served": "Served",
    "refused": "Refused (4xx)",
    "failed": "Failed (5xx, broken streams)",
    "left": "Client left",
}
SUMMED = ("requests", "broken", "unpriced", "input_tokens", "cached_input_tokens", "output_tokens", "cost_micros")
Better = Literal["up", "down", ""]
"""Which way is good news; neither for what is neither."""
_STEADY = 0.005
_MOST = 10.0
"""A change beyond it says nothing as a per cent."""


def kind(status: int) -> Outcome:
    """How a request with a status counts, if no stream broke. No status: nothing was sent to the client."""
    if status == CLIENT_CLOSED:
        return "left"
    if not erred(status):
        return "served"
    return "failed" if status >= FAILED or status <= 0 else "refused"


@dataclass(slots=True)
class Totals:
    """Sums over rows of `reports.usage` that are kept apart by status. Money is micro-dollars."""

    requests: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    broken: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0

    def add(self, row: Mapping[str, Any], money: str) -> None:
        """One more row; `money`: the column that is looked at, Telnyx's price or the tenant's."""
        for name in SUMMED:
            source = money if name == "cost_micros" else name
            setattr(self, name, getattr(self, name) + (row[source] or 0))
        self.outcomes[kind(row["status"])] += row["requests"] - row["broken"]
        self.outcomes["failed"] += row["broken"]

    @property
    def errors(self) -> int:
        """Requests that ended with 4xx, 5xx, no answer or a broken stream."""
        return self.outcomes["refused"] + self.outcomes["failed"]

    @property
    def error_rate(self) -> float | None:
        """Of all requests; None without any."""
        return self.errors / self.requests if self.requests else None

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> int | None:
        """Micro-dollars; None where something was consumed and no price is known at all."""
        return None if self.unpriced and not self.cost_micros else self.cost_micros


def totals(rows: Iterable[Mapping[str, Any]], money: str) -> Totals:
    """The sum of rows."""
    made = Totals()
    for row in rows:
        made.add(row, money)
    return made


@dataclass(frozen=True, slots=True)
class Delta:
    """How a figure differs from that of the time before.

    Attributes:
        text: `+12 %`, `-0.4 points`, `as before`, `nothing before`, empty where there is nothing now.
        tone: good, bad, or empty where it is neither.
    """

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One of them. `figures`: pairs of a value as text and what stands small beside it."""

    name: str
    figures: tuple[tuple[str, str], ...]
    delta: Delta
    notes: tuple[str, ...] = ()


Times = Sequence[float] | None
"""The median and the 95th percentile in seconds; None where nothing was answered."""


@dataclass(frozen=True, slots=True)
class Period:
    """All that tiles are made of."""

    totals: Totals
    duration: Times
    first_token: Times


def tiles(now: Period, before: Period, passed: float) -> list[Tile]:
    """All of them. `passed`: the part of the present range that is over."""
    here, then = now.totals, before.totals
    rates = here.error_rate, then.error_rate
    return [
        Tile("Requests", ((figures.compact(here.requests), ""),), grown(here.requests, then.requests * passed)),
        Tile("Error rate", ((figures.percent(rates[0]), ""),), _points(*rates), _errors(here)),
        Tile(
            "Tokens",
            ((figures.compact(here.input_tokens), "in"), (figures.compact(here.output_tokens), "out")),
            grown(here.tokens, then.tokens * passed),
            _cached(here),
        ),
        Tile("Cost", ((figures.money(here.cost), ""),), _cost(here, then, passed), unpriced(here.unpriced)),
        _timed("Latency", now.duration, before.duration),
        _timed("Time to first token", now.first_token, before.first_token),
    ]


def unpriced(requests: int) -> tuple[str, ...]:
    """How many requests are not in a sum of money."""
    if not requests:
        return ()
    return (f"{figures.number(requests)} request{'s' if requests > 1 else ''} without a known price",)


def grown(now: float | None, then: float | None, better: Better = "") -> Delta:
    """The change as a per cent of what was before."""
    if now is None or then is None or not then:
        return Delta("nothing before" if now else "")
    change = now / then - 1
    if abs(change) < _STEADY:
        return Delta("as before")
    tone = "" if not better else "good" if (change > 0) == (better == "up") else "bad"
    if change >= _MOST:
        return Delta(f"{now / then:.0f} times as much", tone)
    return Delta(f"{change * 100:+.0f} %".replace("-", "\N{MINUS SIGN}"), tone)


def _points(now: float | None, then: float | None) -> Delta:
    """The change of a rate, in points of a per cent."""
    if now is None or then is None:
        return Delta("" if now is None else "nothing before")
    change = (now - then) * 100
    if abs(change) < 0.05:  # noqa: PLR2004 - what one decimal can show
        return Delta("as before")
    return Delta(f"{change:+.1f} points".replace("-", "\N{MINUS SIGN}"), "bad" if change > 0 else "good")


def _cached(here: Totals) -> tuple[str, ...]:
    if not here.input_tokens:
        return ()
    return (f"{figures.percent(here.cached_input_tokens / here.input_tokens)} of the input cached",)


def _errors(here: Totals) -> tuple[str, ...]:
    refused, failed = here.outcomes["refused"], here.outcomes["failed"]
    said = f"{figures.compact(refused)} refused, {figures.compact(failed)} failed"
    if not here.broken:
        return (said,)
    return said, f"{figures.compact(here.broken)} of these: stream broke after status 200"


def _cost(here: Totals, then: Totals, passed: float) -> Delta:
    before = then.cost
    return grown(here.cost, None if before is None else before * passed)


def _timed(name: str, now: Times, then: Times) -> Tile:
    here = now or (None, None)
    values = ((figures.seconds(here[0]), "p50"), (figures.seconds(here[1]), "p95"))
    delta = grown(here[1], then[1] if then else None, "down")
    return Tile(name, values, Delta(f"p95 {delta.text}" if delta.tone else delta.text, delta.tone))
