"""`telnyx-proxy usage`, in this process and over HTTP: what the ledger has is what the table says."""

from typing import Any

import pytest

from proxy.clock import SYSTEM
from tests.cli.ledgers import DAY, HOUR, KIMI, LLAMA, MONDAY, a_request, fill
from tests.cli.places import Place

RANGE = ("--since", "2025-06-09", "--until", "2025-06-11")


@pytest.fixture
def filled(place: Place) -> Place:
    """Two days of two tenants, one failure, one estimate, one without a price."""
    fill(
        place.config,
        a_request(MONDAY, seconds=1.0, cached_input_tokens=40, reasoning_tokens=5),
        a_request(MONDAY + HOUR, seconds=2.0, stream=1, stream_end="complete", first_token=0.2),
        a_request(MONDAY + DAY, model=LLAMA, cost_micros=None, charged_micros=None, price=""),
        a_request(MONDAY + DAY, tenant="declared", key_id="declared/web", source="estimated"),
        a_request(
            MONDAY + DAY,
            status=502,
            error_code="upstream_error",
            source="none",
            input_tokens=0,
            output_tokens=0,
            cost_micros=0,
            charged_micros=0,
            changes=(("messages[].name", "dropped"), ("store", "ignored")),
        ),
    )
    return place


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_models_are_told_apart_and_added_up(filled: Place) -> None:
    ended = filled("usage", *RANGE)
    assert table(ended.out) == [
        ["MODEL", "REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST", "CHARGED", "OF", "COST"],
        [KIMI, "4", "1", "~300", "13", "%", "~60", "8", "%", "$0.0009", "$0.0010", "100", "%"],
        [LLAMA, "1", "100", "20", "?", "?", "0", "%"],
        ["total", "5", "1", "~400", "10", "%", "~80", "6", "%", "$0.0009+?", "$0.0010+?", "100", "%"],
    ]
    assert ended.err.splitlines() == [
        "? 1 request whose price is not known: in no cost. To set one:",
        "    models: {profiles: {NAME: {price: {input: ..., output: ...}}}}    # of speech: audio, characters",
        "~ 1 request with estimated tokens: Telnyx told none.",
        "2025-06-09 to 2025-06-11 (UTC).",
    ]


def test_the_same_in_json(filled: Place) -> None:
    told = filled.json("usage", *RANGE, "--by", "tenant,key")
    assert (told["object"], told["width"], told["group_by"]) == ("usage", "all", ["tenant", "key"])
    assert [(row["tenant"], row["key"], row["key_name"], row["requests"]) for row in told["data"]] == [
        ("acme", "key_1", None, 4),
        ("declared", "declared/web", "web", 1),
    ]
    assert (told["total"]["cost_usd"], told["total"]["errors"], told["total"]["estimated"]) == ("0.000900", 1, 1)


def test_days_and_hours_have_a_line_each(filled: Place) -> None:
    daily = table(filled.done("usage", *RANGE, "--per", "day"))
    assert [line[:2] for line in daily[1:]] == [["2025-06-09", "2"], ["2025-06-10", "3"], ["total", "5"]]
    hourly = table(filled.done("usage", *RANGE, "--per", "hour", "--by", "endpoint"))
    assert [line[:3] for line in hourly[1:3]] == [
        ["2025-06-09", "00:00", "chat.completions"],
        ["2025-06-09", "01:00", "chat.completions"],
    ]


def test_filters_leave_out_the_rest(filled: Place) -> None:
    def count(*words: str) -> int:
        return int(filled.json("usage", *RANGE, *words)["total"]["requests"])

    assert count("--tenant", "declared") == 1
    assert count("--tenant", "declared", "--tenant", "acme") == 5
    assert count("--key", "declared/web") == 1
    assert count("--model", LLAMA) == 1
    assert count("--status", "502") == 1
    assert count("--endpoint", "embeddings") == 0


def test_nothing_is_a_sentence_that_helps(near: Place) -> None:
    ended = near("usage")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("No requests, ")
    assert "telnyx-proxy usage --since 30d" in ended.err
    assert "All of them: telnyx-proxy usage\n" in near("usage", "--model", "x").err
    assert "All of them: telnyx-proxy usage latency\n" in near("usage", "latency", "--model", "x").err
    assert near.json("usage")["data"] == []
    slip = near("usage", "--tenant", "nobody")
    assert (slip.code, slip.err) == (1, "telnyx-proxy usage: There is no tenant 'nobody'.\n")


def test_what_is_recent_needs_no_range(near: Place) -> None:
    fill(near.config, a_request(SYSTEM.wall() - 1))
    assert near.json("usage")["total"]["requests"] == 1
    assert near.json("usage", "--since", "10m")["total"]["requests"] == 1


def test_latencies_are_told_in_percentiles(filled: Place) -> None:
    rows = table(filled.done("usage", "latency", *RANGE))
    assert rows[0] == ["MODEL", "REQUESTS", "P50", "P90", "P99", *["FIRST", "P50", "FIRST", "P90", "FIRST", "P99"]]
    assert [line[:2] for line in rows[1:]] == [[KIMI, "3"], [LLAMA, "1"]]
    told = filled.json("usage", "latency", *RANGE, "--by", "model")
    kimi = next(row for row in told["data"] if row["model"] == KIMI)
    assert kimi["seconds"]["p99"] == pytest.approx(2.0, rel=0.09)
    (first,) = told["first_token"]
    assert first["seconds"]["p50"] == pytest.approx(0.2, rel=0.09)
    per_day = table(filled.done("usage", "latency", *RANGE, "--per", "day"))
    assert [line[0] for line in per_day[1:]] == ["2025-06-09", "2025-06-10"]


def test_what_telnyx_ignores_is_told_by_field(filled: Place) -> None:
    rows = table(filled.done("usage", "changes", *RANGE, "--by", "tenant"))
    assert rows == [
        ["FIELD", "WAS", "TENANT", "REQUESTS"],
        ["messages[].name", "dropped", "acme", "1"],
        ["store", "ignored", "acme", "1"],
    ]
    assert filled("usage", "changes", *RANGE, "--tenant", "declared").err.startswith("No changed fields like that")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "colour"), "none of model"),
        (("--since", "tomorrow"), "neither a duration"),
        (("--since", "2025-06-09", "--until", "2025-06-09"), "is not before"),
        (("changes", "--status", "500"), "--status is nothing that changes"),
        (("--per", "week"), "invalid choice"),
    ],
)
def test_what_cannot_be_meant_is_refused(near: Place, words: tuple[str, ...], told: str) -> None:
    ended = near("usage", *words)
    assert ended.code == 2
    assert told in ended.err


def test_options_may_stand_before_the_action(filled: Place) -> None:
    def tenants(*words: str) -> Any:
        return {row["tenant"] for row in filled.json("usage", *words)["data"]}

    assert tenants(*RANGE, "--tenant", "declared", "latency", "--by", "tenant") == {"declared"}
    assert tenants(*RANGE, "--tenant", "acme", "latency", "--tenant", "declared", "--by", "tenant") == {"declared"}
