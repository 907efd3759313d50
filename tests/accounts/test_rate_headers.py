"""OpenAI's `x-ratelimit-*` headers, and its way to write durations."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.limits import Amount, Gates, Reservation, Standing
from proxy.accounts.rate_headers import duration, rate_headers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.006, "6ms"),
        (0.0001, "1ms"),
        (0.9991, "1s"),
        (1, "1s"),
        (1.2, "1.2s"),
        (8.64, "8.64s"),
        (59.999, "59.999s"),
        (60, "1m0s"),
        (90, "1m30s"),
        (90.5, "1m30.5s"),
        (3599.9999, "1h0m0s"),
        (21_600, "6h0m0s"),
        (86_400 + 61.25, "24h1m1.25s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}


@given(st.floats(0, 100_000))
def test_who_waits_for_a_duration_has_waited_long_enough_and_not_much_longer(seconds: float) -> None:
    parts = re.findall(r"([0-9.]+)(ms|h|m|s)", duration(seconds))
    waited = sum(float(figure) * UNITS[unit] for figure, unit in parts)
    assert seconds - 1e-6 <= waited <= seconds + 0.001001


def test_the_headers_of_an_admitted_request() -> None:
    reservation = Reservation("req_1", 0.0, Gates(), Amount())
    assert rate_headers(reservation) == ""
    reservation.tokens = Standing("tokens", 1000, 400, 90.0)
    tokens = rate_headers(reservation)
    reservation.requests = Standing("requests", 10, 9, 60.5)
    assert (
        rate_headers(reservation)
        == (
            "x-ratelimit-limit-requests: 10\r\n"
            "x-ratelimit-remaining-requests: 9\r\n"
            "x-ratelimit-reset-requests: 1m0.5s\r\n"
        )
        + tokens
    )
    assert tokens == (
        "x-ratelimit-limit-tokens: 1000\r\nx-ratelimit-remaining-tokens: 400\r\nx-ratelimit-reset-tokens: 1m30s\r\n"
    )
