"""Why something happened to a request, in sentences for people: the words of one request's story.

Where the reason stands in a table of the proxy (the fields of a request, the quirks of models, the tree of errors) it
is read there; only what to do about it is written here. A row of the ledger keeps the field and the kind of a change
and not its sentence, so what depended on the value is told in general.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from proxy.endpoints import FIELDS
from proxy.errors import ProxyError, UpstreamFault, tree
from proxy.translation.quirks import BY_NAME
from proxy.translation.rules import Field, Verdict

KINDS: Mapping[str, str] = {
    "renamed": "Sent under Telnyx's name for the same thing.",
    "aliased": "The name is an alias; Telnyx got the model that it stands for.",
    "injected": "Added here, because the request did not say it.",
    "forced": "Set by the operator, whatever the request says.",
    "capped": "Lowered to what the operator allows.",
    "converted": "Sent in another shape.",
    "emulated": "Done by this proxy, because Telnyx does not do it.",
    "dropped": "Not sent; nothing changes.",
    "lossy": "Not sent; the answer may differ.",
    "repaired": "Telnyx is known to refuse it in this form; sent in another one.",
    "estimated": "Counted here, because Telnyx reported no figures.",
}
"""Kind of a change -> what was done."""

LOSSES = frozenset({"lossy"})
"""Kinds that an application should know of."""

_GENERAL = frozenset({"aliased", "forced", "capped", "repaired", "estimated"})
"""Kinds whose sentence says more than the row of the field does."""
_SPECIAL: Mapping[tuple[str, str], str] = {
    ("temperature", "injected"): "OpenAI's default is 1, Telnyx's own 0.1; the one that applications expect is sent.",
    ("stream_options", "injected"): "Usage is always asked for, so that what was used is known.",
}
_BY_VERDICT: Mapping[Verdict, str] = {
    Verdict.RENAME: "renamed",
    Verdict.CONVERT: "converted",
    Verdict.EMULATE: "emulated",
    Verdict.DROP: "dropped",
    Verdict.LOSSY: "lossy",
}


def why(field: str, kind: str, endpoint: str) -> str:
    """The reason of a change as the tables of its endpoint know it; empty where they know none."""
    if kind == "repaired":
        return quirk(field)
    if (field, kind) in _SPECIAL:
        return _SPECIAL[field, kind]
    row = _fields(endpoint).get(field.partition(".")[0].partition("[")[0])
    if row is None or kind in _GENERAL:
        return ""
    # What is told of a row holds for its own verdict; what happened to a part of it may be something else.
    own = field == row.name and _BY_VERDICT.get(row.verdict) == kind
    return row.reason if own or row.verdict is Verdict.CONVERT else ""


@cache
def _fields(endpoint: str) -> Mapping[str, Field]:
    return {row.name: row for row in FIELDS[endpoint].rows} if endpoint in FIELDS else {}


def quirk(name: str) -> str:
    """What a repaired quirk means; empty for one that there is no more."""
    found = BY_NAME.get(name)
    return "" if found is None else f"{found.reason[:1].upper()}{found.reason[1:]}."


class Meaning(NamedTuple):
    """What an error says, and what to do about it; `whose`: `telnyx`, `here` or `client`."""

    text: str
    advice: str
    whose: str


ADVICE: Mapping[str, str] = {
    "invalid_value": "Mend the request; the message that the client got names the field.",
    "state_too_large": "Send store: false or less, begin a new conversation, or raise responses.size.",
    "insufficient_permissions": "Widen the endpoints or networks of the key, or use another key.",
    "invalid_api_key": "Check the key that the application sends; one that is lost is rotated on the page of keys.",
    "model_not_allowed": "Add the model to the tenant or the key, or ask for one that is allowed.",
    "price_unknown": "Set a price for the model in the configuration, or lift the budget.",
    "not_found": "Check the id.",
    "conflict": "Read the object again.",
    "stale_revision": "Read the object again.",
    "rate_limit_exceeded": "Wait as long as retry-after says, send less, or raise the limit.",
    "too_many_batches": "Wait until one of the batches has ended, cancel one, or raise batches.queued.",
    "insufficient_quota": "Raise the budget or wait for its next period; if it is Telnyx's, add funds to the account.",
    "model_not_found": "Check the name of the model; the list at /v1/models has those that exist.",
    "unknown_url": "Check the base URL of the application; it ends in /v1.",
    "unsupported_endpoint": "Use an endpoint that is served; the message that the client got names one.",
    "method_not_allowed": "Check the method; most endpoints want POST.",
    "request_timeout": "Look for a slow network on the side of the client.",
    "request_too_large": "Send a smaller body, or raise limits.body.",
    "websocket_not_supported": "Nothing; clients go on over plain HTTP.",
    "cancelled": "Nothing; the client wanted it.",
    "nothing_kept": "Set storage.url, or have the application send `store: false` and the whole conversation.",
    "previous_response_not_found": "Nothing; it was deleted, not stored, another tenant's, or too old.",
    "upstream_auth_failed": "Check the Telnyx API key of the tenant.",
    "upstream_error": "Nothing here; clients may try again. If it stays, ask Telnyx with their request id.",
    "upstream_unavailable": "Nothing here; clients may try again in a moment.",
    "upstream_timeout": "Raise upstream.timeouts if answers are meant to take so long.",
    "internal_error": "The log has the cause under this request's id.",
    "shutting_down": "Nothing; the client may try again.",
    "store_unavailable": "Check the database.",
    "limiter_unavailable": "Check Redis.",
    "ledger_full": "Check the database, and make room on the disk of the spool.",
}
"""Error code -> what an operator can do."""
_SERVER = 500


def meaning(code: str, status: int, *, reached: bool) -> Meaning:
    """What an error code says. `reached`: whether Telnyx is known to have seen the request."""
    found = [each for each in tree() if each.code == code]
    same = [each for each in found if each.status == status] or found
    sided = [each for each in same if issubclass(each, UpstreamFault) == reached] or same
    if not sided:
        text = "Telnyx refused the request with this code." if reached else "The request was refused with this code."
        return Meaning(text, ADVICE["invalid_value"], "telnyx" if reached else "client")
    texts = " Or: ".join(dict.fromkeys(_first_line(each) for each in sided))
    return Meaning(texts, ADVICE.get(code, ""), _whose(sided[0]))


def _first_line(kind: type[ProxyError]) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n", 1)[0].replace("`", "").split())


def _whose(kind: type[ProxyError]) -> str:
    if issubclass(kind, UpstreamFault):
        return "telnyx"
    return "here" if kind.status >= _SERVER else "client"


def upstream_codes() -> frozenset[str]:
    """Error codes that nothing but Telnyx, or the way to it, is the cause of."""
    return frozenset(_codes(upstream=True)) - frozenset(_codes(upstream=False))


def _codes(*, upstream: bool) -> Iterator[str]:
    for each in tree():
        if each.code is not None and issubclass(each, UpstreamFault) == upstream:
            yield each.code
