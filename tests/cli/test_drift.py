from collections.abc import Sequence
from typing import Any

import pytest

from proxy.cli import drift
from proxy.cli.desks import Misused, Refused
from proxy.cli.drift import ALL, MEASURES, Line, Names, Report, Wanted, compared, found_names, read, summed
from proxy.upstream.usage_reports import Product

PLAIN = Product(
    "inference", ("date", "record_type", "currency", "model"), ("cost", "count", "prompt_tokens", "completion_tokens")
)
NAMES = found_names([PLAIN], Wanted())


def test_names_are_found_in_what_there_is() -> None:
    assert (NAMES.product, NAMES.model, NAMES.currency) == ("inference", "model", True)
    assert NAMES.metrics == {
        "requests": "count",
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "cost_micros": "cost",
    }
    assert NAMES.asked() == Product("inference", ("model", "currency"), ("count", *PLAIN.metrics[2:], "cost"))


def test_other_names_are_found_too_without_regard_to_case() -> None:
    other = Product("inference", ("Model_Name",), ("Requests", "input_tokens", "tokens_out", "total_cost", "colour"))
    names = found_names([Product("messaging"), other], Wanted())
    assert (names.model, names.currency) == ("Model_Name", False)
    assert list(names.metrics.values()) == ["Requests", "input_tokens", "tokens_out", "total_cost"]


def test_what_has_no_name_is_not_guessed() -> None:
    names = found_names([Product("inference", ("record_type", "currency"), ("cost", "units"))], Wanted())
    assert (names.model, names.metrics) == ("", {"cost_micros": "cost"})


def test_names_that_were_given_hold() -> None:
    odd = Product("ai", ("slug", "model"), ("cost", "units", "price"))
    names = found_names([PLAIN, odd], Wanted("ai", "slug", {"input_tokens": "units", "cost_micros": "price"}))
    assert names == Names("ai", "slug", currency=False, metrics={"input_tokens": "units", "cost_micros": "price"})


@pytest.mark.parametrize(
    ("products", "wanted", "fault", "told"),
    [
        ([], Wanted(), Refused, "has some on: none"),
        ([Product("ai")], Wanted(), Refused, "--product NAME"),
        ([Product("ai")], Wanted("inference"), Misused, "has some on: ai"),
        ([Product("inference", ("model",), ("units",))], Wanted(), Refused, "--metric cost=NAME"),
        ([Product("inference", ("slug",), ("cost",))], Wanted(), Refused, "--model-dimension NAME"),
        ([PLAIN], Wanted(model="slug"), Misused, "no dimension 'slug'"),
        ([PLAIN], Wanted(metrics={"requests": "calls"}), Misused, "no metric 'calls'"),
    ],
)
def test_what_cannot_be_told_is_asked_for(
    products: Sequence[Product], wanted: Wanted, fault: type[Exception], told: str
) -> None:
    with pytest.raises(fault) as caught:
        found_names(products, wanted)
    assert told in (caught.value.message if isinstance(caught.value, Refused) else str(caught.value))


def row(**given: Any) -> dict[str, Any]:
    return {"model": "a", "currency": "USD", "count": 1, "prompt_tokens": 10, "completion_tokens": 2, **given}


def test_figures_are_numbers_or_texts_and_add_up() -> None:
    report = read([row(cost=0.0000005), row(cost="0.000002", count="2"), row(model="b", cost=1)], NAMES)
    assert report.models == {
        "a": {"requests": 3, "input_tokens": 20, "output_tokens": 4, "cost_micros": 2},
        "b": {"requests": 1, "input_tokens": 10, "output_tokens": 2, "cost_micros": 1_000_000},
    }


@pytest.mark.parametrize("value", [None, "x", True, [], "NaN", "1e99", float("inf")])
def test_half_a_sum_is_none(value: Any) -> None:
    report = read([row(cost=1), row(cost=value), row(cost=1)], NAMES)
    assert report.models["a"]["cost_micros"] is None
    assert report.models["a"]["requests"] == 3


def test_another_currency_is_left_out_and_counted() -> None:
    report = read([row(cost=1), row(cost=5, currency="EUR"), row(cost=1, currency=None)], NAMES)
    assert (report.models["a"]["cost_micros"], report.models["a"]["requests"], report.foreign) == (2_000_000, 3, 1)


def line(here: int, there: int | None, slack: int = 0) -> Line:
    return Line("a", "requests", here, there, slack)


@pytest.mark.parametrize(
    ("each", "percent", "drifts"),
    [
        (line(100, 100), 0.0, False),
        (line(101, 100), 1.0, False),
        (line(102, 100), 2.0, True),
        (line(98, 100), -2.0, True),
        (line(0, 0), 0.0, False),
        (line(1, 0), None, True),
        (line(0, 4), -100.0, True),
        (line(5, None), None, False),
        (line(105, 100, 5), 5.0, False),
        (line(106, 100, 5), 6.0, True),
    ],
)
def test_a_drift_is_a_share_of_what_telnyx_says(each: Line, percent: float | None, drifts: bool) -> None:  # noqa: FBT001 - a row of the table
    assert each.percent == percent
    assert each.drifts(1.0) is drifts


def figures(requests: int, cost: int | None) -> drift.Figures:
    return {"requests": requests, "input_tokens": requests * 10, "output_tokens": 0, "cost_micros": cost}


def told(lines: Sequence[Line], measure: str) -> list[tuple[str | None, int, int | None]]:
    return [(each.model, each.here, each.there) for each in lines if each.measure == measure]


def test_models_are_matched_and_summed() -> None:
    report = Report({"A": figures(3, 31), "c": figures(1, None)})
    lines = compared({"a": figures(3, 30), "b": figures(2, 20)}, report, NAMES)
    assert told(lines, "requests") == [("a", 3, 3), ("b", 2, 0), ("c", 0, 1), (None, 5, 4)]
    assert told(lines, "cost_micros") == [("a", 30, 31), ("b", 20, 0), ("c", 0, None), (None, 50, None)]
    assert {each.slack for each in lines if each.measure != "cost_micros"} == {0}
    assert [each.slack for each in lines if each.measure == "cost_micros"] == [3, 2, 0, 5]


def test_without_models_only_the_sums_are_compared() -> None:
    names = Names("inference", "", currency=True, metrics={"cost_micros": "cost"})
    lines = compared({"a": figures(3, 30), "b": figures(2, 20)}, Report({ALL: {"cost_micros": 49}}), names)
    assert [each.measure for each in lines] == list(MEASURES)
    assert told(lines, "cost_micros") == [(None, 50, 49)]
    assert told(lines, "requests") == [(None, 5, None)]


def test_nothing_on_either_side_is_no_drift() -> None:
    lines = compared({}, Report({}), NAMES)
    assert [each.percent for each in lines] == [0.0] * 4
    assert summed([]) == {}
