"""Limits, budgets and prices as they stand in a configuration."""

from datetime import date
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


FIGURES = ("input", "cached_input", "cache_write", "output", "reasoning", "audio", "characters")


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_is_an_amount_of_money(figure: str) -> None:
    around = {"input": 1, "output": 1}
    assert getattr(Prices.model_validate({**around, figure: "0.000001"}), figure) == Decimal("0.000001")
    assert getattr(Prices.model_validate({**around, figure: 0}), figure) == 0
    for slip in (-1, "0.0000001", True, "dear", 10**7):
        assert faults(Prices, **{**around, figure: slip}).startswith(figure)


@pytest.mark.parametrize("given_", [{"input": "0.02"}, {"audio": "0.006"}, {"characters": 15}, {"output": 1}])
def test_what_a_model_does_not_do_needs_no_price(given_: dict[str, Any]) -> None:
    assert Prices.model_validate(given_).given() == given_.keys()


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "has no figure"),
        ({"seen": "2026-08"}, "has no figure"),
        ({"output": 1, "cached_input": 1}, "cached_input and no input"),
        ({"audio": 1, "cache_write": 1}, "cache_write and no input"),
        ({"input": 1, "reasoning": 1}, "reasoning and no output"),
        ({"input": 1, "tiers": {"default": {"input": 2}}}, "a tier 'default'"),
        ({"input": 1, "tiers": {"auto": {"input": 2}}}, "a tier 'auto'"),
        ({"input": 1, "tiers": {"flex": {}}}, "no figure for the tier 'flex'"),
        ({"input": 1, "tiers": {"flex": None}}, "no figure for the tier 'flex'"),
        ({"input": 1, "tiers": {"flex": {"output": 2}}}, "output for the tier 'flex' only"),
        ({"input": 1, "tiers": {"flex": {"reasoning": 2}}}, "output for the tier 'flex' only"),
        ({"tiers": {"flex": {"input": 2}}}, "has no figure"),
        ({"input": 1, "tiers": {"flex": {"input": 2, "seen": "2026-08"}}}, "tiers.flex.seen"),
        ({"input": 1, "tiers": {"": {"input": 2}}}, "tiers"),
    ],
)
def test_a_price_that_makes_no_sense_is_a_slip(given_: dict[str, Any], words: str) -> None:
    assert words in faults(Prices, **given_)


def test_tiers_have_figures_of_their_own() -> None:
    price = Prices.model_validate(
        {"input": 1, "output": 4, "tiers": {"flex": {"input": "0.5", "cached_input": 0}, "priority": {"reasoning": 9}}}
    )
    assert price.tiers["flex"].given() == {"input", "cached_input"}
    assert price.tiers["priority"].reasoning == 9
    assert price.seen is None


@pytest.mark.parametrize("seen", ["2026-08", "2026-08-15", date(2026, 8, 15)])
def test_a_price_may_have_a_day(seen: Any) -> None:
    assert Prices.model_validate({"input": 1, "seen": seen}).seen == str(seen)


@pytest.mark.parametrize("seen", ["2026", "2026-13", "2026-8", "2026-08-32", "August", "", 2026, True])
def test_other_days_are_slips(seen: Any) -> None:
    assert faults(Prices, input=1, seen=seen).startswith("seen")
