"""From rules to gates: whom they bound, and under which names they are counted."""

from collections.abc import Iterable

import pytest

from proxy.accounts.gates import BudgetRule, Holder, LimitRule, Pool, budget_rule, divided, gates_for, limit_rule
from proxy.accounts.limits import DAY, MINUTE, Budget, BudgetGate, Gate, Gates, Limit, Places, Share

GLM, KIMI = "zai-org/GLM-5.2", "moonshotai/Kimi-K3"
EVERYTHING = Limit(
    requests_per_minute=1,
    requests_per_day=2,
    tokens_per_minute=3,
    input_tokens_per_minute=4,
    uncached_input_tokens_per_minute=5,
    output_tokens_per_minute=6,
    concurrent=7,
    queue=8,
)


def holder(*limits: LimitRule, budgets: tuple[BudgetRule, ...] = (), weight: int = 1) -> Holder:
    return Holder("acme", "key_1", "web", weight, limits, budgets)


def test_every_bound_is_a_gate_with_a_name_that_stays() -> None:
    tenant, acme = "tenant:acme:*", "tenant acme"
    assert gates_for(holder(LimitRule("", "*", EVERYTHING)), GLM) == Gates(
        rates=(
            Gate(f"{tenant}:requests:60", acme, "requests", 1, MINUTE),
            Gate(f"{tenant}:requests:86400", acme, "requests", 2, DAY),
            Gate(f"{tenant}:tokens:60", acme, "tokens", 3, MINUTE),
            Gate(f"{tenant}:input:60", acme, "input", 4, MINUTE),
            Gate(f"{tenant}:uncached_input:60", acme, "uncached_input", 5, MINUTE),
            Gate(f"{tenant}:output:60", acme, "output", 6, MINUTE),
        ),
        places=(Places(f"{tenant}:concurrent", acme, 7, 8),),
    )


def test_who_has_no_rules_passes_nothing() -> None:
    assert not gates_for(holder(), GLM)
    assert not gates_for(holder(LimitRule("", "*", Limit())), GLM, [Pool("*")])


def test_a_rule_bounds_the_tenant_the_key_or_either_with_some_models() -> None:
    rpm = Limit(requests_per_minute=5)
    rules = [LimitRule(key, model, rpm) for key in ("", "key_1", "key_2") for model in ("*", "zai-org/*", KIMI)]
    assert [(gate.id, gate.subject) for gate in gates_for(holder(*rules), GLM).rates] == [
        ("key:key_1:zai-org/*:requests:60", "key web with models zai-org/*"),
        ("key:key_1:*:requests:60", "key web"),
        ("tenant:acme:zai-org/*:requests:60", "tenant acme with models zai-org/*"),
        ("tenant:acme:*:requests:60", "tenant acme"),
    ]


def test_places_are_taken_from_the_narrowest_to_the_widest_whatever_the_order_of_the_rules() -> None:
    rules = [
        LimitRule(key, model, Limit(concurrent=3)) for model in ("*", "*GLM*", "zai-org/*") for key in ("", "key_1")
    ]
    names = [gate.id for gate in gates_for(holder(*rules), GLM).places]
    assert names == [gate.id for gate in gates_for(holder(*reversed(rules)), GLM).places]
    assert names == [
        f"{owner}:{model}:concurrent"
        for owner in ("key:key_1", "tenant:acme")
        for model in ("*GLM*", "zai-org/*", "*")
    ]  # fmt: skip


def test_budgets_bound_the_tenant_and_its_own_keys_only() -> None:
    rules = tuple(BudgetRule(key, Budget(10, "day", 50)) for key in ("", "key_1", "key_2"))
    assert gates_for(holder(budgets=(*rules, BudgetRule("", Budget(99, "total")))), GLM).budgets == (
        BudgetGate("tenant:acme:day", "tenant acme", 10, "day", 50),
        BudgetGate("key:key_1:day", "key web", 10, "day", 50),
        BudgetGate("tenant:acme:total", "tenant acme", 99, "total", 80),
    )


@pytest.mark.parametrize(
    ("pools", "shares"),
    [
        ([], ()),
        ([Pool(KIMI, 1, 2, 3)], ()),
        (
            [Pool("zai-org/*", 1, 2, 3)],
            (
                Share("pool:zai-org/*:input", "input", 1, "acme", 4, 0.2),
                Share("pool:zai-org/*:uncached_input", "uncached_input", 2, "acme", 4, 0.2),
                Share("pool:zai-org/*:output", "output", 3, "acme", 4, 0.2),
            ),
        ),
        (
            [Pool("*", 1), Pool(GLM, output=9), Pool("zai-org/*", 2)],
            (Share(f"pool:{GLM}:output", "output", 9, "acme", 4, 0.2),),
        ),
    ],
)
def test_of_the_pools_the_most_specific_one_counts(pools: Iterable[Pool], shares: tuple[Share, ...]) -> None:
    assert gates_for(holder(weight=4), GLM, pools, 0.2).shares == shares


def test_a_weight_is_at_least_one() -> None:
    assert gates_for(holder(weight=0), GLM, [Pool("*", 5)]).shares[0].weight == 1


def test_rows_of_the_store_become_rules() -> None:
    row = {"id": "limit_1", "tenant": "acme", "key": "", "model": "zai-org/*", "requests_per_minute": 5, "queue": 2}
    assert limit_rule(row) == LimitRule("", "zai-org/*", Limit(requests_per_minute=5, queue=2))
    assert limit_rule({"key": "key_1", "concurrent": 3}) == LimitRule("key_1", "*", Limit(concurrent=3))
    assert budget_rule({"key": "key_1", "micros": 5, "per": "week", "soft": 90}) == BudgetRule(
        "key_1", Budget(5, "week", 90)
    )
    assert budget_rule({"key": None, "micros": 5, "per": "total"}) == BudgetRule("", Budget(5, "total", 80))


def test_a_part_of_every_gate_is_never_more_than_all_parts_together_may_have() -> None:
    gates = Gates(
        rates=(Gate("r", "s", "requests", 10, 60), Gate("one", "s", "requests", 1, 60)),
        budgets=(BudgetGate("b", "s", 1000, "day"),),
        places=(Places("p", "s", 3, 5),),
        shares=(Share("pool", "input", 100, "acme", 1),),
    )
    part = divided(gates, 4)
    assert [gate.limit for gate in part.rates] == [2, 1]
    assert (part.budgets[0].micros, part.places[0].limit, part.places[0].queue) == (250, 1, 5)
    assert part.shares[0].limit == 25
    assert divided(gates, 1) == gates
