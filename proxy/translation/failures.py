"""What Telnyx says when something fails -> the OpenAI error a client library expects.

Five shapes are read: Telnyx's envelope `{"errors": [{code, title, detail, source}]}`, FastAPI's `{"detail": [{loc, msg,
type}]}` and `{"detail": "text"}`, OpenAI's own `{"error": {...}}` from proxied providers, and a flat `{"message"}`.
HTML, an empty body or anything else has only its status. `VERDICTS` then says, first match wins, whose fault it is.

No upstream status outside 2xx ever leads to a 2xx here: every verdict is an exception with a status of 400 or more.

Sources: https://developers.telnyx.com/development/api-guide/errors (codes), https://fastapi.tiangolo.com (422).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from proxy import codec, errors

MESSAGE_LIMIT = 2000
"""Characters of an upstream message that are handed on: enough for any real one, not for a page of HTML."""
RETRY_AFTER = (1.0, 60.0)
"""Seconds. Client libraries ignore `retry-after` outside this range, or give up altogether (openai-python over 120)."""
RETRY_AFTER_UNKNOWN = 5.0
"""Seconds, where a 429 says nothing: Telnyx counts per minute, the libraries' own back-off starts at 0.5."""


@dataclass(frozen=True, slots=True)
class Said:
    """An upstream error, whatever its shape: what was said, about which field, under which code."""

    message: str = ""
    code: str | None = None
    param: str | None = None
    type: str | None = None
    html: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the verdict needs to know of the call.

    Attributes:
        model: the Telnyx id that was asked for.
        nearest: names of models like it, for the message of a 404.
        secrets: texts that must not be repeated, whatever upstream says.
        names: Telnyx's field name -> the name the client used, for `param`.
        now: Unix time in seconds, for a `retry-after` that is a date.
    """

    model: str = ""
    nearest: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0


def read(body: bytes) -> Said:
    """What an error body says; an empty Said where it says nothing that can be read."""
    try:
        value = codec.decode(body)
    except codec.NotJson:
        return Said(html=body.lstrip()[:1] == b"<")
    return said(value) or Said()


def said(value: Any) -> Said | None:
    """The error in a decoded value, or None if it is none."""
    if not isinstance(value, dict):
        return None
    for key, reader in _SHAPES:
        if value.get(key):
            return reader(value[key])
    if "choices" not in value and isinstance(value.get("message"), str):
        return _openai(value)
    return None


def _openai(value: Any) -> Said:
    if not isinstance(value, dict):
        return Said(message=str(value))
    code, kind, param = value.get("code"), value.get("type"), value.get("param")
    return Said(
        message=str(value.get("message") or ""),
        code=None if code is None else str(code),
        param=param if isinstance(param, str) else None,
        type=kind if isinstance(kind, str) else None,
    )


def _telnyx(value: Any) -> Said:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not rows:
        return Said(message=str(value))
    texts = [str(row.get("detail") or row.get("title") or "") for row in rows]
    code, source = rows[0].get("code"), rows[0].get("source")
    pointer = (source.get("pointer") or source.get("parameter")) if isinstance(source, dict) else None
    return Said(
        message="; ".join(text for text in texts if text),
        code=None if code is None else str(code),
        param=_path(str(pointer).strip("/").split("/")) if pointer and pointer != "/base" else None,
    )


def _fastapi(value: Any) -> Said:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not rows:
        return _openai(value)
    paths = [_path(row["loc"]) if isinstance(row.get("loc"), list) else None for row in rows]
    texts = [
        f"{path}: {row.get('msg')}" if path else str(row.get("msg")) for path, row in zip(paths, rows, strict=True)
    ]
    return Said(message="; ".join(texts), code=str(rows[0].get("type") or "") or None, param=paths[0])


_SHAPES: tuple[tuple[str, Callable[[Any], Said]], ...] = (("error", _openai), ("errors", _telnyx), ("detail", _fastapi))


def _path(steps: Iterable[Any]) -> str | None:
    """`["body", "messages", 0, "content"]` -> `messages[0].content`, as OpenAI writes `param`."""
    path = ""
    for step in steps:
        text = str(step)
        if text in {"body", ""} and not path:
            continue
        path += f"[{text}]" if text.isdigit() else f".{text}" if path else text
    return path or None


_CODES = {
    "10004": "missing_required_parameter",
    "10023": "invalid_json",
    "10033": "invalid_type",
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
}
"""Telnyx's and pydantic's codes that have a word at OpenAI; every other one becomes `invalid_value`."""

_QUOTA_CODES = frozenset({"20012", "20100", "insufficient_quota", "budget_exceeded"})
_AUTH_CODES = frozenset(
    {"10009", "10010", "10038", "10039", "20001", "20002", "20003", "20006", "20008", "20013", "20014", "20015"}
)
_QUOTA = re.compile(r"spend|insufficient (fund|credit|balance|quota)|out of (fund|credit)|exceeded your current quota")
_NO_MODEL = re.compile(
    r"model.{0,200}?(not found|not be found|does not exist|not exist|not available|no such)|unknown model"
)
_AWAY = re.compile(r"(currently|temporarily) (unavailable|overloaded)|model is overloaded|no capacity")
_TOO_LONG = re.compile(
    r"context.{0,20}length|maximum context|context window|too many (input )?tokens|prompt is too long"
)
_KEY_NEEDED = re.compile(r"api[ _]key (is )?required|api_key_ref")


def _quota(status: int, said: Said) -> bool:
    return (
        status == 402
        or said.code in _QUOTA_CODES
        or (status in {403, 429} and bool(_QUOTA.search(said.message.lower())))
    )


def _auth(status: int, said: Said) -> bool:
    return status in {401, 403, 407} or said.code in _AUTH_CODES


def _limited(status: int, said: Said) -> bool:
    return status == 429 or said.code in {"10011", "rate_limit_exceeded"}


def _no_model(status: int, said: Said) -> bool:
    if status == 404:
        return not said.html
    return status in {400, 422} and (said.code == "model_not_found" or bool(_NO_MODEL.search(said.message.lower())))


def _away(status: int, said: Said) -> bool:
    return status in {503, 529} or said.code == "10037" or (status < 500 and bool(_AWAY.search(said.message.lower())))


def _rejected(status: int, said: Said) -> bool:
    return 400 <= status < 500 and status not in {404, 405, 408, 421, 426}


def _make_quota(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.InsufficientQuota(
        f"The Telnyx account behind this proxy is out of funds or over its spend limit. {said.message}".rstrip()
    )


def _make_auth(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    # Upstream's own words stay out: they may repeat the credential, and they are about a key the client never had.
    return errors.UpstreamAuthFailed(
        f"Telnyx refused the credential of this proxy ({status}). Your own key is fine; the operator has to look at "
        "the Telnyx API key of this tenant."
    )


def _make_limited(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.RateLimited(said.message or "Telnyx's rate limit was reached. Please try again later.")


def _make_no_model(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    hint = f" Did you mean {' or '.join(repr(name) for name in around.nearest)}?" if around.nearest else ""
    error = errors.ModelNotFound(
        f"The model '{around.model}' does not exist at Telnyx or you do not have access to it.{hint}", param="model"
    )
    error.kind = errors.UpstreamRejected.kind  # it was Telnyx that said so, not our own list
    return error


def _make_away(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamUnavailable(said.message or "Telnyx is unavailable at the moment. Please try again later.")


def _make_timeout(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamTimeout(said.message or f"Telnyx gave up on the request ({status}).")


def _make_too_long(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamRejected(said.message, param=said.param or "messages", code="context_length_exceeded")


def _make_key_needed(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamRejected(
        f"{said.message} The model '{around.model}' runs at another provider: the operator has to name that provider's "
        "integration secret under `api_key_refs` of this tenant.",
        param="model",
        code="api_key_ref_required",
    )


def _make_rejected(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    code = said.code or ""
    number = f" (Telnyx code {code})" if code.isdigit() and len(code) > 3 else ""
    return errors.UpstreamRejected(
        (said.message or f"Telnyx refused the request with status {status} and no message.") + number,
        status=400 if status in {402, 422} else status,
        param=said.param,
        code=_CODES.get(code, code if said.type else "invalid_value"),
    )


def _make_failed(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    hint = " Is upstream.base_url right?" if status < 500 else ""
    return errors.UpstreamFailed(said.message or f"Telnyx answered with status {status}.{hint}")


VERDICTS: tuple[
    tuple[Callable[[int, Said], bool], Callable[[int, Said, Circumstances], errors.ProxyError]],
    ...,
] = (
    (_quota, _make_quota),
    (_auth, _make_auth),
    (_limited, _make_limited),
    (lambda status, said: status < 500 and bool(_TOO_LONG.search(said.message.lower())), _make_too_long),
    (lambda status, said: status in {400, 422} and bool(_KEY_NEEDED.search(said.message.lower())), _make_key_needed),
    (_away, _make_away),
    (_no_model, _make_no_model),
    (lambda status, said: status in {408, 504} or said.code == "10008", _make_timeout),
    (_rejected, _make_rejected),
    (lambda status, said: True, _make_failed),
)
"""(does it apply, the error it becomes), in order."""


def from_response(
    status: int, headers: Mapping[str, str], body: bytes, around: Circumstances = Circumstances()
) -> errors.ProxyError:
    """The error a client gets for an upstream answer whose status is not 2xx.

    `headers` must look names up without regard to case. What upstream calls its request id is kept on the error.
    """
    error = _judge(status, read(body), around)
    error.upstream_request_id = headers.get("x-request-id")
    if error.status in {429, 503} and error.should_retry is None:
        error.retry_after = retry_after(headers, around.now)
    return error


def from_event(value: Any, around: Circumstances = Circumstances()) -> errors.ProxyError | None:
    """The error inside a decoded 200 body or stream event, or None if it is none.

    The HTTP status said 200, so only the code and the words are left to judge by; an error that carries its own
    OpenAI type keeps its type and code, because applications match on them.
    """
    found = said(value)
    if found is None:
        return None
    status = int(found.code) if found.code and re.fullmatch(r"[45]\d\d", found.code) else 500
    error = _judge(status, found, around)
    if found.type is not None and isinstance(error, errors.UpstreamFailed | errors.UpstreamRejected):
        error.type = found.type
        error.code = found.code or error.code
    return error


def _judge(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    said = Said(_clean(said.message, around.secrets), said.code, said.param, said.type, said.html)
    error = next(make(status, said, around) for applies, make in VERDICTS if applies(status, said))
    if error.param is not None:
        error.param = around.names.get(error.param, error.param)
    return error


_KEYLIKE = re.compile(r"\b(KEY[0-9A-Za-z_]{12,}|sk-[0-9A-Za-z_-]{12,}|[Bb]earer\s+\S+)")


def _clean(message: str, secrets: tuple[str, ...]) -> str:
    """The message without secrets, bounded."""
    for secret in secrets:
        if secret:
            message = message.replace(secret, "[redacted]")
    return _KEYLIKE.sub("[redacted]", message[:MESSAGE_LIMIT])


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds until a new attempt makes sense, kept within RETRY_AFTER.

    `retry-after-ms`, `retry-after` (seconds or a date) and Telnyx's `x-ratelimit-reset` (seconds; one of its pages
    shows a Unix time instead) are read in this order.
    """
    low, high = RETRY_AFTER
    for name, reader in (("retry-after-ms", _milliseconds), ("retry-after", _seconds), ("x-ratelimit-reset", _seconds)):
        text = headers.get(name)
        seconds = None if text is None else reader(text, now)
        if seconds is not None:
            return min(max(seconds, low), high)
    return RETRY_AFTER_UNKNOWN


_EPOCH = 1_000_000_000
"""A number of seconds above this is a point in time, not a delay."""


def _milliseconds(text: str, now: float) -> float | None:
    seconds = _seconds(text, now)
    return None if seconds is None else seconds / 1000


def _seconds(text: str, now: float) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        try:
            return parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - a NaN is the one number that is not itself, and compares with nothing
        return None
    return seconds - now if seconds > _EPOCH else seconds
