"""What a model costs, from the configuration or from Telnyx's list."""

from typing import Any

import pytest

from proxy.accounts.pricing import Price
from proxy.edge.prices import Prices
from proxy.settings import ModelProfile

OWN = {
    "a/*": ModelProfile.model_validate({"price": {"input": "0.5", "output": 2}}),
    "a/b": ModelProfile.model_validate({"price": {"input": 1, "cached_input": 0, "output": 4}}),
    "a/none": ModelProfile(),
}


@pytest.mark.parametrize(
    ("model", "listed", "price"),
    [
        ("a/b", {"prompt": "9", "completion": "9"}, Price(1_000_000, 0, 4_000_000)),
        ("a/x", None, Price(500_000, 500_000, 2_000_000)),
        ("z/y", {"input": "2.70", "output": "13.5", "cached_prompt": "0.27"}, Price(2_700_000, 270_000, 13_500_000)),
        ("z/y", {"input": "0.000000", "output": "0.000000"}, None),
        ("z/y", None, None),
        ("z/y", "free", None),
    ],
)
def test_the_operator_knows_best_then_the_list_unless_it_says_zero(
    model: str, listed: Any, price: Price | None
) -> None:
    assert Prices(OWN, lambda _: listed).of(model) == price
