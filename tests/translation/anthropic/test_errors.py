"""Errors as Anthropic's client libraries read them."""

from typing import get_args

import pytest
from anthropic.types.shared.error_type import ErrorType

from proxy import errors
from proxy.translation.anthropic.errors import TYPES, envelope, status_of

KNOWN = {*get_args(ErrorType), "request_too_large"}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error"),
        (errors.InvalidApiKey("x"), 401, "authentication_error"),
        (errors.ModelNotAllowed("x"), 403, "permission_error"),
        (errors.ModelNotFound("x"), 404, "not_found_error"),
        (errors.MethodNotAllowed("x", ("POST",)), 405, "invalid_request_error"),
        (errors.BodyTooLarge("x"), 413, "request_too_large"),
        (errors.LimitReached("x"), 429, "rate_limit_error"),
        (errors.BudgetExhausted("x"), 402, "billing_error"),
        (errors.InsufficientQuota("x"), 402, "billing_error"),
        (errors.InternalError("x"), 500, "api_error"),
        (errors.UpstreamAuthFailed("x"), 502, "api_error"),
        (errors.UpstreamUnavailable("x"), 503, "overloaded_error"),
        (errors.UpstreamTimeout("x"), 504, "timeout_error"),
        (errors.UpstreamRejected("x", status=418), 418, "invalid_request_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_has_anthropics_status_and_type(error: errors.ProxyError, status: int, kind: str) -> None:
    assert status_of(error) == status
    assert envelope(error, "req_1") == {
        "type": "error",
        "error": {"type": kind, "message": "x", "details": {"error_code": error.code}},
        "request_id": "req_1",
    }


def test_an_error_without_a_code_has_no_details() -> None:
    assert "details" not in envelope(errors.ProxyError("x"))["error"]


def test_every_type_is_one_that_anthropic_has() -> None:
    assert set(TYPES.values()) <= KNOWN
