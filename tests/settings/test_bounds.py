"""Limits, budgets and prices as they stand in a configuration."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.settings.bounds import MOST, Bounds, Money, Prices

SLIPS = [0, -1, 1.5, True, "many", MOST + 1]


def faults(section: Any, /, **given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        section.model_validate(given)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in caught.value.errors())


@pytest.mark.parametrize("bound", sorted(set(Bounds.model_fields) - {"model", "queue"}))
def test_each_bound_bounds_by_itself_and_takes_whole_numbers_only(bound: str) -> None:
    assert getattr(Bounds.model_validate({bound: 7}), bound) == 7
    for slip in SLIPS:
        assert faults(Bounds, **{bound: slip}).startswith(bound)


def test_a_limit_that_bounds_nothing_is_a_slip() -> None:
    assert "bounds nothing" in faults(Bounds)
    assert "bounds nothing" in faults(Bounds, model="zai-org/*")


def test_a_queue_needs_places() -> None:
    assert "no `concurrent`" in faults(Bounds, requests_per_minute=5, queue=3)
    assert Bounds(concurrent=1, queue=3).queue == 3


@given(st.decimals(min_value="0.000001", max_value=10**6, places=6))
def test_money_is_what_was_written(usd: Decimal) -> None:
    for written in (usd, str(usd)):
        assert Money(usd=written, per="day").usd == usd


@given(st.integers(1, 10**9))
def test_money_as_a_yaml_number_is_the_decimal_that_was_written(micros: int) -> None:
    assert int(Money.model_validate({"usd": micros / 10**6, "per": "total"}).usd * 10**6) == micros


@pytest.mark.parametrize("usd", [0, -1, "0.0000001", "NaN", "Infinity", True, None, "ten", 10**7])
def test_other_amounts_are_slips(usd: Any) -> None:
    assert faults(Money, usd=usd, per="day").startswith("usd")


def test_a_period_and_a_soft_limit_are_what_there_is() -> None:
    assert faults(Money, usd=1, per="year").startswith("per")
    assert faults(Money, usd=1, per="day", soft=101).startswith("soft")
    assert Money(usd=Decimal(1), per="week").soft == 80


def test_a_model_may_cost_nothing_but_not_less() -> None:
    free = Prices.model_validate({"input": 0, "output": "0.40"})
    assert free == Prices(input=Decimal(0), output=Decimal("0.40"))
    assert free.cached_input is None
    assert faults(Prices, input=-1, output=1).startswith("input")
    assert faults(Prices, input=1).startswith("output")
