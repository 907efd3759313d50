from typing import Any

import pytest

from proxy.admin.dashboard.totals import Delta, Period, Totals, grown, kind, tiles, totals, unpriced
from proxy.storage.ledger_schema import SUMS


def usage(status: int = 200, **values: int) -> dict[str, Any]:
    return {**dict.fromkeys(SUMS, 0), "status": status, "requests": 1, **values}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "served"),
        (304, "served"),
        (400, "refused"),
        (429, "refused"),
        (499, "left"),
        (500, "failed"),
        (0, "failed"),
    ],
)
def test_how_a_status_counts(status: int, expected: str) -> None:
    assert kind(status) == expected


def test_sums_and_the_rate_of_errors() -> None:
    rows = [
        usage(200, requests=90, input_tokens=900, cached_input_tokens=90, output_tokens=50, cost_micros=7),
        usage(429, requests=5),
        usage(502, requests=3),
        usage(499, requests=2, cost_micros=3, unpriced=1),
    ]
    made = totals(rows, "cost_micros")
    assert (made.requests, made.errors, made.error_rate) == (100, 8, 0.08)
    assert (made.tokens, made.cached_input_tokens, made.cost, made.unpriced) == (950, 90, 10, 1)
    assert made.outcomes == {"served": 90, "refused": 5, "failed": 3, "left": 2}


def test_a_stream_that_broke_after_a_good_status_has_failed() -> None:
    made = totals([usage(200, requests=9, broken=2), usage(502)], "cost_micros")
    assert made.outcomes == {"served": 7, "refused": 0, "failed": 3, "left": 0}
    assert (made.errors, made.error_rate) == (3, 0.3)
    tile = tiles(Period(made, None, None), Period(Totals(), None, None), 1)[1]
    assert tile.notes == ("0 refused, 3 failed", "2 of these: stream broke after status 200")


def test_a_tenant_sees_what_it_is_charged() -> None:
    assert totals([usage(cost_micros=10, charged_micros=12)], "charged_micros").cost == 12


def test_what_has_no_price_costs_nobody_knows_what() -> None:
    assert totals([usage(unpriced=1)], "cost_micros").cost is None
    assert Totals().cost == 0
    assert Totals().error_rate is None


@pytest.mark.parametrize(
    ("now", "then", "better", "expected"),
    [
        (112, 100, "", Delta("+12 %")),
        (88, 100, "", Delta("\N{MINUS SIGN}12 %")),
        (100.2, 100, "", Delta("as before")),
        (2, 1, "up", Delta("+100 %", "good")),
        (2, 1, "down", Delta("+100 %", "bad")),
        (1, 2, "down", Delta("\N{MINUS SIGN}50 %", "good")),
        (1200, 100, "", Delta("12 times as much")),
        (5, 0, "", Delta("nothing before")),
        (0, 0, "", Delta("")),
        (None, 3, "", Delta("")),
        (3, None, "", Delta("nothing before")),
    ],
)
def test_how_a_figure_grew(now: float | None, then: float | None, better: Any, expected: Delta) -> None:
    assert grown(now, then, better) == expected


def test_tiles_compare_with_the_part_that_is_over() -> None:
    """Half of the range is over, and half of what was there before is there again: nothing has changed."""
    here = Totals(requests=50, input_tokens=500, cached_input_tokens=50, output_tokens=50, cost_micros=1_000_000)
    then = Totals(requests=100, input_tokens=1000, output_tokens=100, cost_micros=2_000_000)
    made = {each.name: each for each in tiles(Period(here, (0.8, 2.0), None), Period(then, (0.8, 1.0), None), 0.5)}
    assert {made[name].delta.text for name in ("Requests", "Tokens", "Cost", "Error rate")} == {"as before"}
    assert made["Tokens"].figures == (("500", "in"), ("50", "out"))
    assert made["Tokens"].notes == ("10 % of the input cached",)
    assert made["Latency"].figures == (("800 ms", "p50"), ("2.00 s", "p95"))
    assert made["Latency"].delta == Delta("p95 +100 %", "bad")
    assert made["Time to first token"].figures == (("\N{EN DASH}", "p50"), ("\N{EN DASH}", "p95"))
    assert made["Time to first token"].delta == Delta("")


def test_a_change_of_the_error_rate_is_in_points() -> None:
    bad, good = totals([usage(500), usage()], "cost_micros"), totals([usage(requests=9), usage(500)], "cost_micros")
    assert tiles(Period(bad, None, None), Period(good, None, None), 1)[1].delta == Delta("+40.0 points", "bad")
    assert tiles(Period(good, None, None), Period(bad, None, None), 1)[1].delta == Delta(
        "\N{MINUS SIGN}40.0 points", "good"
    )
    assert tiles(Period(good, None, None), Period(Totals(), None, None), 1)[1].delta == Delta("nothing before")
    assert tiles(Period(Totals(), None, None), Period(bad, None, None), 1)[1].delta == Delta("")


def test_money_before_that_nobody_knows() -> None:
    unknown = totals([usage(unpriced=1)], "cost_micros")
    assert (
        tiles(Period(Totals(cost_micros=5), None, None), Period(unknown, None, None), 1)[3].delta.text
        == "nothing before"
    )


def test_requests_without_a_price_are_told() -> None:
    assert unpriced(0) == ()
    assert unpriced(1) == ("1 request without a known price",)
    assert unpriced(1200) == ("1,200 requests without a known price",)
