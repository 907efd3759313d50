from typing import Any

from proxy.admin import figures
from proxy.cli import sums
from proxy.cli.tables import Screen

SCREEN = Screen(None, 0)
DAY = 86_400


def row(**given: Any) -> dict[str, Any]:
    """A row of the API."""
    return {
        **dict.fromkeys(sums.WHOLE, 0),
        "start": 0,
        "end": DAY,
        "audio_seconds": 0.0,
        "cost_usd": "0.000000",
        "charged_usd": "0.000000",
        "status": 200,
        "source": "upstream",
        "model": "kimi",
        "key": "key_1",
        "key_name": None,
        "requests": 1,
        **given,
    }


def lines(rows: list[dict[str, Any]], *groups: str, width: str = "all") -> list[list[str]]:
    text = sums.shown(sums.ordered(sums.merged(rows, groups)), groups, width, SCREEN)
    return [line.split() for line in text.splitlines()]


def test_they_are_the_sums_that_the_api_tells() -> None:
    told = figures.sums(figures.total([]))
    assert set(sums.WHOLE) == {name for name, value in told.items() if type(value) is int}


def test_rows_that_differ_in_status_and_source_alone_are_one() -> None:
    rows = [
        row(requests=3, input_tokens=10, cost_usd="0.000300", charged_usd="0.000300"),
        row(requests=2, status=502, source="none"),
        row(requests=1, status=0, source="none"),
        row(requests=4, source="estimated", unpriced=4),
        row(requests=5, status=499),  # who left, made no error: so says the dashboard, too
    ]
    (merged,) = sums.merged(rows, ["model"])
    assert (merged["requests"], merged["errors"], merged["estimated"], merged["unpriced"]) == (15, 3, 4, 4)
    assert (merged["model"], merged["cost_micros"]) == ("kimi", 300)
    assert sums.plain(merged)["cost_usd"] == "0.000300"
    assert "cost_micros" not in sums.plain(merged)
    assert sums.total([merged, merged])["requests"] == 30


def test_a_stream_that_broke_is_an_error_and_told_apart() -> None:
    merged = sums.merged([row(requests=5, broken=2), row(status=502)], ["model"])
    assert (merged[0]["requests"], merged[0]["errors"], merged[0]["broken"]) == (6, 3, 2)
    assert sums.notes(merged) == ["ERRORS: 2 requests among them whose stream broke after a good status."]


def test_the_dearest_comes_first_within_a_bucket() -> None:
    rows = [
        row(model="cheap", cost_usd="0.000001", input_tokens=9),
        row(model="dear", cost_usd="1.000000"),
        row(model="later", start=DAY, end=2 * DAY, cost_usd="9.000000"),
        row(model="free", input_tokens=50),
        row(model="idle", requests=7),
        row(model="alone"),
    ]
    ordered = [each["model"] for each in sums.ordered(sums.merged(rows, ["model"]))]
    assert ordered == ["dear", "cheap", "free", "idle", "alone", "later"]


def test_sums_stand_at_the_foot_and_shares_add_up() -> None:
    rows = [
        row(model="a", cost_usd="3.000000", charged_usd="3.000000", input_tokens=2000, cached_input_tokens=500),
        row(model="", cost_usd="1.000000", charged_usd="1.000000", output_tokens=40, reasoning_tokens=10),
    ]
    assert lines(rows, "model") == [
        ["MODEL", "REQUESTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST", "OF", "COST"],
        ["a", "1", "2000", "25", "%", "0", "$3.00", "75", "%"],
        ["-", "1", "0", "40", "25", "%", "$1.00", "25", "%"],
        ["total", "2", "2000", "25", "%", "40", "25", "%", "$4.00", "100", "%"],
    ]


def test_a_single_row_needs_no_sum() -> None:
    assert len(lines([row()], "model")) == 2
    assert lines([row(requests=3)])[1] == ["3", "0", "0", "$0.00", "100", "%"]


def test_an_unknown_price_is_never_nothing() -> None:
    price = {"cost_usd": "0.000300", "charged_usd": "0.000300"}
    rows = [row(model="a", unpriced=1, input_tokens=8), row(model="b", unpriced=1, **price)]
    table = lines(rows, "model")
    assert [line[-3] for line in table[1:]] == ["$0.0003+?", "?", "$0.0003+?"]
    assert sums.notes(sums.merged(rows, ["model"]))[0].startswith("? 2 requests whose price is not known")


def test_without_a_cost_the_share_is_of_tokens_or_of_requests() -> None:
    rows = [row(model="a", input_tokens=30), row(model="b", output_tokens=10)]
    assert lines(rows, "model")[0][-1] == "TOKENS"
    assert [line[-2] for line in lines(rows, "model")[1:]] == ["75", "25", "100"]
    assert lines([row(model="a"), row(model="b")], "model")[0][-1] == "REQUESTS"


def test_estimates_are_told_apart() -> None:
    rows = [row(model="a", input_tokens=30, source="estimated"), row(model="b", input_tokens=3)]
    assert [line[2] for line in lines(rows, "model")[1:]] == ["~30", "3", "~33"]
    assert sums.notes(sums.merged(rows, ["model"])) == ["~ 1 request with estimated tokens: Telnyx told none."]
    assert sums.notes(sums.merged([row()], ["model"])) == []


def test_a_markup_has_a_column() -> None:
    assert "CHARGED" in lines([row(cost_usd="1.000000", charged_usd="1.100000")])[0]


def test_buckets_are_named_by_their_beginning_and_keys_by_their_names() -> None:
    rows = [row(key_name="web"), row(start=DAY, end=2 * DAY, audio_seconds=90.0, characters=12_000)]
    daily = lines(rows, "key", width="day")
    assert [line[:2] for line in daily] == [
        ["WHEN", "KEY"],
        ["1970-01-01", "web"],
        ["1970-01-02", "key_1"],
        ["total", "2"],
    ]
    assert daily[-1][4:7] == ["1m", "30s", "12.0k"]
    assert lines(rows, width="hour")[1][:2] == ["1970-01-01", "00:00"]
