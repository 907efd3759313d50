"""Money is exact, and a price that is not known is not zero."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import Amount
from proxy.accounts.pricing import KEPT, Price, PriceBook, cost, price_of, reserve_cost, telnyx_price
from proxy.usage import Usage

KIMI = Price(2_700_000, 270_000, 13_500_000)
DEPLOYED = {"input": "2.700000", "output": "13.500000", "cached_prompt": "0.270000", "unit": "1M_tokens"}
PUBLISHED = {"prompt": "2.70", "completion": "13.50", "cached_prompt": "0.27", "currency": "USD", "unit": "1M_tokens"}


@pytest.mark.parametrize("pricing", [DEPLOYED, PUBLISHED])
def test_both_spellings_of_telnyx_are_read(pricing: dict[str, str]) -> None:
    assert telnyx_price({"id": "moonshotai/Kimi-K3", "pricing": pricing}) == KIMI


def test_a_price_of_zero_is_a_price_that_says_so() -> None:
    zero = telnyx_price({"pricing": dict.fromkeys(["input", "output", "cached_prompt"], "0.000000")})
    assert zero == Price(0, 0, 0)
    assert zero.zero
    assert not KIMI.zero


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        [],
        {},
        {**DEPLOYED, "unit": "1K_tokens"},
        {**DEPLOYED, "currency": "EUR"},
        {**DEPLOYED, "input": None},
        {**DEPLOYED, "input": ""},
        {**DEPLOYED, "input": "free"},
        {**DEPLOYED, "output": "-1"},
        {**DEPLOYED, "output": "NaN"},
        {**DEPLOYED, "output": "Infinity"},
        {**DEPLOYED, "output": "1e30"},
        {**DEPLOYED, "output": True},
        {**DEPLOYED, "output": ["1"]},
        {**DEPLOYED, "cached_prompt": "?"},
        {"input": "1.0"},
    ],
)
def test_what_cannot_be_read_is_unknown(pricing: Any) -> None:
    assert telnyx_price({"pricing": pricing}) is None


def test_a_row_without_pricing_is_unknown() -> None:
    assert telnyx_price({"id": "x"}) is None


@pytest.mark.parametrize("figure", ["0.1", 0.1, Decimal("0.1")])
def test_a_tenth_is_a_tenth(figure: Any) -> None:
    assert price_of(figure, 1, figure) == Price(100_000, 1_000_000, 1_000_000)._replace(cached_input=100_000)


def test_cached_tokens_without_a_price_cost_as_others_and_fractions_are_rounded_up() -> None:
    assert price_of("0.0000011", "2") == Price(2, 2, 2_000_000)


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(), 0),
        (Usage(input=1_000_000), 2_700_000),
        (Usage(input=1_000_000, cached_input=1_000_000), 270_000),
        (Usage(input=1000, output=500, cached_input=400), 600 * 27 // 10 + 108 + 6750),
        (Usage(input=1), 3),  # 2.7
        (Usage(input=10, cached_input=20), 3),  # a part that is larger than its whole
    ],
)
def test_the_cost_of_a_call_is_rounded_up(usage: Usage, micros: int) -> None:
    assert cost(KIMI, usage) == micros


def test_what_may_come_from_the_cache_is_reserved_at_the_dearer_price() -> None:
    amount = Amount(1, 1000, 200, 10)
    assert reserve_cost(KIMI, amount) == cost(KIMI, Usage(1000, 10))
    assert reserve_cost(KIMI._replace(cached_input=9_000_000), amount) == 200 * 27 // 10 + 7200 + 135


TOKENS = st.integers(0, 10**7)
PRICE = st.builds(Price, *[st.integers(0, 10**9)] * 3)


@given(PRICE, TOKENS, TOKENS, TOKENS)
def test_a_reservation_covers_whatever_part_was_cached(price: Price, given_: int, cached: int, made: int) -> None:
    cached = min(cached, given_)
    amount = Amount(1, given_, given_ - cached, made)
    assert reserve_cost(price, amount) >= cost(price, Usage(given_, made, cached))
    assert 0 <= cost(price, Usage(given_, made, cached)) - sum(
        Decimal(tokens) * micros / 10**6
        for tokens, micros in zip((given_ - cached, cached, made), price, strict=True)
    ) < 1  # fmt: skip


def test_the_most_specific_price_counts() -> None:
    book = PriceBook({"*": Price(1, 1, 1), "zai-org/*": Price(2, 2, 2), "zai-org/GLM-5.2": Price(3, 3, 3)})
    for _ in range(2):  # the second time from memory
        assert book.price("moonshotai/Kimi-K3") == Price(1, 1, 1)
        assert book.price("zai-org/GLM-5.3") == Price(2, 2, 2)
        assert book.price("zai-org/GLM-5.2") == Price(3, 3, 3)


def test_a_model_no_pattern_covers_has_no_price() -> None:
    book = PriceBook({"zai-org/*": KIMI})
    assert book.price("moonshotai/Kimi-K3") is None
    assert book.price("moonshotai/Kimi-K3") is None


def test_remembered_prices_are_bounded() -> None:
    book = PriceBook({"*": KIMI})
    for number in range(KEPT + 1):
        assert book.price(f"m{number}") == KIMI
    assert len(book._found) == 1
