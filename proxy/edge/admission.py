"""Limits and budgets on the path of a request: reserve before Telnyx is asked, settle afterwards.

Reserved are the estimated input and the most the model may put out: the request's own cap, or what Telnyx stops at by
itself. Settled is what was really used, whatever became of the request. Money is what the tenant
is charged, with its markup. A key without limits passes without a look.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from proxy.accounts.estimates import Estimator
from proxy.accounts.gates import Holder, Pool, divided, gates_for
from proxy.accounts.ledger import Record
from proxy.accounts.limits import Amount, BudgetGate, Gates, Reservation, dollars, lasting
from proxy.accounts.periods import period_start
from proxy.accounts.ports import Limiter
from proxy.accounts.pricing import Charge, Rate, cost, reserve_cost
from proxy.accounts.rate_headers import rate_headers
from proxy.edge.prices import Prices
from proxy.errors import (
    BudgetExhausted,
    LimitReached,
    PriceUnknown,
    ProxyError,
    RequestTooLarge,
)
from proxy.usage import Usage

OUTPUT = 8192
"""Output tokens, reasoning included, at which Telnyx stops where a request has no cap (its models list of 2026)."""
CAPS = ("max_tokens", "max_completion_tokens")
"""Fields by which a request bounds what one answer puts out; some models know the newer one alone."""
CHOICES = ("n", "best_of")
"""Fields by which a request asks for several answers at once."""
IMAGE = 1024
"""Input tokens reserved for an image. Nobody knows how large it is; models make some hundred to four thousand of it."""
KEPT = 10_000
"""Pairs of key and model whose gates are kept at most; on overflow all are forgotten at once."""
REFUSALS = "telnyx_proxy_limit_refusals_total"


class Prompt(NamedTuple):
    """What a model reads: UTF-8 bytes of text, and images. `silent`: it puts out no tokens, but vectors or sound.

    `characters` are those that it speaks.
    """

    size: int
    images: int = 0
    silent: bool = False
    characters: int = 0


UNREAD = Prompt(0, 1)
"""What nobody has measured: like a prompt with images, it teaches nothing about the size of tokens."""


@dataclass(slots=True)
class Admitted:
    """A request that has passed.

    Attributes:
        reservation: what is to be settled.
        model, prompt: what the estimate was made from.
        rate: what it is counted with, None where no budget asks.
        lines: the headers that tell how the limits stand.
    """

    reservation: Reservation
    model: str
    prompt: Prompt
    rate: Rate | None
    lines: str


class Admission:
    """The gates of every key and model, and who counts at them.

    Attributes:
        limiter: where it is counted.
    """

    def __init__(
        self,
        limiter: Limiter,
        prices: Prices,
        pools: tuple[Pool, ...],
        reserve: float,
        count: Callable[..., None],
    ) -> None:
        """`reserve`: see `upstream.sharing.reserve`; `count`: raises a metric by one."""
        self.limiter = limiter
        self._prices = prices
        self._pools = pools
        self._reserve = reserve
        self._alone = False
        self._apart = 1
        self._count = count
        self._estimator = Estimator()
        self._gates: dict[tuple[str, str, str], tuple[Holder, Gates]] = {}
        self._budgets: dict[str, tuple[str, BudgetGate]] = {}

    def forget(self, *, alone: bool = False, apart: int = 1) -> None:
        """Limits may have changed: gates are made anew. What they have counted stays, by their ids.

        `alone`: there is one tenant, for whose sake nothing need be left for others. `apart`: processes that count for
        themselves, each its part of every limit.
        """
        self._alone = alone
        self._apart = apart
        self._gates.clear()
        self._budgets.clear()

    def budgets(self, now: float) -> Iterator[tuple[str, BudgetGate, float]]:
        """Every budget that was asked for: its tenant, the budget, and the part of it that is used at a Unix time."""
        known = self.limiter.budgets()
        for tenant, gate in self._budgets.values():
            yield tenant, gate, known.get((gate.id, period_start(gate.per, now)), 0) / gate.micros

    async def enter(
        self, request_id: str, holder: Holder, model: str, body: Mapping[str, Any], prompt: Prompt
    ) -> Admitted:
        """Reserve for a translated request. It may have to wait for a place.

        Raises LimitReached, RequestTooLarge, BudgetExhausted, PriceUnknown, LimiterUnavailable.
        """
        gates = self._gates_of(holder, model)
        tier = str(body.get("service_tier", ""))
        rate = self._prices.rate(holder.tenant, model, tier) if gates.budgets else None
        try:
            output, explicit = (0, True) if prompt.silent else _output(body)
            read = self._estimator.input_tokens(model, prompt.size) + prompt.images * IMAGE
            if prompt.silent and not prompt.size:
                read = 0  # it reads no tokens, but hears or speaks
            amount = Amount(1, read, read, output)
            if gates.budgets:
                amount = amount._replace(micros=_expected(rate, amount, model, prompt.characters))
            reservation = await self.limiter.reserve(request_id, gates, amount, explicit=explicit)
        except ProxyError as fault:
            self._count(REFUSALS, holder.tenant, _kind(fault))
            raise
        return Admitted(reservation, model, prompt, rate, rate_headers(reservation) + _warnings(reservation))

    async def enter_plain(self, request_id: str, holder: Holder, model: str = "") -> Admitted:
        """Reserve for a request of which nobody knows what it takes: it counts as one, and what it did use later.

        Raises as `enter`, but for PriceUnknown.
        """
        gates = self._gates_of(holder, model)
        try:
            reservation = await self.limiter.reserve(request_id, gates, Amount(1), explicit=True)
        except ProxyError as fault:
            self._count(REFUSALS, holder.tenant, _kind(fault))
            raise
        lines = rate_headers(reservation) + _warnings(reservation)
        return Admitted(reservation, model, UNREAD, None, lines)

    async def enter_again(self, admitted: Admitted, holder: Holder, body: Mapping[str, Any]) -> Admitted:
        """The same request with another body. One that may put out more than was reserved is reserved for anew.

        Raises as `enter`; then nothing is reserved any more.
        """
        reservation = admitted.reservation
        if _output(body)[0] <= reservation.amount.output:
            return admitted
        self.limiter.settle(reservation, Amount(requests=0))
        return await self.enter(reservation.request_id, holder, admitted.model, body, admitted.prompt)

    def lacks_price(self, holder: Holder, model: str) -> bool:
        """Whether a budget applies and the price of the model is not known, perhaps not yet."""
        return bool(holder.budgets) and self._prices.rate(holder.tenant, model) is None

    def leave(self, admitted: Admitted, record: Record) -> None:
        """Settle, once the request has ended."""
        usage = record.usage
        if usage.source == "upstream" and usage.input and not admitted.prompt.images:
            self._estimator.learn(admitted.model, admitted.prompt.size, usage.input)
        if record.charge is None and (admitted.rate is not None or admitted.prompt is UNREAD):
            record.charge = self._prices.charge(record, usage)
        self.limiter.settle(admitted.reservation, used(usage, record.charge, admitted.rate))

    def _gates_of(self, holder: Holder, model: str) -> Gates:
        which = holder.tenant, holder.key, model
        kept, gates = self._gates.get(which, (None, None))
        # A request that came before limits were changed brings the old ones: they hold for it, and for nobody else.
        if gates is None or kept is not holder:
            if len(self._gates) >= KEPT:
                self._gates.clear()
            gates = gates_for(holder, model, self._pools, 0.0 if self._alone else self._reserve)
            gates = gates if self._apart == 1 else divided(gates, self._apart)
            self._gates[which] = holder, gates
            self._budgets.update((gate.id, (holder.tenant, gate)) for gate in gates.budgets)
        return gates


def _warnings(reservation: Reservation) -> str:
    """A header for each budget that is used beyond its soft limit, spent and reserved together."""
    return "".join(
        f"x-telnyx-proxy-budget: {gate.subject}: ${dollars(micros)} of ${dollars(gate.micros)} {lasting(gate.per)}\r\n"
        for gate, micros in reservation.warnings
    )


def used(usage: Usage, charge: Charge | None = None, rate: Rate | None = None) -> Amount:
    """What a request has really used. One that Telnyx refused is one request, and no token.

    Its money is what the ledger says. Where that has no price for the model that Telnyx names in its answer, the model
    that was asked counts, by the `rate` that was reserved with.
    """
    uncached = max(0, usage.input - usage.cached_input)
    micros = None if charge is None else charge.charged
    if micros is None and rate is not None:
        micros = rate.charge(usage).charged
    return Amount(1, usage.input, uncached, usage.output, micros or 0)


def _expected(rate: Rate | None, amount: Amount, model: str, characters: int = 0) -> int:
    """Micro-dollars that the tenant may be charged for it. Raises PriceUnknown."""
    micros = None if rate is None else reserve_cost(rate.price, amount)
    if characters and rate is not None and micros is not None:
        spoken = cost(rate.price, Usage(characters=characters))
        micros = None if spoken is None else micros + spoken
    if rate is None or micros is None:
        raise PriceUnknown(
            f"A budget applies, and the price of the model '{model}' is not known. An operator can set it in "
            "models.profiles.",
            param="model",
        )
    return rate.marked_up(micros)


def _output(body: Mapping[str, Any]) -> tuple[int, bool]:
    """The most tokens a request may put out, over all its choices; and whether the request itself says so."""
    cap = next((body[name] for name in CAPS if name in body), None)
    choices = max((each for each in map(body.get, CHOICES) if type(each) is int), default=1)
    if type(cap) is not int or cap <= 0:
        return OUTPUT * max(1, choices), False
    return cap * max(1, choices), True


def _kind(fault: ProxyError) -> str:
    """What refused: a value of the label `limit`."""
    if isinstance(fault, BudgetExhausted):
        return "budget"
    if isinstance(fault, RequestTooLarge):
        return "too_large"
    if isinstance(fault, PriceUnknown):
        return "price"
    return (fault.limit or fault.type) if isinstance(fault, LimitReached) else "unavailable"
