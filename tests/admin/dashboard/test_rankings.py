from typing import Any

import pytest

from proxy.admin.dashboard.rankings import TOP, fills, key_names, ranking
from proxy.storage.ledger_schema import SUMS
from tests.admin.listener import Listener


def usage(model: str, status: int = 200, **values: int) -> dict[str, Any]:
    return {**dict.fromkeys(SUMS, 0), "model": model, "status": status, "requests": 1, **values}


def test_the_dearest_first_with_their_share() -> None:
    rows = [
        usage("a", cost_micros=25, output_tokens=500),
        usage("b", cost_micros=75),
        usage("b", 500),
        usage("free", unpriced=1, output_tokens=900),
    ]
    found = ranking(rows, "model", "cost_micros")
    assert [(each.id, each.part, each.totals.error_rate) for each in found.rows] == [
        ("b", 0.75, 0.5), ("a", 0.25, 0), ("free", 0, 0),
    ]  # fmt: skip
    assert (found.share, found.others) == ("cost", 0)


def test_a_broken_stream_is_an_error() -> None:
    found = ranking([usage("a", requests=4, broken=1)], "model", "cost_micros")
    assert found.rows[0].totals.error_rate == 0.25


def test_without_prices_tokens_count_and_without_tokens_requests() -> None:
    found = ranking([usage("a", output_tokens=1), usage("b", input_tokens=3, unpriced=1)], "model", "cost_micros")
    assert (found.share, [each.id for each in found.rows]) == ("tokens", ["b", "a"])
    found = ranking([usage("a"), usage("b", requests=3)], "model", "cost_micros")
    assert (found.share, [each.id for each in found.rows], found.rows[0].part) == ("requests", ["b", "a"], 0.75)


def test_ten_are_shown_and_the_others_counted() -> None:
    found = ranking([usage(f"m{number:02}") for number in range(TOP + 3)], "model", "cost_micros")
    assert ([each.id for each in found.rows][:2], len(found.rows), found.others) == (["m00", "m01"], TOP, 3)


def test_nothing_is_nothing() -> None:
    assert ranking([], "model", "cost_micros").rows == []


async def test_keys_of_the_store_have_names(admin: Listener) -> None:
    made = await admin.key("acme", "web")
    async with admin.bureau.store.reading() as session:
        names = await key_names(session, [made["id"], "key_gone", "beta/app"])
    assert names == {made["id"]: "acme/web"}


@pytest.mark.parametrize(("percent", "tone"), [(10, ""), (80, "warn"), (99.9, "warn"), (100, "bad"), (130, "bad")])
def test_how_far_a_budget_is_along(percent: float, tone: str) -> None:
    (found,) = fills([{"id": "b", "percent": percent, "soft": 80}])
    assert (found.tone, found.part) == (tone, percent / 100)


def test_the_fullest_budget_first() -> None:
    found = fills([{"id": name, "percent": part, "soft": 80} for name, part in (("a", 1), ("c", 50), ("b", 50))])
    assert [each.budget["id"] for each in found] == ["b", "c", "a"]
