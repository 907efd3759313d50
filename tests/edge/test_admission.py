"""Reserving and settling, with a limiter that tells what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.accounts.estimates import TEMPLATE
from proxy.accounts.gates import BudgetRule, Holder, LimitRule, Pool
from proxy.accounts.ledger import Record
from proxy.accounts.limits import MICROS, Amount, Budget, Limit
from proxy.accounts.pricing import Charge, Rate
from proxy.edge.admission import IMAGE, OUTPUT, Admission, Prompt, used
from proxy.edge.prices import Prices
from proxy.errors import BudgetExhausted, LimitReached, PriceUnknown, ProxyError, RequestTooLarge
from proxy.settings import ModelProfile, Tenant
from proxy.storage.local_limiter import LocalLimiter
from proxy.usage import Usage

NOW = 1_767_571_200.0
READ = 400 // 2 + TEMPLATE
"""Tokens that a request of 400 bytes is taken to have."""
PRICE = {"input": 1, "cached_input": 0.1, "output": 10, "tiers": {"flex": {"output": 5}}}


class Nothing:
    """Telnyx's model list, without a price."""

    edition = 0

    def pricing(self, model: str) -> list[Any]:
        return [] if model else [None]


def prices(price: dict[str, Any] | None = PRICE, markup: float = 0) -> Prices:
    profiles = {"a/*": ModelProfile.model_validate({"price": price})}
    return Prices(profiles, Nothing(), (Tenant(id="acme", markup=markup),))


class Door:
    """An admission, its clock and what it counted."""

    def __init__(self, price: dict[str, Any] | None = PRICE, markup: float = 0) -> None:
        self.counted: list[tuple[str, ...]] = []
        self.limiter = LocalLimiter(lambda: NOW)
        self.prices = prices(price, markup)
        self.admission = Admission(self.limiter, self.prices, (), 0.1, lambda *what: self.counted.append(what))

    async def enter(self, holder: Holder, size: int = 400, **body: Any) -> Any:
        return await self.admission.enter("req_1", holder, "a/b", body, Prompt(size))


def holder(*limits: Limit, budget: int | None = None) -> Holder:
    budgets = (BudgetRule("", Budget(budget, "day", 50)),) if budget is not None else ()
    return Holder("acme", "key_1", "web", 1, tuple(LimitRule("", "*", limit) for limit in limits), budgets)


@contextmanager
def refused(kind: type[ProxyError]) -> Iterator[None]:
    with pytest.raises(kind):
        yield


async def test_what_is_reserved_is_the_input_and_the_cap_or_what_telnyx_stops_at() -> None:
    door = Door()
    free = holder(Limit(tokens_per_minute=10**9), budget=10**9)
    for body, output in (
        ({"max_tokens": 50}, 50),
        ({"max_tokens": 50, "n": 3}, 150),
        ({"max_tokens": 50, "n": True}, 50),
        ({"max_tokens": None}, OUTPUT),
        ({"max_tokens": True}, OUTPUT),
        ({}, OUTPUT),
    ):
        admitted = await door.enter(free, 400, **body)
        assert admitted.reservation.amount == Amount(1, READ, READ, output, READ + 10 * output)


async def test_what_is_settled_is_what_was_used_with_cached_tokens_cheaper() -> None:
    door = Door()
    mine = holder(Limit(requests_per_minute=5, output_tokens_per_minute=10_000), budget=MICROS)
    admitted = await door.enter(mine)
    record = Record("req_1", NOW, tenant="acme", model="a/b")
    record.usage = Usage(1000, 30, 400, source="upstream")
    door.admission.leave(admitted, record)
    assert record.charge == door.prices.charge(record, record.usage), "the ledger has the same"
    assert dict(door.limiter.take_spent()) == {("tenant:acme:day", int(NOW)): 600 + 40 + 300}
    tenant, gate, part = next(iter(door.admission.budgets(NOW)))
    assert (tenant, gate.per, part) == ("acme", "day", 940 / MICROS)
    again = await door.enter(mine, 4000)
    assert again.reservation.amount.input > 1000, "it has learned that a byte can be a whole token here"


async def test_a_request_that_telnyx_refused_is_one_request_and_no_token() -> None:
    door = Door()
    mine = holder(Limit(requests_per_minute=1, tokens_per_minute=8292))
    door.admission.leave(await door.enter(mine), Record("req_1", NOW))
    with refused(LimitReached):
        await door.enter(mine)
    assert door.counted == [("telnyx_proxy_limit_refusals_total", "acme", "requests")]


async def test_money_is_what_the_tenant_is_charged_at_its_tier() -> None:
    mine = holder(budget=MICROS)
    for tier, micros in (("", 500), ("flex", 250)):
        door = Door(markup=50)
        admitted = await door.enter(mine, max_tokens=50, service_tier=tier)
        assert admitted.reservation.amount.micros == -(-(READ + micros) * 3 // 2)
        record = Record("req_1", NOW, tenant="acme", model="a/b", service_tier=tier)
        record.usage = Usage(101, 50, source="upstream")
        door.admission.leave(admitted, record)
        assert dict(door.limiter.take_spent()) == {("tenant:acme:day", int(NOW)): -(-(101 + micros) * 3 // 2)}
        assert record.charge is not None
        assert (record.charge.cost, record.charge.charged) == (101 + micros, -(-(101 + micros) * 3 // 2))


async def test_what_was_charged_already_is_not_worked_out_again() -> None:
    door = Door()
    record = Record("req_1", NOW, tenant="acme", model="a/b", charge=Charge(7, 8, "before"))
    record.usage = Usage(1000, 30, source="upstream")
    door.admission.leave(await door.enter(holder(budget=MICROS)), record)
    assert dict(door.limiter.take_spent()) == {("tenant:acme:day", int(NOW)): 8}
    assert record.charge == Charge(7, 8, "before")


async def test_an_answer_in_the_name_of_a_model_without_a_price_is_counted_as_what_was_asked() -> None:
    door = Door()
    record = Record("req_1", NOW, tenant="acme", model="a-b-of-2026")
    record.usage = Usage(1000, 30, source="upstream")
    door.admission.leave(await door.enter(holder(budget=MICROS)), record)
    assert record.charge == Charge(), "the ledger says that it does not know"
    assert dict(door.limiter.take_spent()) == {("tenant:acme:day", int(NOW)): 1300}


async def test_a_key_without_a_budget_asks_for_no_price() -> None:
    door = Door()
    record = Record("req_1", NOW, tenant="acme", model="a/b")
    door.admission.leave(await door.enter(holder(Limit(concurrent=1))), record)
    assert record.charge is None
    assert door.prices.take_new(0) == []
    assert not door.admission.lacks_price(holder(), "nobody/knows")
    assert door.admission.lacks_price(holder(budget=1), "nobody/knows")
    assert not door.admission.lacks_price(holder(budget=1), "a/b")


def test_what_cannot_be_priced_at_all_uses_no_money() -> None:
    rate = prices({"input": 1}).rate("acme", "a/b")
    assert rate is not None
    assert used(Usage(5, 1), Charge(), rate) == used(Usage(5, 1)) == Amount(1, 5, 5, 1, 0)
    assert used(Usage(5), None, Rate(rate.price)).micros == 5


@pytest.mark.parametrize("price", [{"input": 1}, {"characters": 1}])
async def test_half_a_price_is_none(price: dict[str, Any]) -> None:
    with refused(PriceUnknown):
        await Door(price).enter(holder(budget=MICROS))


async def test_each_refusal_is_counted_by_what_refused() -> None:
    for given, body, fault, kind in (
        (holder(Limit(tokens_per_minute=10)), {"max_tokens": 50}, RequestTooLarge, "too_large"),
        (holder(budget=1), {"max_tokens": 50}, BudgetExhausted, "budget"),
    ):
        door = Door()
        with refused(fault):
            await door.enter(given, **body)
        assert door.counted == [("telnyx_proxy_limit_refusals_total", "acme", kind)]
    door = Door(price=None)
    with refused(PriceUnknown):
        await door.enter(holder(budget=MICROS))
    assert door.counted == [("telnyx_proxy_limit_refusals_total", "acme", "price")]
    await Door(price=None).enter(holder(Limit(concurrent=1)))


async def test_a_budget_beyond_its_soft_limit_is_told_in_a_header() -> None:
    door = Door()
    mine = holder(budget=1000)
    assert (await door.enter(mine, max_tokens=5)).lines == ""
    lines = (await door.enter(mine, max_tokens=50)).lines
    assert lines == "x-telnyx-proxy-budget: tenant acme: $0.000982 of $0.001 per day\r\n"


async def test_gates_are_made_anew_when_limits_may_have_changed() -> None:
    door = Door()
    pools = (Pool("a/*", output=1000),)
    door.admission = Admission(door.limiter, door.prices, pools, 0.5, lambda *_: None)
    mine = holder()
    with refused(RequestTooLarge):
        await door.enter(mine, max_tokens=1000)
    door.admission.forget(alone=True)
    assert await door.enter(mine, max_tokens=1000)


async def test_a_request_that_came_before_a_change_does_not_bring_the_old_limits_back() -> None:
    door = Door()
    before, after = holder(Limit(requests_per_minute=100)), holder(Limit(requests_per_minute=1))
    door.admission.forget()
    assert await door.enter(before), "its body took long to arrive"
    with refused(LimitReached):
        await door.enter(after)


async def test_every_choice_may_put_out_as_much() -> None:
    door = Door()
    free = holder(Limit(tokens_per_minute=10**9))
    for body, output in (
        ({"n": 3}, 3 * OUTPUT),
        ({"max_tokens": 50, "n": 2, "best_of": 4}, 200),
        ({"max_tokens": 50, "n": 0}, 50),
    ):
        assert (await door.enter(free, **body)).reservation.amount.output == output


async def test_images_are_reserved_for_and_teach_nothing_about_text() -> None:
    door = Door()
    mine = holder(Limit(tokens_per_minute=10**9))
    admitted = await door.admission.enter("req_1", mine, "a/b", {"max_tokens": 5}, Prompt(400, 2))
    assert admitted.reservation.amount.input == READ + 2 * IMAGE
    record = Record("req_1", NOW)
    record.usage = Usage(3000, 5, source="upstream")
    door.admission.leave(admitted, record)
    assert (await door.enter(mine, 400)).reservation.amount.input == READ


async def test_a_repair_that_takes_the_cap_away_is_reserved_for_anew() -> None:
    door = Door()
    mine = holder(Limit(requests_per_minute=2, output_tokens_per_minute=OUTPUT + 100))
    first, second = await door.enter(mine, max_tokens=50), await door.enter(mine, max_tokens=50)
    assert await door.admission.enter_again(first, mine, {"max_tokens": 40}) is first
    again = await door.admission.enter_again(first, mine, {})
    assert again.reservation.amount.output == OUTPUT
    with refused(LimitReached):
        await door.admission.enter_again(second, mine, {})
    for each in (first, second):  # a second time does nothing
        door.admission.leave(each, Record("req_1", NOW))
    door.admission.leave(again, Record("req_1", NOW))
    assert (await door.enter(mine, max_tokens=OUTPUT)).reservation.requests.remaining == 0


async def test_the_newer_name_of_the_cap_is_one_too() -> None:
    door = Door()
    mine = holder(Limit(output_tokens_per_minute=100))
    admitted = await door.admission.enter("req_1", mine, "a/b", {"max_completion_tokens": 50}, Prompt(4))
    assert admitted.reservation.amount.output == 50


async def test_gates_of_keys_and_models_without_number_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.edge.admission.KEPT", 3)
    door = Door()
    mine = holder(Limit(requests_per_minute=100))
    for number in range(10):
        await door.admission.enter("req", mine, f"a/{number}", {}, Prompt(1))
    assert len(door.admission._gates) <= 3


async def test_a_tenant_alone_leaves_nothing_for_others() -> None:
    door = Door()
    pools = (Pool("a/*", output=1000),)
    door.admission = Admission(door.limiter, door.prices, pools, 0.5, lambda *_: None)
    door.admission.forget(alone=True)
    await door.enter(holder(), max_tokens=1000)
    other = Door()
    other.admission = Admission(other.limiter, other.prices, pools, 0.5, lambda *_: None)
    with refused(RequestTooLarge):
        await other.enter(holder(), max_tokens=1000)


async def test_of_several_that_count_for_themselves_each_admits_its_part() -> None:
    door = Door()
    door.admission.forget(apart=4)
    mine = holder(Limit(requests_per_minute=9))
    for _ in range(2):
        await door.enter(mine)
    with refused(LimitReached):
        await door.enter(mine)


async def test_what_nobody_can_measure_is_one_request_and_settled_by_what_it_used() -> None:
    door = Door(price=None)
    mine = holder(Limit(requests_per_minute=2, tokens_per_minute=900), budget=100)
    admitted = await door.admission.enter_plain("req_1", mine)
    assert (admitted.reservation.amount, admitted.rate) == (Amount(1), None)
    assert "x-ratelimit-remaining-requests: 1\r\n" in admitted.lines
    record = Record("req_1", 0.0, usage=Usage(800, 50, source="upstream"))
    door.admission.leave(admitted, record)
    with refused(LimitReached):
        await door.enter(holder(Limit(requests_per_minute=2, tokens_per_minute=900)), size=400, max_tokens=100)
    with refused(LimitReached):
        await door.admission.enter_plain("req_3", holder(Limit(requests_per_minute=1)))
    assert door.counted[-1][1:] == ("acme", "requests")
