"""What budgets count with: the operator's price of a model, else the one in Telnyx's model list.

A price of zero in that list is not believed: some accounts are shown zeros for models that are charged for.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.accounts.pricing import Price, PriceBook, price_of, telnyx_price
from proxy.settings import ModelProfile


class Prices:
    """Prices by Telnyx id."""

    def __init__(self, profiles: Mapping[str, ModelProfile], listed: Callable[[str], Any]) -> None:
        """`listed`: the `pricing` of a model in Telnyx's list, None where it is not known."""
        own = {
            pattern: price
            for pattern, profile in profiles.items()
            if (given := profile.price) is not None
            and (price := price_of(given.input, given.output, given.cached_input)) is not None
        }
        self._book = PriceBook(own)
        self._listed = listed

    def of(self, model: str) -> Price | None:
        """The price of a Telnyx id, None where it is not known."""
        price = self._book.price(model)
        if price is not None:
            return price
        price = telnyx_price({"pricing": self._listed(model)})
        return None if price is None or price.zero else price
