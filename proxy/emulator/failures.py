"""Answers that are no completion: every error shape that Telnyx, its gateway or a proxied provider was seen to send.

Three shapes matter. The v2 envelope `{"errors": [{code, title, detail, source, meta}]}` comes from the gateway and
from business rules; `code` is a string of digits. FastAPI's `{"detail": ...}` comes from validation: a list of
faults, or text. OpenAI's `{"error": {...}}` passes through from proxied providers. And HTML or nothing at all comes
from whatever stands between. Codes: https://developers.telnyx.com/docs/overview/errors
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import orjson

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Failure:
    """One complete answer, ready to be written.

    Attributes:
        status: the HTTP status; 200 for the failures that pretend.
        body: the bytes.
        content_type: None sends no such header.
        headers: the others.
        description: one line for the list of scenarios.
    """

    status: int
    body: bytes = b""
    content_type: str | None = "application/json"
    headers: Headers = ()
    description: str = ""

    def with_retry_after(self, seconds: float) -> "Failure":
        """The same with another `retry-after`."""
        others = tuple(pair for pair in self.headers if pair[0] != "retry-after")
        return replace(self, headers=(*others, ("retry-after", f"{seconds:g}")))


class Refused(Exception):
    """The request ends here, with this failure as its answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.status)
        self.failure = failure


def envelope(status: int, code: str, title: str, detail: str, pointer: str = "/base") -> Failure:
    """Telnyx's v2 shape."""
    error = {
        "code": code,
        "title": title,
        "detail": detail,
        "source": {"pointer": pointer},
        "meta": {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"},
    }
    return Failure(status, orjson.dumps({"errors": [error]}))


def bad_request(detail: str, pointer: str = "/base") -> Failure:
    """Code 10015, what a rule that joins two fields is answered with."""
    return envelope(400, "10015", "Bad Request", detail, pointer)


def unprocessable(faults: Iterable[Mapping[str, Any]]) -> Failure:
    """FastAPI's list of faults, each `{loc, msg, type}`."""
    return Failure(422, orjson.dumps({"detail": list(faults)}))


def detail_text(status: int, text: str) -> Failure:
    """FastAPI's other shape, plain text in `detail`."""
    return Failure(status, orjson.dumps({"detail": text}))


def _html(status: int, title: str) -> Failure:
    page = f"<html>\n<head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body>\n</html>\n"
    return Failure(status, page.encode(), "text/html")


def _described(description: str, failure: Failure, *headers: tuple[str, str]) -> Failure:
    return replace(failure, description=description, headers=(*failure.headers, *headers))


UNAUTHENTICATED = envelope(
    401, "10009", "Authentication failed", "The credential is missing, malformed or unknown.", "/authorization"
)
NO_SUCH_PATH = envelope(404, "10005", "Resource not found", "There is nothing at this address.")
METHOD_NOT_ALLOWED = envelope(405, "10030", "Method not allowed", "This address does not take this method.")
TOO_LARGE = envelope(413, "10015", "Payload too large", "The request body is too large.")


def no_such_model(model: str) -> Failure:
    """A slug that is not in the catalogue, or not for this account."""
    return envelope(404, "10005", "Resource not found", f"The model '{model}' could not be found.", "/model")


_LIMITED = envelope(429, "10011", "Too many requests", "You have exceeded the rate limit of your account.")
_LIMITS = (("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7"))
_OPENAI_ERROR = {"message": "The provider gave up.", "type": "server_error", "param": None, "code": "provider_failed"}

FAILURES: Mapping[str, Failure] = MappingProxyType(
    {
        "rate-limited": _described(
            "429 with code 10011, the x-ratelimit headers and retry-after: 7", _LIMITED, *_LIMITS, ("retry-after", "7")
        ),
        "rate-limited-bare": _described("429 without a header that says when to come back", _LIMITED),
        "rate-limited-long": _described(
            "429 with a retry-after longer than clients wait (600 s)", _LIMITED, ("retry-after", "600")
        ),
        "unauthorized": _described("401: our Telnyx key is not accepted", UNAUTHENTICATED),
        "forbidden": _described(
            "403 with code 10010: the key may not do this",
            envelope(403, "10010", "Authorization failed", "You do not have permission to perform this action."),
        ),
        "account-inactive": _described(
            "403 with code 20012: the account is inactive, perhaps out of funds",
            envelope(403, "20012", "Account inactive", "Your account is inactive."),
        ),
        "spend-limit": _described(
            "403 whose text speaks of a spend limit",
            envelope(
                403, "10038", "Feature not permitted", "The monthly spend limit of this account has been reached."
            ),
        ),
        "payment-required": _described(
            "402: payment required", envelope(402, "20100", "Insufficient funds", "Payment is required to go on.")
        ),
        "insufficient-funds": _described(
            "403 with code 20100: no money left",
            envelope(403, "20100", "Insufficient funds", "Your balance does not cover this request."),
        ),
        "model-not-found": _described(
            "404 with code 10005 for every model",
            envelope(404, "10005", "Resource not found", "The model could not be found."),
        ),
        "not-found-html": _described(
            "404 as a page of HTML, as from a wrong host or path", _html(404, "404 Not Found")
        ),
        "model-unavailable": _described(
            "422 whose detail is plain text: the model is listed but not running",
            detail_text(422, "The model is currently unavailable."),
        ),
        "context-length": _described(
            "400: the prompt is longer than the model's context",
            bad_request("This model's maximum context length is 32768 tokens, but your messages have 41210 tokens."),
        ),
        "bad-request-code-number": _described(
            "400 in the v2 envelope with `code` as a number",
            Failure(400, b'{"errors":[{"code":10015,"title":"Bad Request","detail":"This request is refused."}]}'),
        ),
        "openai-error": _described(
            "400 in OpenAI's own shape, passed through from a proxied provider",
            Failure(
                400,
                orjson.dumps(
                    {"error": {**_OPENAI_ERROR, "message": "The provider refuses.", "type": "invalid_request_error"}}
                ),
            ),
        ),
        "anthropic-error": _described(
            "529 in Anthropic's own shape: overloaded",
            Failure(529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'),
        ),
        "server-error-html": _described("500 as a page of HTML", _html(500, "500 Internal Server Error")),
        "server-error-empty": _described("500 without a body", Failure(500, content_type=None)),
        "server-error": _described(
            "500 with code 10007", envelope(500, "10007", "Unexpected error", "An unexpected error occurred.")
        ),
        "bad-gateway": _described("502 as a page of HTML from the load balancer", _html(502, "502 Bad Gateway")),
        "unavailable": _described(
            "503 with code 10037 and retry-after: 3",
            envelope(503, "10037", "Service unavailable", "The service is temporarily unavailable."),
            ("retry-after", "3"),
        ),
        "gateway-timeout": _described(
            "504 as a page of HTML from the load balancer", _html(504, "504 Gateway Time-out")
        ),
        "redirect": _described(
            "302 to somewhere else",
            Failure(302, content_type=None, headers=(("location", "https://example.com/login"),)),
        ),
        "teapot": _described("418, a status nobody planned for", Failure(418, b"I'm a teapot", "text/plain")),
        "error-in-200": _described(
            "status 200 with an error in the body",
            Failure(200, orjson.dumps({"error": _OPENAI_ERROR})),
        ),
        "errors-in-200": _described(
            "status 200 with Telnyx's envelope in the body",
            replace(envelope(500, "10007", "Unexpected error", "An unexpected error occurred."), status=200),
        ),
        "html-200": _described("status 200 with a page of HTML, as from a captive portal", _html(200, "Welcome")),
        "empty-200": _described("status 200 without a body", Failure(200, content_type=None)),
        "no-choices-200": _described(
            "status 200 with an empty list of choices",
            Failure(200, b'{"id":"chatcmpl-0","object":"chat.completion","created":1,"model":"m","choices":[]}'),
        ),
        "response-failed-200": _described(
            "status 200 with a response that has failed",
            Failure(
                200,
                b'{"id":"resp_0","object":"response","status":"failed","output":[],'
                b'"error":{"code":"server_error","message":"The model stopped."}}',
            ),
        ),
        "truncated-json-200": _described(
            "status 200 with JSON that stops in the middle",
            Failure(
                200, b'{"id":"chatcmpl-0","object":"chat.completion","choices":[{"index":0,"message":{"role":"assi'
            ),
        ),
    }
)
