"""What a call costs. A price that is not known is None, never zero: what is not counted cannot be bounded.

Money is whole micro-dollars; a price is micro-dollars per million tokens, so that a dollar per million is 1,000,000.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, NamedTuple

from proxy.accounts.limits import MICROS, Amount
from proxy.accounts.patterns import covers, specificity
from proxy.usage import Usage

PER = 1_000_000
"""Tokens a price is for."""
HIGHEST = 10**12
"""A price above a million dollars per million tokens is a fault of whoever wrote it."""
UNIT = "1M_tokens"
"""The one `unit` Telnyx is known to use; a price in any other cannot be read."""
KEPT = 4096
"""Models whose price is remembered at most; on overflow all are forgotten at once."""


class Price(NamedTuple):
    """Micro-dollars per million tokens. Cached tokens are part of the input, reasoning is part of the output."""

    input: int
    cached_input: int
    output: int

    @property
    def zero(self) -> bool:
        """Whether nothing is charged. Telnyx lists 0 for some accounts without promising that calls are free."""
        return not any(self)


def price_of(input_usd: Any, output_usd: Any, cached_usd: Any = None) -> Price | None:
    """A price from US dollars per million tokens: texts, numbers or decimals, to the micro-dollar, rounded up.

    Without a price of its own a cached token costs what any input token does. None where a figure is missing or none.
    """
    given, made = _micros(input_usd), _micros(output_usd)
    cached = given if cached_usd is None else _micros(cached_usd)
    return None if given is None or made is None or cached is None else Price(given, cached, made)


def telnyx_price(row: Mapping[str, Any]) -> Price | None:
    """The price in a row of Telnyx's model list; None where there is none that can be read.

    Published names are `prompt` and `completion`; the deployed list has `input` and `output`. Both have `cached_prompt`
    and `unit`; only the published one has `currency`. Figures are texts: `"2.700000"`.
    """
    pricing = row.get("pricing")
    if not isinstance(pricing, Mapping):
        return None
    if pricing.get("unit", UNIT) != UNIT or pricing.get("currency", "USD") != "USD":
        return None
    given, made = pricing.get("prompt", pricing.get("input")), pricing.get("completion", pricing.get("output"))
    return price_of(given, made, pricing.get("cached_prompt"))


def cost(price: Price, usage: Usage) -> int:
    """Micro-dollars of what was used, rounded up."""
    return _charge(price, usage.input, usage.cached_input, usage.output)


def reserve_cost(price: Price, amount: Amount) -> int:
    """Micro-dollars of what is reserved, rounded up. Input that may come from the cache counts at the dearer price."""
    cached = max(0, amount.input - amount.uncached_input) if price.cached_input > price.input else 0
    return _charge(price, amount.input, cached, amount.output)


def _charge(price: Price, given: int, cached: int, made: int) -> int:
    cached = min(cached, given)
    total = (given - cached) * price.input + cached * price.cached_input + made * price.output
    return -(-total // PER)


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


class PriceBook:
    """Prices set by the operator, by Telnyx id or pattern of ids; the most specific one counts."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)
        self._found: dict[str, Price | None] = {}

    def price(self, model: str) -> Price | None:
        """The price of a model, None where none is set."""
        try:
            return self._found[model]
        except KeyError:
            pass
        covering = [pattern for pattern in self._prices if covers(pattern, model)]
        best = max(covering, key=lambda pattern: specificity(pattern, model), default=None)
        if len(self._found) >= KEPT:
            self._found.clear()
        found = self._found[model] = None if best is None else self._prices[best]
        return found
