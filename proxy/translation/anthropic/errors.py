"""An error of this proxy in the shape that Anthropic's client libraries read.

They tell errors apart by the HTTP status; people by the type; programs by `details.error_code`, where our code stands.

Source: https://platform.claude.com/docs/en/api/errors
"""

from collections.abc import Mapping
from typing import Any

from proxy.errors import ProxyError

TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""HTTP status -> `error.type`."""
FAILED = 500
PAYMENT = 402
OUT_OF_MONEY = "insufficient_quota"
"""Our code where money has run out, which is no rate: a client that waits and tries again would wait in vain."""


def status_of(error: ProxyError) -> int:
    """The HTTP status that Anthropic has for it."""
    return PAYMENT if error.code == OUT_OF_MONEY else error.status


def envelope(error: ProxyError, request_id: str | None = None) -> dict[str, Any]:
    """Anthropic's error body: `{"type": "error", "error": {type, message, details}, "request_id"}`."""
    status = status_of(error)
    said: dict[str, Any] = {
        "type": TYPES.get(status) or ("api_error" if status >= FAILED else "invalid_request_error"),
        "message": error.message,
    }
    if error.code is not None:
        said["details"] = {"error_code": error.code}
    return {"type": "error", "error": said, "request_id": request_id}
