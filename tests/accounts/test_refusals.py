"""What those hear who are refused: OpenAI's words and types."""

from datetime import UTC, datetime

import pytest

from proxy.accounts import refusals
from proxy.accounts.limits import DAY, MINUTE, BudgetGate, Counts, Gate, Period, Places, Share
from proxy.errors import ProxyError, RequestTooLarge

NOW = datetime(2026, 11, 21, 18, tzinfo=UTC).timestamp()
SHARE = Share("pool:zai-org/*:input", "input", 1000, "acme", 1)


def told(error: ProxyError) -> tuple[int, str, str | None, bool | None, float | None]:
    return error.status, error.type, error.code, error.should_retry, error.retry_after


def test_a_rate_of_requests() -> None:
    error = refusals.rate_reached(Gate("g", "key web", "requests", 10, MINUTE), 10, 1, 5.1999)
    assert error.message == (
        "Rate limit reached for key web on requests per min (RPM): Limit 10, Used 10, Requested 1. "
        "Please try again in 5.2s."
    )
    assert told(error) == (429, "requests", "rate_limit_exceeded", None, 5.1999)
    assert error.limit is None


@pytest.mark.parametrize(
    ("counts", "span", "words", "kind"),
    [
        ("requests", DAY, "requests per day (RPD)", "requests"),
        ("tokens", MINUTE, "tokens per min (TPM)", "tokens"),
        ("input", MINUTE, "input tokens per min", "tokens"),
        ("uncached_input", MINUTE, "uncached input tokens per min", "tokens"),
        ("output", MINUTE, "output tokens per min", "tokens"),
    ],
)
def test_every_rate_has_its_words_and_its_type(counts: Counts, span: int, words: str, kind: str) -> None:
    error = refusals.rate_reached(Gate("g", "tenant acme", counts, 10, span), 9, 2, 3600)
    assert f"for tenant acme on {words}: Limit 10, Used 9, Requested 2. Please try again in 1h0m0s." in error.message
    assert error.type == kind


def test_a_share_names_the_models() -> None:
    error = refusals.share_reached(SHARE, 900, 200, 0.5)
    assert "tenant acme in its share of what Telnyx allows for zai-org/* on input tokens per min" in error.message
    assert (error.type, error.limit, error.retry_after) == ("tokens", "share", 0.5)


def test_places() -> None:
    error = refusals.places_taken(Places("p", "key web", 4, 2), 2)
    assert error.message == (
        "Rate limit reached for key web on concurrent requests: Limit 4, Used 4, Waiting 2. Please try again in 1s."
    )
    assert told(error) == (429, "requests", "rate_limit_exceeded", None, 1.0)
    assert error.limit == "concurrent"


def test_what_is_larger_than_a_limit_is_cut_unless_the_client_named_it() -> None:
    gate = Gate("g", "key web", "tokens", 1000, MINUTE)
    assert refusals.cut(gate, 1200, explicit=False) == 1000
    with pytest.raises(RequestTooLarge) as caught:
        refusals.cut(gate, 1200, explicit=True)
    assert caught.value.message.startswith(
        "Request too large for key web on tokens per min (TPM): Limit 1000, Requested 1200."
    )
    assert told(caught.value) == (429, "tokens", "rate_limit_exceeded", False, None)


@pytest.mark.parametrize("counts", ["requests", "tokens"])
def test_a_limit_of_nothing_is_never_cut_to(counts: Counts) -> None:
    with pytest.raises(RequestTooLarge) as caught:
        refusals.cut(Gate("g", "key web", counts, 0, MINUTE), 1, explicit=False)
    assert caught.value.type == counts


def test_a_share_is_cut_to_its_ceiling() -> None:
    assert refusals.cut_share(SHARE, 900, 950, explicit=False) == 900
    with pytest.raises(RequestTooLarge, match="Limit 900, Requested 950"):
        refusals.cut_share(SHARE, 900, 950, explicit=True)
    with pytest.raises(RequestTooLarge):
        refusals.cut_share(SHARE, 0, 1, explicit=False)


@pytest.mark.parametrize(
    ("per", "words", "anew"),
    [
        ("day", "per day", "It begins anew at 2026-11-22T00:00:00Z"),
        ("week", "per week", "It begins anew at 2026-11-23T00:00:00Z"),
        ("month", "per month", "It begins anew at 2026-12-01T00:00:00Z"),
        ("total", "in total", "It is not renewed"),
    ],
)
def test_an_exhausted_budget_says_when_it_begins_anew(per: Period, words: str, anew: str) -> None:
    error = refusals.exhausted(BudgetGate("b", "tenant acme", 25_000_000, per), 24_999_999, 1500, NOW)
    assert (
        f"the budget of tenant acme {words}: Limit $25.00, Used $24.999999, Requested $0.0015. {anew}" in error.message
    )
    assert told(error) == (429, "insufficient_quota", "insufficient_quota", False, None)
