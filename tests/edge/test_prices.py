"""What a model costs and what a tenant is charged: from the configuration, Telnyx's list, or the proxy's own."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.ledger import Record
from proxy.accounts.pricing import FREE, UNKNOWN, Charge, Price
from proxy.edge import prices as module
from proxy.edge.prices import Prices
from proxy.settings import ModelProfile, Tenant
from proxy.usage import NOTHING, Usage

OWN = {
    "a/*": ModelProfile.model_validate({"price": {"input": "0.5", "output": 2}}),
    "a/b": ModelProfile.model_validate({"price": {"input": 1, "cached_input": 0, "output": 4}}),
    "a/none": ModelProfile(),
    "seen/*": ModelProfile.model_validate({"price": {"input": 3, "output": 5, "seen": "2026-09"}}),
    "zai-org/GLM-5.2": ModelProfile.model_validate({"price": {"input": 0, "output": 0}}),
    "t/t": ModelProfile.model_validate(
        {
            "price": {
                "input": 1, "cached_input": "0.1", "output": 4,
                "tiers": {"flex": {"input": "0.5"}, "priority": {"output": 8, "reasoning": 9, "cache_write": 2}},
            }
        }
    ),
}  # fmt: skip
ZEROS = {"input": "0.000000", "output": "0.000000"}
LIST = {"input": "2.70", "output": "13.5", "cached_prompt": "0.27"}
LISTED = Price(2_700_000, 270_000, 13_500_000)


class Telnyx:
    """Its model list, as far as prices go."""

    def __init__(self, *said: Any) -> None:
        self.edition = 0
        self.said = said
        self.asked = 0

    def pricing(self, model: str) -> Iterable[Any]:
        assert model
        self.asked += 1
        return self.said


def prices(
    *said: Any, markups: Mapping[str, float] | None = None, profiles: Mapping[str, ModelProfile] = OWN
) -> tuple[Prices, Telnyx]:
    telnyx = Telnyx(*said)
    return Prices(profiles, telnyx, tenants(markups or {})), telnyx


def tenants(markups: Mapping[str, float]) -> list[Tenant]:
    return [Tenant(id=name, markup=markup) for name, markup in markups.items()]


def record(model: str, tier: str = "", tenant: str = "acme") -> Record:
    return Record("req_1", 0.0, tenant=tenant, model=model, service_tier=tier)


@pytest.mark.parametrize(
    ("model", "listed", "price"),
    [
        ("a/b", [LIST], Price(1_000_000, 0, 4_000_000)),
        ("a/x", [], Price(500_000, None, 2_000_000)),
        ("a/none", [], Price(500_000, None, 2_000_000)),
        ("z/y", [LIST], LISTED),
        ("z/y", [ZEROS, "free", LIST], LISTED),
        ("z/y", [ZEROS], None),
        ("z/y", [], None),
        ("z/y", ["free"], None),
        ("seen/it", [LIST], LISTED),
        ("seen/it", [ZEROS], Price(3_000_000, None, 5_000_000)),
        ("moonshotai/Kimi-K2.6", [LIST], LISTED),
        ("moonshotai/Kimi-K2.6", [ZEROS], Price(665_000, 80_000, 4_000_000)),
        ("zai-org/GLM-5.2", [LIST], Price(0, None, 0)),
    ],
)
def test_the_operator_knows_best_then_telnyx_then_what_was_seen(
    model: str, listed: list[Any], price: Price | None
) -> None:
    assert prices(*listed)[0].of(model) == price


@pytest.mark.parametrize(
    ("tier", "price"),
    [
        ("", Price(1_000_000, 100_000, 4_000_000)),
        ("default", Price(1_000_000, 100_000, 4_000_000)),
        ("flex", Price(500_000, 100_000, 4_000_000)),
        ("priority", Price(1_000_000, 100_000, 8_000_000, 2_000_000, 9_000_000)),
    ],
)
def test_a_tier_has_its_own_price_or_the_default_ones(tier: str, price: Price) -> None:
    assert prices()[0].of("t/t", tier) == price


def test_a_charge_has_the_tenants_markup() -> None:
    book, _ = prices(LIST, markups={"acme": 10, "beta": -100})
    usage = Usage(1000, 500, 400, source="upstream")
    charge = book.charge(record("z/y"), usage)
    assert (charge.cost, charge.charged, charge.price.partition(":")[0]) == (8478, 9326, "telnyx")
    assert book.charge(record("z/y", tenant="beta"), usage) == charge._replace(charged=0)
    assert book.charge(record("z/y", tenant="gone"), usage) == charge._replace(charged=8478)
    flex = book.charge(record("t/t", "flex"), Usage(10, source="estimated"))
    assert (flex.cost, flex.charged, flex.price.partition(":")[0]) == (5, 6, "config")


def test_what_used_nothing_costs_nothing_and_what_is_unknown_stays_so() -> None:
    book, telnyx = prices()
    assert book.charge(record(""), NOTHING) is FREE
    assert telnyx.asked == 0
    assert book.charge(record("z/y"), Usage(0, 0, source="upstream")) == FREE
    assert book.charge(record("z/y"), Usage(1, source="upstream")) == UNKNOWN
    assert book.charge(record("a/b"), Usage(audio_ms=1, source="upstream")) == UNKNOWN
    free = book.charge(record("zai-org/GLM-5.2"), Usage(1, source="upstream"))
    assert free == Charge(0, 0, free.price)
    assert free.price


def test_a_price_is_looked_up_once_until_telnyx_list_has_come_anew() -> None:
    book, telnyx = prices()
    assert [book.of("z/y"), book.of("z/y"), book.rate("acme", "z/y")] == [None, None, None]
    assert telnyx.asked == 1
    telnyx.said = (LIST,)
    assert book.of("z/y") is None
    telnyx.edition += 1
    assert [book.of("z/y"), book.of("z/y")] == [LISTED, LISTED]
    assert telnyx.asked == 2


def test_a_markup_changes_with_the_tenants_and_outlives_its_own() -> None:
    book, telnyx = prices(LIST, markups={"acme": 10})
    usage = Usage(1_000_000, source="upstream")
    assert book.charge(record("z/y"), usage).charged == 2_970_000
    book.replace(tenants({"acme": 20, "beta": 50}))
    assert book.charge(record("z/y"), usage).charged == 3_240_000
    book.replace(())
    assert book.charge(record("z/y"), usage).charged == 3_240_000
    assert book.charge(record("z/y", tenant="beta"), usage).charged == 4_050_000
    assert telnyx.asked == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    book, _ = prices(LIST)
    for number in range(10):
        assert book.of(f"z/{number}", f"tier-{number}") == LISTED
    assert len(book._rates) <= 3
    assert len(book._tariffs) <= 3
    assert len(book._used) <= 3


def test_prices_that_were_used_are_told_once() -> None:
    book, telnyx = prices(LIST)
    assert book.take_new(5) == []
    usage = Usage(1, source="upstream")
    first = book.charge(record("z/y"), usage).price
    assert book.charge(record("z/y", "flex", "beta"), usage).price == first
    assert book.of("t/t") is not None
    rows = book.take_new(1_800_000_000)
    assert [row["model"] for row in rows] == ["z/y", "t/t"]
    assert rows[0] == {
        "version": first,
        "model": "z/y",
        "figures": {"input": 2_700_000, "cached_input": 270_000, "output": 13_500_000},
        "seen_at": 1_800_000_000,
    }
    assert rows[1]["figures"]["tiers"]["flex"]["input"] == 500_000
    telnyx.edition += 1
    assert book.charge(record("z/y"), usage).price == first
    assert book.take_new(6) == []
    telnyx.said, telnyx.edition = ({**LIST, "input": "2.8"},), 2
    again = book.charge(record("z/y"), usage).price
    assert [row["version"] for row in book.take_new(7)] == [again]
    assert again != first


def test_rows_that_could_not_be_written_down_come_again() -> None:
    book, _ = prices(LIST)
    book.of("z/y")
    rows = book.take_new(5)
    book.give_back(rows)
    assert book.of("t/t") is not None
    again = book.take_new(6)
    assert [(row["model"], row["seen_at"]) for row in again] == [("z/y", 5), ("t/t", 6)]
    assert rows[0] in again
    assert book.take_new(7) == []


def test_a_pattern_is_told_once_however_many_models_it_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    book, _ = prices()
    for number in range(5):
        assert book.of(f"a/{number}") is not None
    assert [row["model"] for row in book.take_new(5)] == ["a/*"]
    monkeypatch.setattr(module, "KEPT", 2)
    book, _ = prices(LIST)
    for number in range(5):
        assert book.of(f"z/{number}") == LISTED
    assert [row["model"] for row in book.take_new(5)] == ["z/3", "z/4"], "nobody took them for long"


TEXTS = st.text(max_size=3)


@given(st.lists(st.tuples(TEXTS, st.text(min_size=1, max_size=3), TEXTS, st.integers(0, 10**6)), max_size=20))
def test_what_is_remembered_is_what_would_be_found(asked: list[tuple[str, str, str, int]]) -> None:
    book, _ = prices(LIST, markups={"acme": 7})
    for tenant, model, tier, used in asked:
        usage = Usage(used, used, source="upstream")
        fresh, _ = prices(LIST, markups={"acme": 7})
        given_ = record(model, tier, tenant)
        charge = book.charge(given_, usage)
        assert charge == fresh.charge(given_, usage) == book.charge(given_, usage)
        assert charge.cost is not None
        assert charge.charged == charge.cost
        assert len(charge.price) <= 64
