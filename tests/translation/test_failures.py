"""Every way Telnyx was seen to fail, and the error a client library gets."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.emulator.failures import FAILURES
from proxy.errors import UpstreamFailed, tree
from proxy.translation.failures import RETRY_AFTER, Circumstances, from_event, from_response, retry_after
from tests.translation.chat_requests import anything
from tests.translation.telnyx_failures import (
    AROUND,
    AUTH,
    EVENTS,
    HEADERS,
    HTML,
    LIMITED,
    MARKS,
    MODEL,
    NOW,
    QUOTA,
    RESPONSES,
    SECONDS,
    detail,
    fastapi,
    openai,
    outcome,
    telnyx,
)


@pytest.mark.parametrize("case", RESPONSES)
def test_what_telnyx_says_becomes_the_error_a_client_acts_on(case: str) -> None:
    status, body, expected = RESPONSES[case]
    assert outcome(from_response(status, {}, body, AROUND)) == expected


def test_every_kind_of_upstream_error_can_be_the_outcome() -> None:
    codes = {expected.code for _, _, expected in RESPONSES.values()}
    from_upstream = {each.code for each in tree() if each.kind is not None}
    assert from_upstream <= codes


@pytest.mark.parametrize("scenario", [name for name, failure in FAILURES.items() if failure.status != 200])
def test_the_emulators_failures_are_understood(scenario: str) -> None:
    """An independent hand wrote these bodies."""
    failure = FAILURES[scenario]
    error = from_response(failure.status, CIMultiDict(failure.headers), failure.body, AROUND)
    assert error.status >= 400
    assert type(error) is not UpstreamFailed or failure.status not in range(400, 500) or failure.body.startswith(b"<")


def test_upstreams_request_id_is_kept() -> None:
    assert from_response(500, CIMultiDict({"X-Request-Id": "abc"}), b"").upstream_request_id == "abc"
    assert from_response(500, {}, b"").upstream_request_id is None


# Messages

WORDED: dict[str, tuple[bytes, str]] = {
    "telnyx": (telnyx("10015", "It is refused."), "It is refused. (Telnyx code 10015)"),
    "fastapi": (fastapi("missing", "Field required", "messages"), "messages: Field required"),
    "fastapi, text": (detail("It is refused."), "It is refused."),
    "openai": (openai("It is refused."), "It is refused."),
    "flat": (b'{"message": "It is refused."}', "It is refused."),
    "with a byte order mark": (b'\xef\xbb\xbf{"message": "It is refused."}', "It is refused."),
    "nothing": (b"", "Telnyx refused the request with status 400 and no message."),
    "html": (HTML, "Telnyx refused the request with status 400 and no message."),
    "text": (b"It is refused.", "Telnyx refused the request with status 400 and no message."),
}


@pytest.mark.parametrize("shape", WORDED)
def test_upstreams_words_are_kept(shape: str) -> None:
    body, message = WORDED[shape]
    assert from_response(400, {}, body, AROUND).message == message


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (402, telnyx("20100", "Top up."), "out of funds or over its spend limit. Top up."),
        (429, telnyx("10011", "Slow down."), "Slow down."),
        (429, b"", "rate limit was reached"),
        (503, telnyx("10037", "Back soon."), "Back soon."),
        (503, b"", "unavailable at the moment"),
        (504, detail("Too slow."), "Too slow."),
        (504, b"", "gave up on the request (504)"),
        (500, detail("Boom."), "Boom."),
        (500, b"", "answered with status 500."),
        (499, b"", "refused the request with status 499 and no message."),
        (302, b"", "answered with status 302. Is upstream.base_url right?"),
        (405, detail("Nope"), "answered with status 405: Nope Is upstream.base_url right?"),
        (400, openai("", code="context_length_exceeded"), "longer than the model's context"),
        (400, detail("API key required."), f"API key required. The model '{MODEL}' runs at another provider"),
        (401, detail("Bad key!"), "Your own key is fine"),
    ],
)
def test_every_error_says_what_to_do(status: int, body: bytes, words: str) -> None:
    assert words in from_response(status, {}, body, AROUND).message


def test_an_address_is_doubted_below_500_only() -> None:
    assert from_response(500, {}, b"").message == "Telnyx answered with status 500."
    assert from_response(499, {}, b"").status == 499


AUTH_CODES = [
    "10009",
    "10010",
    "10038",
    "10039",
    "20001",
    "20002",
    "20003",
    "20006",
    "20008",
    "20013",
    "20014",
    "20015",
]


@pytest.mark.parametrize("code", AUTH_CODES)
@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_a_code_about_our_credential_counts_more_than_the_status(code: str, status: int) -> None:
    assert outcome(from_response(status, {}, telnyx(code), AROUND)) == AUTH


@pytest.mark.parametrize("code", ["20012", "20100", "insufficient_quota", "budget_exceeded"])
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_code_about_funds_counts_more_than_the_status(code: str, status: int) -> None:
    assert outcome(from_response(status, {}, telnyx(code), AROUND)) == QUOTA


@pytest.mark.parametrize("code", ["10011", "rate_limit_exceeded"])
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_code_about_the_rate_counts_more_than_the_status(code: str, status: int) -> None:
    assert outcome(from_response(status, {}, telnyx(code), AROUND)) == LIMITED


def test_our_own_bad_credential_is_told_without_upstreams_words() -> None:
    assert "Bad key!" not in from_response(401, {}, detail("Bad key!"), AROUND).message


def test_an_unknown_model_names_the_nearest_ones() -> None:
    message = from_response(404, {}, telnyx("10005", "The resource could not be found."), AROUND).message
    assert message == (
        f"The model '{MODEL}' does not exist at Telnyx or you do not have access to it."
        " Did you mean 'moonshotai/Kimi-K3' or 'zai-org/GLM-5.2'?"
    )


def test_a_model_that_telnyx_lists_is_not_said_not_to_exist() -> None:
    error = from_response(404, {}, telnyx("10005", "Not found."), Circumstances(model=MODEL, listed=True))
    assert (error.status, error.code) == (404, "model_not_found")
    assert error.message == f"Telnyx lists the model '{MODEL}', but not for this endpoint or this account."


def test_words_of_a_404_that_say_more_are_kept() -> None:
    message = from_response(404, {}, detail("Not for your plan."), Circumstances(model=MODEL)).message
    assert message.endswith("access to it. Telnyx said: Not for your plan.")


def test_a_404_for_a_call_without_a_model_is_about_the_address() -> None:
    """The model list."""
    error = from_response(404, {}, telnyx("10005", "There is nothing here."))
    assert (error.status, error.code) == (502, "upstream_error")
    assert "upstream.base_url" in error.message


def test_a_models_name_is_not_repeated_without_end() -> None:
    for body in (b"", detail("API key required")):
        assert len(from_response(404, {}, body, Circumstances(model="m" * 1_000_000)).message) < 1000
    assert len(from_response(400, {}, detail("API key required"), Circumstances(model="m" * 1_000_000)).message) < 1000


def test_an_unknown_model_counts_as_an_error_of_telnyx() -> None:
    assert from_response(404, {}, b"", AROUND).kind == "rejected"


# When to come back


def headers_of(**headers: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, SECONDS),
        (headers_of(retry_after="7"), 7),
        (headers_of(retry_after="7.5"), 7.5),
        (headers_of(retry_after=" 7 "), 7),
        (headers_of(retry_after="600"), 60),
        (headers_of(retry_after="0"), 1),
        (headers_of(retry_after="-3"), 1),
        (headers_of(retry_after="inf"), 60),
        (headers_of(retry_after="nan"), SECONDS),
        (headers_of(retry_after="soon"), SECONDS),
        (headers_of(retry_after=""), SECONDS),
        (headers_of(retry_after="soon", x_ratelimit_reset="9"), 9),
        (headers_of(retry_after=str(NOW + 20)), 20),
        (headers_of(retry_after=format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True)), 30),
        (headers_of(retry_after=format_datetime(datetime.fromtimestamp(NOW + 30, UTC)).replace("+0000", "-0000")), 30),
        (headers_of(retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), 1),
        (headers_of(retry_after="Wed, 99 Oct 99999 07:28:00 GMT"), SECONDS),
        (headers_of(retry_after="Wed, 21 Oct 2015 07:28:00 +999999999999"), SECONDS),
        (headers_of(retry_after_ms="2500"), 2.5),
        (headers_of(retry_after_ms="2500", retry_after="40"), 2.5),
        (headers_of(retry_after_ms="x", retry_after="40"), 40),
        (headers_of(retry_after_ms="10", x_ratelimit_reset="9"), 1),
        (headers_of(x_ratelimit_reset="7"), 7),
        (headers_of(x_ratelimit_reset=f"{NOW + 12:.0f}"), 12),
        (headers_of(x_ratelimit_reset="6m0s"), SECONDS),
        (headers_of(X_RateLimit_Reset="7"), 7),
    ],
)
def test_the_wait_is_what_upstream_says_within_what_clients_accept(headers: CIMultiDict[str], seconds: float) -> None:
    assert retry_after(headers, NOW) == pytest.approx(seconds)


@given(HEADERS, st.floats(0, 4e9))
def test_the_wait_is_always_within_bounds(headers: Mapping[str, str], now: float) -> None:
    assert RETRY_AFTER[0] <= retry_after(CIMultiDict(headers), now) <= RETRY_AFTER[1]


@given(st.text("0123456789 +-:,.GMTWedOct", max_size=40))
def test_what_looks_like_a_date_is_one_or_nothing(text: str) -> None:
    assert RETRY_AFTER[0] <= retry_after({"retry-after": text}, NOW) <= RETRY_AFTER[1]


# Errors inside a 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 502),
        ("permission_error", 502),
        ("not_found_error", 404),
        ("insufficient_quota", 429),
        ("rate_limit_error", 429),
        ("api_error", 502),
        ("server_error", 502),
        ("overloaded_error", 503),
        ("timeout_error", 504),
    ],
)
def test_a_type_stands_for_the_status_it_comes_with(kind: str, status: int) -> None:
    error = from_event({"error": {"message": "No.", "type": kind}}, AROUND)
    assert error is not None
    assert error.status == status
    if status in {400, 502} and error.code != "upstream_auth_failed":
        assert error.type == kind


@pytest.mark.parametrize("case", EVENTS)
def test_an_error_in_a_200_is_judged_by_what_it_says(case: str) -> None:
    value, expected = EVENTS[case]
    error = from_event(value)
    assert error is not None
    assert outcome(error)._replace(param=None) == expected._replace(param=None)
    assert expected.param is None or error.param == expected.param


def test_an_error_in_a_200_speaks_of_the_call_if_it_is_told() -> None:
    error = from_event({"error": {"message": "x", "code": "model_not_found", "type": "not_found_error"}}, AROUND)
    assert error is not None
    assert "Did you mean" in error.message
    bare = from_event({"error": {"code": "model_not_found", "type": "not_found_error"}})
    assert bare is not None
    assert bare.message == "The model does not exist at Telnyx."


CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(anything(), max_size=2)},
    optional={
        "id": st.text(), "object": st.just("chat.completion.chunk"), "created": st.integers(0, 2**40),
        "model": st.text(), "usage": anything(), "error": st.none(), "errors": st.just([]), "detail": st.text(),
        "message": st.text(), "system_fingerprint": st.text(), "code": st.text(), "type": st.text(),
    },
)  # fmt: skip


@given(CHUNKS)
def test_no_answer_and_no_chunk_is_an_error(chunk: dict[str, Any]) -> None:
    assert from_event(chunk) is None


@pytest.mark.parametrize(
    "value", [None, 1, "error", [], {}, {"usage": {"total_tokens": 3}}, {"error": None}, ["error"]]
)
def test_what_says_nothing_is_no_error(value: Any) -> None:
    assert from_event(value) is None


@given(anything(MARKS))
def test_whatever_an_event_is_its_error_is_complete(value: Any) -> None:
    error = from_event(value, AROUND)
    if error is not None:
        assert 400 <= error.status <= 599
        inner = error.envelope()["error"]
        assert all(isinstance(inner[name], str) and inner[name] for name in ("message", "type", "code"))
