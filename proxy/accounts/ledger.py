"""The record of one request: what metrics count, what the canonical log line says, what the ledger keeps (`entries`).

It is filled while the request runs and handed over exactly once at its end, also when the client has gone or the
upstream broke. Prompts, answers and keys are never in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.accounts.pricing import Charge
from proxy.usage import NOTHING, Usage

CLIENT_CLOSED = 499
"""The status recorded when the client went away before an answer was complete (nginx's number for it)."""

REFUSED, FAILED = 400, 500
"""The first status of what a client can mend, and the first of what it cannot."""

COMPLETE = "complete"
"""The one good end of a stream."""

LEFT = "client_disconnected"
"""The one end that the client chose."""

STREAM_ENDS = (
    COMPLETE,  # a finish reason and [DONE] were handed on
    "truncated",  # upstream closed before a finish reason
    "upstream_error",  # upstream sent an error event
    "upstream_reset",  # the connection broke
    "malformed",  # upstream sent something that is not a chunk
    "stalled",  # nothing came for timeouts.between_chunks
    "timeout",  # timeouts.total ran out
    LEFT,  # the client went away
    "shutdown",  # the proxy stopped before the stream did
    "internal_error",  # a bug here
)
"""How a stream can end: the values of the label `reason` of `telnyx_proxy_stream_ends_total`."""

UNKNOWN = "unknown"
"""The endpoint of a request for a path that is none."""


def erred(status: int) -> bool:
    """Whether a request with this status is an error: 4xx, 5xx, or nothing was sent. A client that left made none."""
    return status != CLIENT_CLOSED and (status >= REFUSED or status <= 0)


def errors(status: int, requests: int, broken: int) -> int:
    """How many requests of one status are errors: all of them, or of a good status those whose streams broke."""
    return requests if erred(status) else broken


class Caller(Protocol):
    """The span of whoever called."""

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        ...

    @property
    def parent_id(self) -> str:
        """16 hex digits."""
        ...

    @property
    def sampled(self) -> bool:
        """Whether the caller records this trace."""
        ...


@dataclass(slots=True)
class Record:
    """One request from its first byte to its last.

    Attributes:
        request_id: ours, `req_` and 32 hex digits; also sent as `x-request-id`.
        started_at: Unix time in seconds.
        endpoint: the name of the endpoint's row (`chat.completions`), or `unknown`.
        path: what was called where no endpoint has it; otherwise the endpoint says it.
        tenant, key: id and key name, empty before admission; key_id: the key's public id, if it is one of the store.
        model_asked: what the client wrote, cut to 200 characters; model: the Telnyx id that served or was to serve.
        status: HTTP status sent to the client; CLIENT_CLOSED where it left first.
        error_code: OpenAI's `error.code` of the failure, None on success.
        error_kind: whose and what kind, for `telnyx_proxy_upstream_errors_total`; None where Telnyx had no part.
        stream: whether the answer was asked for in pieces; stream_end: one of STREAM_ENDS, None for whole answers.
        usage: tokens and where the figures come from.
        changes: (field path, kind of change) pairs; changes_header: the same as the client saw it.
        repairs: names of quirks that were repaired by a second try; repaired: when, seconds from the beginning.
        schema_violations: answers or tool arguments that did not conform to the schema asked for.
        duration, waited, client_waited, first_token: seconds; `waited` is the part spent waiting for Telnyx,
            `client_waited` the part spent on the client sending its body or reading its answer, `first_token` the
            time to the first content, reasoning or tool delta of a stream (None where there was none).
        provider: who runs the model, `telnyx` or a name such as `openai`; service_tier, region: as Telnyx was asked.
            All three are empty as long as no model was asked.
        client: kind of client, from its user agent; retry_count: from `x-stainless-retry-count`.
        caller: whose span this request belongs to; span_id: its own, where it gets one.
        client_request_id, trace_id, upstream_request_id: for following one call through three systems.
        end_user: SHA-256 (hex, first 16) of `safety_identifier` or `user`; metadata: the client's tags;
            tags: those of them that the tenant allows in the ledger.
        bytes_in, bytes_out: sizes of request and answer bodies.
        charge: what it costs, None as long as nobody has asked; it is asked once, when the usage is final.
        accounted: the ledger has its last word on it: that an answer was complete when its end was handed over stays
            true, whatever the client does then.
    """

    request_id: str
    started_at: float
    endpoint: str = UNKNOWN
    method: str = ""
    path: str = ""
    tenant: str = ""
    key: str = ""
    key_id: str = ""
    model_asked: str = ""
    model: str = ""
    status: int = 0
    error_code: str | None = None
    error_kind: str | None = None
    stream: bool = False
    stream_end: str | None = None
    usage: Usage = NOTHING
    changes: tuple[tuple[str, str], ...] = ()
    changes_header: str = ""
    repairs: tuple[str, ...] = ()
    repaired: tuple[float, ...] = ()
    schema_violations: int = 0
    duration: float = 0.0
    waited: float = 0.0
    client_waited: float = 0.0
    first_token: float | None = None
    client: str = "other"
    retry_count: int = 0
    client_request_id: str | None = None
    trace_id: str | None = None
    upstream_request_id: str | None = None
    caller: Caller | None = None
    span_id: str = ""
    end_user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    provider: str = ""
    service_tier: str = ""
    region: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    charge: Charge | None = None
    accounted: bool = False

    @property
    def overhead(self) -> float:
        """Seconds of the request that were spent here, waiting neither for Telnyx nor for the client."""
        return max(0.0, self.duration - self.waited - self.client_waited)
