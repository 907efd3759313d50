"""Gates in the words of the scripts, and what the answers mean."""

import pytest

from proxy.accounts.limits import Amount, Gates
from proxy.errors import BudgetExhausted, LimitReached, RequestTooLarge
from proxy.storage.redis_plans import Held, Keys, Plan, money_of, read_reservation, settlement
from tests.storage.limiters import budget, places, rate, share

KEYS = Keys("p", "me")
GATES = Gates((rate(5), rate(100, "tokens")), (budget(1000),), (places(2),), (share(50),))
AMOUNT = Amount(1, 10, 0, 20, 300)
OPEN = [1_000_000, 1, 0, 61_000_000, 30, 0, 61_000_000, 86_400, 10, 300, 1, 0, 10, 0]


def held(plan: Plan) -> Held:
    return Held("r", 0.0, plan.gates, AMOUNT, plan=plan, taken=plan.amounts(AMOUNT, explicit=False))


def test_every_key_has_the_same_hash_tag() -> None:
    assert all(key.startswith("{p}:") for key in Plan(GATES, KEYS).keys)
    assert KEYS.fence == "{p}:fence:me"


def test_what_does_not_change_is_written_once() -> None:
    assert Plan(GATES, KEYS).spec == "2 1 1 1 1000000.0 5 1000000.0 100 1 1000 2 50 45 1"


def test_amounts_are_cut_to_limits_unless_the_client_named_them() -> None:
    plan = Plan(GATES, KEYS)
    assert plan.amounts(AMOUNT, explicit=True) == [1, 30, 300, 10]
    assert plan.amounts(Amount(1, 80, 0, 30, 7), explicit=False) == [1, 100, 7, 45]
    for amount in (Amount(1, 80, 0, 30), Amount(1, 48)):
        with pytest.raises(RequestTooLarge):
            plan.amounts(amount, explicit=True)


def test_an_admission_fills_in_the_reservation() -> None:
    plan = Plan(GATES, KEYS)
    reservation = held(plan)
    assert read_reservation(plan, reservation, [1, *OPEN]) is None
    assert (reservation.at, reservation.moment, reservation.periods) == (1.0, 1_000_000, [86_400])
    assert reservation.requests == ("requests", 5, 4, 61.0)
    assert reservation.tokens == ("tokens", 100, 70, 61.0)
    assert reservation.warnings == ()
    assert money_of(plan, [1, *OPEN]) == [("tenant:acme:day", 86_400, 10, 300)]


def test_the_tightest_rate_of_each_kind_stands_for_all() -> None:
    plan = Plan(Gates((rate(9), rate(5), rate(7), rate(90, "input"), rate(50, "output"), rate(70, "tokens"))), KEYS)
    reservation = held(plan)
    read_reservation(plan, reservation, [1, 0, *[1, 0, 0] * 6])
    assert reservation.requests == ("requests", 5, 4, 0.0)
    assert reservation.tokens == ("output", 50, 49, 0.0)


def refused(changes: dict[int, int]) -> list[int]:
    answer = [0, *OPEN]
    for place, number in changes.items():
        answer[place] = number
    return answer


def test_what_is_hopeless_is_told_first_then_the_longest_wait_then_places() -> None:
    plan = Plan(GATES, KEYS)
    with pytest.raises(BudgetExhausted):
        read_reservation(plan, held(plan), refused({3: 5_000_000, 11: 0, 12: 2, 14: 9_000_000}))
    with pytest.raises(LimitReached, match="share") as caught:
        read_reservation(plan, held(plan), refused({3: 5_000_000, 12: 2, 14: 9_000_000}))
    assert caught.value.retry_after == 9.0
    assert "x-ratelimit-remaining-tokens: 70\r\n" in caught.value.lines
    with pytest.raises(LimitReached, match="requests per min"):
        read_reservation(plan, held(plan), refused({3: 5_000_000, 12: 2}))
    assert read_reservation(plan, held(plan), refused({12: 2})) == places(2)


def test_only_what_differs_is_settled() -> None:
    plan = Plan(GATES, KEYS)
    reservation = held(plan)
    read_reservation(plan, reservation, [1, *OPEN])
    names, numbers = settlement(reservation, AMOUNT, 7, KEYS)
    assert names == [KEYS.leases, KEYS.money, KEYS.lapsed, *plan.budgets, *plan.places]
    assert numbers == "7 0 1 1 0 86400 300 300"
    names, numbers = settlement(reservation, Amount(0, 4, 0, 20, 100), 7, KEYS)
    assert names[3:5] == plan.rates
    assert names[-2:] == list(plan.shares[0])
    assert numbers == "7 2 1 1 1 1000000.0 -1 1000000.0 -6 86400 300 100 -6"


def test_nothing_reserved_cannot_be_settled() -> None:
    with pytest.raises(ValueError, match="nothing"):
        settlement(Held("r", 0.0, Gates(), AMOUNT), AMOUNT, 0, KEYS)


def test_the_part_of_a_process_is_never_less_than_one_unless_the_limit_is() -> None:
    plan = Plan(Gates((rate(9), rate(1), rate(0)), (budget(10),), (places(2),), (share(3),)), KEYS)
    part = plan.divided(4)
    assert [gate.limit for gate in part.rates] == [2, 1, 0]
    assert (part.budgets[0].micros, part.places[0].limit, part.shares[0].limit) == (2, 1, 1)
    assert plan.divided(4) is part
