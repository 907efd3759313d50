"""The words of the limits: what of a request each kind of gate counts."""

import pytest

from proxy.accounts.limits import (
    Amount,
    BudgetGate,
    Counts,
    Gate,
    Gates,
    Period,
    Places,
    Share,
    all_dollars,
    dollars,
    lasting,
)


@pytest.mark.parametrize(
    ("counts", "amount"), [("requests", 1), ("input", 20), ("uncached_input", 15), ("output", 7), ("tokens", 27)]
)
def test_what_a_gate_counts_of_a_request(counts: Counts, amount: int) -> None:
    assert Amount(1, 20, 15, 7, 99).of(counts) == amount


def test_gates_are_true_where_there_is_one() -> None:
    assert not Gates()
    assert Gates(rates=(Gate("a", "b", "requests", 1, 60),))
    assert Gates(budgets=(BudgetGate("a", "b", 1, "day"),))
    assert Gates(places=(Places("a", "b", 1),))
    assert Gates(shares=(Share("a", "input", 1, "t", 1),))


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (10_000, "0.01"),
        (100_000, "0.10"),
        (123_456, "0.123456"),
        (123_400, "0.1234"),
        (25_000_000, "25.00"),
        (10**12, "1000000.00"),
        (-1_500_000, "-1.50"),
    ],
)
def test_money_is_written_with_two_to_six_decimals(micros: int, text: str) -> None:
    assert dollars(micros) == text


@pytest.mark.parametrize(("micros", "text"), [(0, "0.000000"), (25_000_000, "25.000000"), (-1, "-0.000001")])
def test_or_with_all_six(micros: int, text: str) -> None:
    assert all_dollars(micros) == text


@pytest.mark.parametrize(("per", "words"), [("day", "per day"), ("month", "per month"), ("total", "in total")])
def test_a_budget_is_for_a_period_or_for_ever(per: Period, words: str) -> None:
    assert lasting(per) == words
