"""Money is exact, and a price that is not known is not zero."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import Amount
from proxy.accounts.pricing import (
    FREE,
    UNKNOWN,
    Charge,
    Price,
    Rate,
    Tariff,
    cost,
    price_of,
    ratio_of,
    reserve_cost,
    tariff_for,
    telnyx_price,
    tier_of,
)
from proxy.usage import Usage

KIMI = Price(2_700_000, 270_000, 13_500_000)
CLAUDE = Price(1_000_000, 100_000, 5_000_000, cache_write=1_250_000, reasoning=6_000_000)
EMBEDDINGS = Price(20_000)
HEARD = Price(audio=6_000)
SPOKEN = Price(characters=15_000_000)
DEPLOYED = {"input": "2.700000", "output": "13.500000", "cached_prompt": "0.270000", "unit": "1M_tokens"}
PUBLISHED = {"prompt": "2.70", "completion": "13.50", "cached_prompt": "0.27", "currency": "USD", "unit": "1M_tokens"}


@pytest.mark.parametrize("pricing", [DEPLOYED, PUBLISHED])
def test_both_spellings_of_telnyx_are_read(pricing: dict[str, str]) -> None:
    assert telnyx_price(pricing) == KIMI


@pytest.mark.parametrize(
    ("pricing", "price"),
    [
        (dict.fromkeys(["input", "output", "cached_prompt"], "0.000000"), None),
        ({"cached_prompt": "0.27"}, None),
        ({**DEPLOYED, "cached_prompt": "0.000000"}, Price(2_700_000, None, 13_500_000)),
        ({**DEPLOYED, "output": "0.000000"}, Price(2_700_000, 270_000)),
        ({"prompt": "0.02"}, EMBEDDINGS),
        ({**DEPLOYED, "input": None}, Price(None, 270_000, 13_500_000)),
    ],
)
def test_a_zero_in_telnyx_list_is_not_believed(pricing: dict[str, Any], price: Price | None) -> None:
    assert telnyx_price(pricing) == price


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        [],
        {},
        {**DEPLOYED, "unit": "1K_tokens"},
        {**DEPLOYED, "currency": "EUR"},
        {**DEPLOYED, "input": ""},
        {**DEPLOYED, "input": "free"},
        {**DEPLOYED, "output": "-1"},
        {**DEPLOYED, "output": "NaN"},
        {**DEPLOYED, "output": "Infinity"},
        {**DEPLOYED, "output": "1e30"},
        {**DEPLOYED, "output": True},
        {**DEPLOYED, "output": ["1"]},
        {**DEPLOYED, "cached_prompt": "?"},
    ],
)
def test_what_cannot_be_read_is_unknown(pricing: Any) -> None:
    assert telnyx_price(pricing) is None


@pytest.mark.parametrize("figure", ["0.1", 0.1, Decimal("0.1")])
def test_a_tenth_is_a_tenth(figure: Any) -> None:
    assert price_of({"input": figure, "output": 1, "cached_input": None}) == Price(100_000, None, 1_000_000)


def test_fractions_of_a_micro_dollar_are_rounded_up_and_nothing_is_no_price() -> None:
    assert price_of({"input": "0.0000011", "output": 0}) == Price(2, None, 0)
    assert price_of({"input": None}) is None


@pytest.mark.parametrize(
    ("price", "usage", "micros"),
    [
        (KIMI, Usage(), 0),
        (KIMI, Usage(1_000_000), 2_700_000),
        (KIMI, Usage(1_000_000, cached_input=1_000_000), 270_000),
        (KIMI, Usage(1000, 500, 400), 8478),  # 600 x 2.7 + 400 x 0.27 + 500 x 13.5
        (KIMI, Usage(1), 3),  # 2.7
        (KIMI, Usage(1, 1), 17),  # 2.7 + 13.5 = 16.2: rounded once, not twice
        (KIMI, Usage(10, cached_input=20), 3),  # a part that is larger than its whole
        (KIMI, Usage(10, 10, reasoning=10), 162),  # 27 + 135: reasoning has no price of its own
        (KIMI, Usage(10, cache_write=10), 27),  # neither have cache writes
        (CLAUDE, Usage(1000, 100, 200, 40, cache_write=300), 1435),  # 500 + 200 x 0.1 + 300 x 1.25 + 60 x 5 + 40 x 6
        (CLAUDE, Usage(100, cached_input=60, cache_write=90), 56),  # 60 x 0.1 + 40 x 1.25: what is left was written
        (CLAUDE, Usage(0, 10, reasoning=20), 60),
        (EMBEDDINGS, Usage(512), 11),  # 10.24
        (HEARD, Usage(audio_ms=61_000), 6_100),  # of six tenths of a cent for a minute
        (HEARD, Usage(audio_ms=1), 1),  # a tenth of a micro-dollar
        (SPOKEN, Usage(characters=1_234), 18_510),
        (Price(1_000_000, audio=7), Usage(3, audio_ms=60_000), 10),
        (KIMI, Usage(audio_ms=1), None),
        (KIMI, Usage(1, characters=1), None),
        (EMBEDDINGS, Usage(512, 1), None),
        (SPOKEN, Usage(1), None),
        (HEARD, Usage(audio_ms=60_000, characters=1), None),
        (Price(), Usage(), 0),
        (Price(0, output=0), Usage(1000, 1000), 0),
    ],
)
def test_the_cost_of_a_call_worked_out_by_hand(price: Price, usage: Usage, micros: int | None) -> None:
    assert cost(price, usage) == micros


def test_what_may_come_from_the_cache_is_reserved_at_the_dearer_price() -> None:
    amount = Amount(1, 1000, 200, 10)
    assert reserve_cost(KIMI, amount) == cost(KIMI, Usage(1000, 10))
    assert reserve_cost(KIMI._replace(cached_input=9_000_000), amount) == 200 * 27 // 10 + 7200 + 135


def test_what_is_not_known_cannot_be_reserved() -> None:
    assert reserve_cost(EMBEDDINGS, Amount(1, 10, 10, 1)) is None
    assert reserve_cost(SPOKEN, Amount(1, 10, 10)) is None
    assert reserve_cost(EMBEDDINGS, Amount(1, 100, 100)) == 2


FIGURE = st.integers(0, 10**9)
MAYBE = st.none() | FIGURE
PRICE = st.builds(Price, *[MAYBE] * 7)
KNOWN = st.builds(Price, FIGURE, MAYBE, FIGURE, MAYBE, MAYBE, FIGURE, FIGURE)
COUNT = st.integers(0, 10**7)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    given_, made = draw(COUNT), draw(COUNT)
    cached = draw(st.integers(0, given_))
    stored = draw(st.integers(0, given_ - cached))
    thought = draw(st.integers(0, made))
    return Usage(given_, made, cached, thought, "upstream", stored, draw(COUNT), draw(COUNT))


def exact(price: Price, usage: Usage) -> Fraction:
    """By the book: what each token costs by itself, all figures known."""

    def of(own: int | None, usual: int | None) -> int:
        return (usual or 0) if own is None else own

    rest = usage.input - usage.cached_input - usage.cache_write
    tokens = (
        rest * of(price.input, 0)
        + usage.cached_input * of(price.cached_input, price.input)
        + usage.cache_write * of(price.cache_write, price.input)
        + (usage.output - usage.reasoning) * of(price.output, 0)
        + usage.reasoning * of(price.reasoning, price.output)
        + usage.characters * of(price.characters, 0)
    )
    return Fraction(tokens, 10**6) + Fraction(usage.audio_ms * of(price.audio, 0), 60_000)


@given(KNOWN, usages())
def test_a_cost_is_the_sum_of_its_parts_rounded_up_once(price: Price, usage: Usage) -> None:
    micros = cost(price, usage)
    assert type(micros) is int
    assert 0 <= micros - exact(price, usage) < 1


@given(PRICE, usages())
def test_unknown_stays_unknown(price: Price, usage: Usage) -> None:
    unknown = (
        (usage.input and price.input is None)
        or (usage.output and price.output is None)
        or (usage.audio_ms and price.audio is None)
        or (usage.characters and price.characters is None)
    )
    assert (cost(price, usage) is None) == bool(unknown)


@given(KNOWN, usages(), st.sampled_from(["input", "output", "audio_ms", "characters"]), COUNT)
def test_more_never_costs_less(price: Price, usage: Usage, name: str, more: int) -> None:
    dearer = usage._replace(**{name: getattr(usage, name) + more})
    assert (cost(price, dearer) or 0) >= (cost(price, usage) or 0)


@given(KNOWN, usages(), usages())
def test_two_calls_cost_as_much_as_one_of_both_but_for_rounding(price: Price, one: Usage, other: Usage) -> None:
    counts = one._fields[:4] + one._fields[5:]
    both = Usage(**{name: getattr(one, name) + getattr(other, name) for name in counts})
    apart = (cost(price, one) or 0) + (cost(price, other) or 0)
    assert 0 <= apart - (cost(price, both) or 0) <= 1


@given(KNOWN, usages())
def test_a_reservation_covers_whatever_the_tokens_turn_out_to_be(price: Price, usage: Usage) -> None:
    usage = usage._replace(audio_ms=0, characters=0)
    amount = Amount(1, usage.input, usage.input - usage.cached_input, usage.output)
    reserved = reserve_cost(price, amount)
    assert reserved is not None
    assert reserved >= (cost(price, usage) or 0)


FLEX = Price(500_000, output=2_000_000)
TARIFF = Tariff(
    Price(1_000_000, 200_000, 4_000_000), {"flex": tier_of(Price(1_000_000, 200_000, 4_000_000), FLEX)}, "x"
)


@pytest.mark.parametrize(
    ("tier", "price"),
    [
        ("", TARIFF.base),
        ("default", TARIFF.base),
        ("never heard of", TARIFF.base),
        ("flex", Price(500_000, 200_000, 2_000_000)),
    ],
)
def test_what_a_tier_lacks_is_the_default_tiers(tier: str, price: Price) -> None:
    assert TARIFF.at(tier) == price
    assert Tariff(TARIFF.base).at(tier) == TARIFF.base


@given(PRICE, PRICE)
def test_every_figure_of_a_tier_is_its_own_or_the_default_ones(base: Price, own: Price) -> None:
    for name, figure in tier_of(base, own)._asdict().items():
        assert figure == (getattr(base, name) if getattr(own, name) is None else getattr(own, name))


def test_a_version_names_the_figures_the_model_and_where_they_are_from() -> None:
    version = TARIFF.version("a/b")
    assert version == "x:d392a68d84d6"
    assert TARIFF.version("a/b") == version
    others = (
        TARIFF.version("a/c"),
        TARIFF._replace(source="y").version("a/b"),
        TARIFF._replace(base=KIMI).version("a/b"),
        TARIFF._replace(tiers={}).version("a/b"),
    )
    assert len({version, *others}) == 5
    assert len(TARIFF._replace(source="list-2026-08-15").version("\ud800" * 500)) <= 64
    swapped = Tariff(KIMI, {"a": FLEX, "b": CLAUDE}), Tariff(KIMI, {"b": CLAUDE, "a": FLEX})
    assert swapped[0].version("m") == swapped[1].version("m")


def test_figures_are_what_is_known() -> None:
    assert TARIFF.figures() == {
        "input": 1_000_000,
        "cached_input": 200_000,
        "output": 4_000_000,
        "tiers": {"flex": {"input": 500_000, "cached_input": 200_000, "output": 2_000_000}},
    }
    assert Tariff(HEARD).figures() == {"audio": 6_000}


@pytest.mark.parametrize(
    ("markup", "micros", "charged"),
    [
        (0, 7, 7),
        (0.0, 1, 1),
        (10, 100, 110),
        (10, 101, 112),  # 111.1
        (12.5, 8, 9),
        (0.1, 1000, 1001),  # a tenth is a tenth: floating-point makes 1001.0000000000001 of it, and that 1002
        (1e-05, 1, 2),
        (-25, 10, 8),  # 7.5
        (-100, 1_000_000, 0),
        (10_000, 3, 303),
    ],
)
def test_a_markup_is_rounded_up_to_the_micro_dollar(markup: float, micros: int, charged: int) -> None:
    assert Rate(KIMI, "v", *ratio_of(markup)).marked_up(micros) == charged


@given(st.floats(-100, 10_000), st.integers(0, 10**12), st.integers(0, 10**6))
def test_a_markup_keeps_order_and_never_makes_money_of_nothing(markup: float, micros: int, more: int) -> None:
    rate = Rate(KIMI, "v", *ratio_of(markup))
    charged = rate.marked_up(micros)
    assert type(charged) is int
    assert 0 <= charged - Fraction(micros) * (100 + Fraction(repr(markup))) / 100 < 1
    assert rate.marked_up(micros + more) >= charged
    assert rate.marked_up(0) == 0


def test_a_charge_has_both_amounts_and_the_version() -> None:
    rate = Rate(KIMI, "config:1", *ratio_of(50))
    assert rate.charge(Usage(1)) == Charge(3, 5, "config:1")
    assert rate.charge(Usage(audio_ms=1)) == UNKNOWN == Charge(None, None, "")
    assert Charge(0, 0, "") == FREE


def test_the_most_specific_price_counts() -> None:
    tariffs = {"*": Tariff(Price(1)), "zai-org/*": Tariff(Price(2)), "zai-org/GLM-5.2": Tariff(Price(3))}
    for model, pattern in (
        ("moonshotai/Kimi-K3", "*"),
        ("zai-org/GLM-5.3", "zai-org/*"),
        ("zai-org/GLM-5.2", "zai-org/GLM-5.2"),
    ):
        assert tariff_for(model, tariffs) == (pattern, tariffs[pattern])
    assert tariff_for("moonshotai/Kimi-K3", {"zai-org/*": Tariff(Price(2))}) is None
