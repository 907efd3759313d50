"""What a call costs. A price that is not known is None, never zero: what is not counted cannot be bounded.

Money is whole micro-dollars; a price is micro-dollars per million tokens, so that a dollar per million is 1,000,000.

    Price     the figures of a model at one service tier
    Tariff    its prices at all tiers, and where they are from
    Rate      what a tenant is charged by: a price, its version, and the tenant's markup
    Charge    what a request costs
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from fractions import Fraction
from hashlib import sha256
from typing import Any, NamedTuple

from proxy.accounts.limits import MICROS, Amount
from proxy.accounts.patterns import covers, specificity
from proxy.usage import Usage

PER = 1_000_000
"""Tokens, and characters, that a price is for."""
PARTS = 3
"""A millisecond is 50/3 millionths of a minute: in thirds of millionths, all that a price is for is whole."""
MILLISECOND = PARTS * PER // 60_000
HIGHEST = 10**12
"""A price above a million dollars per million tokens is a fault of whoever wrote it."""
UNIT = "1M_tokens"
"""The one `unit` Telnyx is known to use; a price in any other cannot be read."""
DIGITS = 12
"""Hexadecimal digits of a version: thousands of prices do not share one by chance."""
CENT = 100


class Price(NamedTuple):
    """Micro-dollars: of a million tokens; `audio` of a minute of speech heard, `characters` of a million spoken.

    Cached tokens and cache writes are part of the input, reasoning is part of the output. Of these None means that they
    cost as the rest of their whole does; of the other figures, that it is not known what they cost.
    """

    input: int | None = None
    cached_input: int | None = None
    output: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    audio: int | None = None
    characters: int | None = None


class Charge(NamedTuple):
    """What a request costs, in whole micro-dollars.

    Attributes:
        cost: what Telnyx charges; charged: what its tenant is charged, with its markup. None: the price is not known.
        price: the version of the price, empty where it is not known.
    """

    cost: int | None = None
    charged: int | None = None
    price: str = ""


FREE = Charge(0, 0)
"""Nothing was consumed, so nothing is charged, whatever the price."""
UNKNOWN = Charge()


def cost(price: Price, usage: Usage) -> int | None:
    """Micro-dollars of what was used, rounded up once. None where something was used whose price is not known."""
    given, made, cached, thought, _, stored, heard, spoken = usage
    usual, cheap, output = price[:3]
    if stored or thought or heard or spoken or usual is None or output is None:
        return _cost(price, usage)
    total = given * usual + made * output
    if cached and cheap is not None:
        total += min(cached, given) * (cheap - usual)
    return -(-total // PER)


def _cost(price: Price, usage: Usage) -> int | None:
    """The same of whatever a call can consist of; most consist of a prompt and an answer."""
    given, made, cached, thought, _, stored, heard, spoken = usage
    total = _total(price, given, made, min(thought, made))
    speech = _speech(price, heard, spoken)
    if total is None or speech is None:
        return None
    total += _around_the_cache(price, given, cached, stored)
    return -(-(total * PARTS + speech) // (PER * PARTS))


def reserve_cost(price: Price, amount: Amount) -> int | None:
    """Micro-dollars of what is reserved, rounded up, each token at the dearest that it may cost. None as in `cost`."""
    given, made = amount.input, amount.output
    total = _total(price, given, made, made if (price.reasoning or 0) > (price.output or 0) else 0)
    if total is None:
        return None
    usual = price.input or 0
    stored = max(usual, price.cache_write or 0)
    cached = max(stored, price.cached_input or 0)
    held = max(0, given - amount.uncached_input)
    total += (given - held) * (stored - usual) + held * (cached - usual)
    return -(-total // PER)


def _total(price: Price, given: int, made: int, thought: int) -> int | None:
    """Millionths of micro-dollars of input and output, as if there were no cache."""
    usual, output = price.input, price.output
    if (usual is None and given) or (output is None and made):
        return None
    total = given * (usual or 0) + made * (output or 0)
    if thought and price.reasoning is not None:
        total += thought * (price.reasoning - (output or 0))
    return total


def _around_the_cache(price: Price, given: int, cached: int, stored: int) -> int:
    """How much more than other input the tokens cost that came from the cache or went there: mostly less than zero."""
    usual = price.input or 0
    cached = min(cached, given)
    difference = 0 if price.cached_input is None else cached * (price.cached_input - usual)
    if price.cache_write is not None:
        difference += min(stored, given - cached) * (price.cache_write - usual)
    return difference


def _speech(price: Price, heard: int, spoken: int) -> int | None:
    """The same in thirds of speech: milliseconds in, characters out."""
    if (price.audio is None and heard) or (price.characters is None and spoken):
        return None
    return heard * MILLISECOND * (price.audio or 0) + spoken * PARTS * (price.characters or 0)


class Tariff(NamedTuple):
    """The prices of a model.

    Attributes:
        base: at the default tier, and at those that have no price of their own; tiers: at those that have.
        source: where they are from: `config`, `telnyx`, or `list-` and a date.
    """

    base: Price
    tiers: Mapping[str, Price] = {}
    source: str = ""

    def at(self, tier: str) -> Price:
        """The price at a service tier."""
        return self.tiers.get(tier, self.base) if self.tiers else self.base

    def version(self, model: str) -> str:
        """A short name of these figures for a model or pattern: the same in every process, another when they change."""
        exact = repr((model, tuple(self.base), [(name, tuple(each)) for name, each in sorted(self.tiers.items())]))
        return f"{self.source}:{sha256(exact.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGITS]}"

    def figures(self) -> dict[str, Any]:
        """What is known, as JSON: micro-dollars by name, and `tiers` by name."""
        made: dict[str, Any] = _known(self.base)
        if self.tiers:
            made["tiers"] = {name: _known(price) for name, price in self.tiers.items()}
        return made


def tier_of(base: Price, own: Price) -> Price:
    """The price of a tier: what it has of its own, else what the default tier has."""
    return Price._make(usual if given is None else given for usual, given in zip(base, own, strict=True))


class Rate(NamedTuple):
    """What a tenant is charged by for a model at a tier. A micro-dollar becomes `over`/`under` of one by the markup."""

    price: Price
    version: str = ""
    over: int = 1
    under: int = 1

    def charge(self, usage: Usage) -> Charge:
        """What a request costs that has used so much."""
        micros = cost(self.price, usage)
        if micros is None:
            return UNKNOWN
        return tuple.__new__(Charge, (micros, self.marked_up(micros), self.version))  # as `Charge` does, a call less

    def marked_up(self, micros: int) -> int:
        """Whole micro-dollars with the markup, rounded up."""
        return -(-micros * self.over // self.under)


def ratio_of(markup: float) -> tuple[int, int]:
    """`over` and `under` of a Rate from a markup in per cent, taken as the decimal that was written."""
    ratio = 1 + Fraction(repr(markup)) / CENT
    return ratio.numerator, ratio.denominator


def price_of(given: Mapping[str, Any]) -> Price | None:
    """A price from US dollars by the names of Price: texts, numbers or decimals, to the micro-dollar, rounded up.

    None where a figure is none, or where nothing is given.
    """
    figures: dict[str, int] = {}
    for name, usd in given.items():
        if usd is not None:
            micros = _micros(usd)
            if micros is None:
                return None
            figures[name] = micros
    return Price(**figures) if figures else None


def telnyx_price(pricing: Any) -> Price | None:
    """The price in `pricing` of a row of Telnyx's model list; None where there is none that can be read.

    Published names are `prompt` and `completion`; the deployed list has `input` and `output`. Both have `cached_prompt`
    and `unit`; only the published one has `currency`. Figures are texts: `"2.700000"`. One of zero is not believed:
    some accounts are shown zeros for models that are charged for.
    """
    if not isinstance(pricing, Mapping):
        return None
    if pricing.get("unit", UNIT) != UNIT or pricing.get("currency", "USD") != "USD":
        return None
    given, made = pricing.get("prompt", pricing.get("input")), pricing.get("completion", pricing.get("output"))
    price = price_of({"input": given, "output": made, "cached_input": pricing.get("cached_prompt")})
    if price is None or not (price.input or price.output):
        return None
    return Price._make(figure or None for figure in price)


def tariff_for(model: str, tariffs: Mapping[str, Tariff]) -> tuple[str, Tariff] | None:
    """Of tariffs by Telnyx id or pattern of ids, the most specific that covers the model, with its id or pattern."""
    covering = [pattern for pattern in tariffs if covers(pattern, model)]
    best = max(covering, key=lambda pattern: specificity(pattern, model), default=None)
    return None if best is None else (best, tariffs[best])


def _known(price: Price) -> dict[str, int]:
    return {name: figure for name, figure in price._asdict().items() if figure is not None}


def _micros(usd: Any) -> int | None:
    """US dollars as micro-dollars; None for what is no price."""
    if isinstance(usd, bool) or not isinstance(usd, str | int | float | Decimal):
        return None
    try:
        exact = Decimal(repr(usd) if isinstance(usd, float) else usd)
    except InvalidOperation:
        return None
    if not exact.is_finite() or exact < 0 or exact * MICROS > HIGHEST:
        return None
    return int((exact * MICROS).to_integral_value(ROUND_CEILING))
