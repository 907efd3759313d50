"""What can go wrong, by whose fault. Each class carries the status, type and code a client library acts on.

    ProxyError
    ├── ClientFault                     the request: 4xx, the client can mend it
    │   ├── InvalidRequest              400  with `param`; codes invalid_type, invalid_value, unsupported_parameter, ...
    │   ├── NothingKept                 400  it goes on from something, and nothing is kept here
    │   ├── PreviousResponseNotFound    400
    │   ├── StateTooLarge               400  a response or a conversation that is larger than what is kept
    │   ├── InvalidApiKey               401  the key of this proxy, never the one for Telnyx
    │   ├── ModelNotAllowed             403
    │   ├── NotPermitted                403  the key's scopes, or the admin token's role, do not cover it
    │   ├── PriceUnknown                403  there is a budget, and no price to count with
    │   ├── NotFound                    404  no such object in the admin API
    │   ├── Conflict                    409  it is there already, or declared in the configuration
    │   ├── Stale                       412  `If-Match` names an older revision
    │   ├── LimitReached                429  a limit of this proxy, with the exact `retry-after`
    │   ├── TooManyBatches              429  as many of the tenant's as may wait; retrying soon is hopeless
    │   ├── RequestTooLarge             429  larger than a whole limit; retrying is hopeless
    │   ├── BudgetExhausted             429  retrying is hopeless until the period ends
    │   ├── ModelNotFound               404
    │   ├── UnknownUrl                  404
    │   ├── UnsupportedEndpoint         404  OpenAI has it, Telnyx or this proxy does not
    │   ├── MethodNotAllowed            405
    │   ├── RequestTimeout              408  the client did not finish sending
    │   ├── UpgradeRequired             426  a WebSocket where there is none
    │   ├── Cancelled                   499  the client cancelled what was made in the background; sent to nobody
    │   └── BodyTooLarge                413
    ├── UpstreamFault                   Telnyx, or the way to it
    │   ├── UpstreamRejected            4xx  Telnyx refused the request; its words are kept
    │   ├── UpstreamAuthFailed          502  our credential; retrying is hopeless
    │   ├── InsufficientQuota           429  out of funds; retrying is hopeless
    │   ├── RateLimited                 429  with `retry-after`
    │   ├── UpstreamFailed              502  5xx, unreadable or broken answers
    │   ├── UpstreamUnavailable         503
    │   └── UpstreamTimeout             504
    └── OurFault
        ├── InternalError               500  a bug; the log has the request id
        ├── ShuttingDown                503  the proxy is stopping
        ├── StoreUnavailable            503  the database does not answer; keys known before go on working
        ├── LimiterUnavailable          503  the shared limiter does not answer, and the setting is to fail closed
        └── LedgerFull                  503  it could not be accounted for, and the setting is to refuse

The types and codes are the ones OpenAI's own API answers with (https://platform.openai.com/docs/guides/error-codes);
`edge/exchange.py` is the one place that turns an exception into an HTTP answer.
"""

from typing import Any


class ProxyError(Exception):
    """The root: something that has an HTTP status and an OpenAI error envelope.

    Attributes:
        status: the HTTP status.
        type: OpenAI's `error.type`.
        code: OpenAI's `error.code`, what applications match on.
        param: the path of the offending field in the request (`messages[0].content`), or None.
        should_retry: what `x-should-retry` says; None leaves the decision to the client's own rules.
        retry_after: seconds for `retry-after`, or None.
        kind: the label of `telnyx_proxy_upstream_errors_total`, None where Telnyx had no part in it.
    """

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    should_retry: bool | None = None
    kind: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        upstream_request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.upstream_request_id = upstream_request_id
        if code is not None:
            self.code = code

    def envelope(self) -> dict[str, Any]:
        """OpenAI's error body: `{"error": {message, type, param, code}}`, always an object with all four keys."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class ClientFault(ProxyError):
    """The request cannot be served as it stands.

    `lines`: headers that belong to the answer, each with its end: how the limits stand that refused it.
    """

    status = 400
    type = "invalid_request_error"
    lines: str = ""


class InvalidRequest(ClientFault):
    """A field is missing, of the wrong type, out of range, or cannot be honoured."""

    code = "invalid_value"


class StateTooLarge(ClientFault):
    """A response with its input, or a conversation, is larger than what is kept of one (`responses.size`)."""

    code = "state_too_large"


class InvalidApiKey(ClientFault):
    """The bearer key is missing, malformed or unknown. The key itself is never echoed."""

    status = 401
    code = "invalid_api_key"


class ModelNotAllowed(ClientFault):
    """The tenant's allow-list does not cover the model."""

    status = 403
    code = "model_not_allowed"


class NotPermitted(ClientFault):
    """The key may not do this: its endpoints, its networks; or the role of an admin token."""

    status = 403
    code = "insufficient_permissions"


class PriceUnknown(ClientFault):
    """A budget bounds the key or the tenant, and the model has no price: it would be spent without being counted."""

    status = 403
    code = "price_unknown"


class NotFound(ClientFault):
    """No such object."""

    status = 404
    code = "not_found"


class Conflict(ClientFault):
    """The object exists already, is in use, or is not for the API to change."""

    status = 409
    code = "conflict"
    should_retry = False


class Stale(ClientFault):
    """The object has been changed since the caller read it."""

    status = 412
    code = "stale_revision"


class LimitReached(ClientFault):
    """A rate, or the number of requests at a time; the next one is admitted after `retry_after` seconds.

    `limit`: which kind, for `telnyx_proxy_limit_refusals_total`, where `type` does not say it: `concurrent`, `share`.
    """

    limit: str | None = None
    status = 429
    type = "requests"
    code = "rate_limit_exceeded"


class TooManyBatches(ClientFault):
    """The tenant has as many batches that have not ended as it may (`batches.queued`)."""

    status = 429
    type = "requests"
    code = "too_many_batches"
    should_retry = False


class RequestTooLarge(ClientFault):
    """The request needs more than a limit allows at all."""

    status = 429
    type = "tokens"
    code = "rate_limit_exceeded"
    should_retry = False


class BudgetExhausted(ClientFault):
    """The money of the period is spent or reserved."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False


class ModelNotFound(ClientFault):
    """Telnyx does not know the model."""

    status = 404
    code = "model_not_found"


class UnknownUrl(ClientFault):
    """No such path, at OpenAI or here."""

    status = 404
    code = "unknown_url"


class UnsupportedEndpoint(ClientFault):
    """OpenAI has this endpoint; it cannot be served here. 404 and not 501, because client libraries retry 5xx."""

    status = 404
    code = "unsupported_endpoint"


class MethodNotAllowed(ClientFault):
    """The path exists with another method."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class RequestTimeout(ClientFault):
    """The request body did not arrive in time."""

    status = 408
    code = "request_timeout"


class NothingKept(ClientFault):
    """The request goes on from an earlier one, and this proxy keeps nothing: it has no database."""

    code = "nothing_kept"


class PreviousResponseNotFound(ClientFault):
    """There is no such response, or not any more, or it is another tenant's."""

    code = "previous_response_not_found"


class UpgradeRequired(ClientFault):
    """The client wants to speak WebSocket, which is not spoken here; over plain HTTP it is welcome."""

    status = 426
    code = "websocket_not_supported"
    lines = "Upgrade: HTTP/1.1\r\n"


class Cancelled(ClientFault):
    """The client has cancelled a response that was made in the background. It has had its answer."""

    status = 499
    code = "cancelled"


class BodyTooLarge(ClientFault):
    """The request body is larger than `limits.body`."""

    status = 413
    code = "request_too_large"


class UpstreamFault(ProxyError):
    """Telnyx, or the way to Telnyx."""

    status = 502
    kind: str | None = "failed"


class UpstreamRejected(UpstreamFault):
    """Telnyx refused the request; the status (a 4xx) and the words are Telnyx's, the shape is OpenAI's."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"
    kind = "rejected"

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param=param, code=code)
        self.status = status


class UpstreamAuthFailed(UpstreamFault):
    """Telnyx does not accept *our* credential: a 401 would tell the application that its own key is bad."""

    code = "upstream_auth_failed"
    should_retry = False
    kind = "auth"


class InsufficientQuota(UpstreamFault):
    """The Telnyx account is out of funds or over a spend limit."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False
    kind = "quota"


class RateLimited(UpstreamFault):
    """Telnyx's rate limit."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    kind = "rate_limit"


class UpstreamFailed(UpstreamFault):
    """Telnyx answered 5xx, something unreadable, or broke the connection."""

    code = "upstream_error"


class UpstreamUnavailable(UpstreamFault):
    """Telnyx, or the model at Telnyx, is unavailable for the moment."""

    status = 503
    code = "upstream_unavailable"
    kind = "unavailable"


class UpstreamTimeout(UpstreamFault):
    """Telnyx did not answer in time; which of the four timeouts it was stands in the message."""

    status = 504
    code = "upstream_timeout"
    kind = "timeout"


class OurFault(ProxyError):
    """This proxy."""


class InternalError(OurFault):
    """A bug here. The message tells nothing but the request id; the log tells the rest."""

    code = "internal_error"


class ShuttingDown(OurFault):
    """The proxy is stopping; the client should try again, elsewhere or in a moment."""

    status = 503
    code = "shutting_down"


class StoreUnavailable(OurFault):
    """The database does not answer. Whether the caller's key is good cannot be told, so this is no 401."""

    status = 503
    code = "store_unavailable"


class LimiterUnavailable(OurFault):
    """The limits are counted in Redis, which does not answer, and `storage.redis.fail` is `closed`."""

    status = 503
    code = "limiter_unavailable"


class LedgerFull(OurFault):
    """There is no room to write a request down, and `ledger.spool.when_full` is `refuse`."""

    status = 503
    code = "ledger_full"


def tree(root: type[ProxyError] = ProxyError) -> list[type[ProxyError]]:
    """Every class of the tree that has a code of its own, depth first (the README's table is made from it)."""
    found: list[type[ProxyError]] = []
    for child in root.__subclasses__():
        if child.code is not None:
            found.append(child)
        found.extend(tree(child))
    return found
