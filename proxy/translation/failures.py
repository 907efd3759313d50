"""What Telnyx says when something fails -> the OpenAI error a client library expects.

`error_shapes` reads the words out of the body; `VERDICTS` then says, first match wins, whose fault it is. HTML, an
empty body and anything else that cannot be read has only its status.

No upstream status outside 2xx ever leads to a 2xx here: every verdict is an exception with a status of 400 or more.

The patterns below read up to MESSAGE_LIMIT characters that upstream chose. Each repetition in them is bounded or
possessive, so that none takes more than a small multiple of that.

Sources: https://developers.telnyx.com/development/api-guide/errors (codes), https://fastapi.tiangolo.com (422).
"""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from proxy import codec, errors
from proxy.translation.error_shapes import Said, said

MESSAGE_LIMIT = 2000
"""Characters of an upstream message that are handed on: enough for any real one, not for a page of HTML."""
MODEL_LIMIT = 200
"""Characters of a model's name that a message repeats; the client made it up."""
RETRY_AFTER = (1.0, 60.0)
"""Seconds. Client libraries ignore `retry-after` outside this range, or give up altogether (openai-python over 120)."""
RETRY_AFTER_UNKNOWN = 5.0
"""Seconds, where a 429 or 503 says nothing: Telnyx counts per minute, the libraries' own back-off starts at 0.5."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the verdict needs to know of the call.

    Attributes:
        model: the Telnyx id that was asked for, "" if the call was not about a model.
        nearest: names of models like it, for the message of a 404; listed: Telnyx lists the model itself.
        secrets: texts that must not be repeated, whatever upstream says.
        names: Telnyx's field name -> the name the client used, for `param`.
        now: Unix time in seconds, for a `retry-after` that is a date.
    """

    model: str = ""
    nearest: tuple[str, ...] = ()
    listed: bool = False
    secrets: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0


def read(body: bytes) -> Said:
    """What an error body says; an empty Said where it says nothing that can be read."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        value = codec.decode(body)
    except codec.NotJson:
        return Said(html=body.lstrip()[:1] == b"<")
    return said(value) or Said()


_CODES = {
    "10004": "missing_required_parameter",
    "10023": "invalid_json",
    "10026": "invalid_type",
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "json_invalid": "invalid_json",
}
"""Telnyx's and pydantic's codes that have a word at OpenAI."""

_QUOTA_CODES = frozenset({"20012", "20100", "insufficient_quota", "budget_exceeded"})
_AUTH_CODES = frozenset(
    {"10009", "10010", "10038", "10039", "20001", "20002", "20003", "20006", "20008", "20013", "20014", "20015"}
)
_TYPES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "api_error": 500,
    "server_error": 500,
    "overloaded_error": 503,
    "timeout_error": 504,
}
"""OpenAI's (and Anthropic's) types -> the status they come with, for errors inside a 200."""

_QUOTA = re.compile(
    r"\bspend(ing)?\b|insufficient (fund|credit|balance|quota)|out of (fund|credit)|exceeded your current quota"
)
"""Looked for at 403 and 429 only: elsewhere a prompt that is quoted could hold such words. Not in "suspended"."""
_NO_MODEL = re.compile(
    r"\bmodel(?: id| name| slug)?:? (?:(?=\S{0,100}[/\d'\"`])\S{1,200}+ )?(?:(?:was|is|could|does|do|did) )?"
    r"(?:not (?:be )?(?:found|exist)|(?:not|no longer) available(?! (?:in|with|when|while)\b)|unknown)"
    r"|\b(?:unknown|invalid|no such) model(?: id| name)?(?=$|[.:,;]| ['\"`])"
)
"""The model itself is what is missing, by its name or not; "the model's parser is not available" is another matter."""
_NOT_A_MODEL = re.compile(r"\b(?:buckets?|secrets?|conversations?|files?|api_key_ref)\b")
"""What else a chat request can name that may not be found."""
_AWAY = re.compile(r"\b(?:currently|temporarily) (?:unavailable|overloaded)\b|\bmodel is overloaded\b|\bat capacity\b")
_TOO_LONG = re.compile(
    r"\bmaximum context\b|\bcontext[ _-](?:length|window|size|limit)\b"
    r"|\btoo many (?:input |prompt )?tokens\b|\bprompt is too long\b"
)
_KEY_NEEDED = re.compile(r"\bapi[ _]key (?:is )?(?:required|needed|missing)\b|\bapi_key_ref\b")


def _says(said: Said, pattern: re.Pattern[str]) -> bool:
    return pattern.search(said.message[:MESSAGE_LIMIT].lower()) is not None


def beyond_repair(said: Said) -> bool:
    """Whether a refusal names a cause that no other form of the same request would mend."""
    return said.code == "context_length_exceeded" or any(
        _says(said, pattern) for pattern in (_TOO_LONG, _KEY_NEEDED, _NO_MODEL, _AWAY)
    )


def _quota(status: int, said: Said) -> bool:
    if status == 402 or not _QUOTA_CODES.isdisjoint({said.code, said.type}):
        return True
    return status in {403, 429} and _says(said, _QUOTA)


def _auth(status: int, said: Said) -> bool:
    return status in {401, 403, 407} or said.code in _AUTH_CODES


def _limited(status: int, said: Said) -> bool:
    return status == 429 or said.code in {"10011", "rate_limit_exceeded"}


def _too_long(status: int, said: Said) -> bool:
    return status < 500 and (said.code == "context_length_exceeded" or _says(said, _TOO_LONG))


def _key_needed(status: int, said: Said) -> bool:
    return status in {400, 422} and _says(said, _KEY_NEEDED)


def _away(status: int, said: Said) -> bool:
    return status in {503, 529} or said.code == "10037" or (status < 500 and _says(said, _AWAY))


def _no_model(status: int, said: Said) -> bool:
    if status == 404:
        return not (said.html or _no_path(said) or _says(said, _NOT_A_MODEL))
    return status in {400, 422} and (said.code == "model_not_found" or _says(said, _NO_MODEL))


def _no_path(said: Said) -> bool:
    """FastAPI's own 404, for an address it does not serve."""
    return said.message == "Not Found" and said.code is None


def _timeout(status: int, said: Said) -> bool:
    return status in {408, 504} or said.code == "10008"


def _rejected(status: int, said: Said) -> bool:
    if status == 404:
        return bool(said.message) and not _no_path(said)
    return 400 <= status < 500 and status not in {405, 421, 426}


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


def _make_too_long(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamRejected(
        said.message or "The request is longer than the model's context.",
        param=said.param or "messages",
        code="context_length_exceeded",
    )


def _make_key_needed(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamRejected(
        f"{said.message} The model '{around.model[:MODEL_LIMIT]}' runs at another provider: the operator has to name "
        "that provider's integration secret under `api_key_refs` of this tenant.",
        param="model",
        code="api_key_ref_required",
    )


def _make_away(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamUnavailable(said.message or "Telnyx is unavailable at the moment. Please try again later.")


def _make_no_model(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    certain = said.code == "model_not_found" or _says(said, _NO_MODEL)
    if not around.model and not certain:
        return _make_failed(status, said, around)  # the address of the model list, for one
    text = said.message or "The model does not exist at Telnyx."
    if around.model and around.listed:
        text = f"Telnyx lists the model '{around.model[:MODEL_LIMIT]}', but not for this endpoint or this account."
    elif around.model:
        text = f"The model '{around.model[:MODEL_LIMIT]}' does not exist at Telnyx or you do not have access to it."
    if around.nearest:
        text += f" Did you mean {' or '.join(repr(name) for name in around.nearest)}?"
    if said.message and not certain and said.code != "10005":  # Telnyx's general words for whatever is not there
        text += f" Telnyx said: {said.message}"
    error = errors.ModelNotFound(text, param="model")
    error.kind = "rejected"  # the client's fault, but Telnyx found it
    return error


def _make_timeout(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    return errors.UpstreamTimeout(said.message or f"Telnyx gave up on the request ({status}).")


def _make_rejected(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    code = said.code or ""
    number = f" (Telnyx code {code})" if code.isdecimal() and len(code) > 3 else ""
    return errors.UpstreamRejected(
        (said.message or f"Telnyx refused the request with status {status} and no message.") + number,
        status=400 if status == 422 else status,
        param=said.param,
        code=_word(said),
    )


def _word(said: Said) -> str:
    """OpenAI's word for a code; a word that came in OpenAI's own shape stays."""
    code = said.code or ""
    if code in _CODES:
        return _CODES[code]
    if said.type is not None:
        return "invalid_value" if not code or code.isdecimal() else code
    return "invalid_type" if code.endswith("_type") else "invalid_value"  # pydantic's string_type, int_type, ...


def _make_failed(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    if status >= 500 and said.message:
        return errors.UpstreamFailed(said.message)
    words = f": {said.message}" if said.message else ""
    hint = " Is upstream.base_url right?" if status < 500 else ""
    return errors.UpstreamFailed(f"Telnyx answered with status {status}{words or '.'}{hint}")


VERDICTS: tuple[
    tuple[Callable[[int, Said], bool], Callable[[int, Said, Circumstances], errors.ProxyError]],
    ...,
] = (
    (_quota, _make_quota),
    (_auth, _make_auth),
    (_limited, _make_limited),
    (_too_long, _make_too_long),
    (_key_needed, _make_key_needed),
    (_away, _make_away),
    (_no_model, _make_no_model),
    (_timeout, _make_timeout),
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
    error.upstream_request_id = _clean(headers.get("x-request-id", ""), around.secrets) or None
    if error.status in {429, 503} and error.should_retry is None:
        error.retry_after = retry_after(headers, around.now)
    return error


def from_event(value: Any, around: Circumstances = Circumstances()) -> errors.ProxyError | None:
    """The error inside a decoded 200 body or stream event, or None if it is none.

    The HTTP status said 200, so the code, the type and the words are left to judge by; an error in OpenAI's shape keeps
    its type and code, because applications match on them.
    """
    found = said(value)
    if found is None:
        return None
    if found.code is not None and re.fullmatch(r"[45]\d\d", found.code, re.ASCII):
        status = int(found.code)
    else:
        status = _TYPES.get(found.type or "", 500)
    error = _judge(status, found, around)
    if found.type is not None and isinstance(error, errors.UpstreamFailed | errors.UpstreamRejected):
        error.type = _clean(found.type, around.secrets)
        error.code = _clean(found.code or "", around.secrets) or error.code
    return error


def _judge(status: int, said: Said, around: Circumstances) -> errors.ProxyError:
    message, code, param, kind = (
        _clean(text or "", around.secrets) for text in (said.message, said.code, said.param, said.type)
    )
    said = Said(message, code or None, param or None, kind or None, said.html)
    error = next(make(status, said, around) for applies, make in VERDICTS if applies(status, said))
    if error.param is not None:
        error.param = around.names.get(error.param, error.param)
    return error


_KEYLIKE = re.compile(r"(?<![0-9A-Za-z])(?:KEY[0-9A-Za-z_]{12,}+|sk[-_][0-9A-Za-z_-]{12,}+|(?i:bearer)\s++\S++)")
"""Keys of Telnyx, of its gateway (`ltg_sk_`), of OpenAI and of this proxy; anything sent as a bearer."""


def _clean(text: str, secrets: tuple[str, ...]) -> str:
    """The text without secrets, bounded. Cut last: half a key would no longer be recognised as one."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be the beginning of another
        if secret:
            text = text.replace(secret, "[redacted]")
    return _KEYLIKE.sub("[redacted]", text)[:MESSAGE_LIMIT]


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
        return _until(text, now)
    if seconds != seconds:  # noqa: PLR0124 - a NaN is the one number that is not itself, and compares with nothing
        return None
    return seconds - now if seconds > _EPOCH else seconds


def _until(text: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now  # -0000 is UTC, too
