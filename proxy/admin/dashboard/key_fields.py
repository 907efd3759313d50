"""What is typed into the forms of keys, as bodies of the admin API, and the API's faults back at their fields.

Nothing is judged here: a number that is none goes to the API as the text it is, and the API says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.accounts.gates import BOUNDS
from proxy.accounts.roles import Actor
from proxy.admin.api import find, validated
from proxy.admin.dashboard.frame import Visit
from proxy.admin.key_forms import DAY
from proxy.errors import InvalidRequest, NotPermitted, ProxyError

FORM_BOUNDS = (*BOUNDS, "queue")
"""Every number of a limit: a limit is put as a whole, so a form that lacked one would take it away."""
WORDS: Mapping[str, str] = {
    "requests_per_minute": "Requests a minute",
    "requests_per_day": "Requests a day",
    "tokens_per_minute": "Tokens a minute",
    "input_tokens_per_minute": "Input tokens a minute",
    "uncached_input_tokens_per_minute": "Uncached input tokens a minute",
    "output_tokens_per_minute": "Output tokens a minute",
    "concurrent": "Requests at a time",
    "queue": "Waiting for a place",
}
SHORT: Mapping[str, str] = {
    "requests_per_minute": "req/min",
    "requests_per_day": "req/day",
    "tokens_per_minute": "tok/min",
    "input_tokens_per_minute": "input tok/min",
    "uncached_input_tokens_per_minute": "uncached tok/min",
    "output_tokens_per_minute": "output tok/min",
    "concurrent": "at a time",
    "queue": "may wait",
}
LIMITS, BUDGETS, KEYS = "/admin/v1/limits", "/admin/v1/budgets", "/admin/v1/keys"
_FIELDS: Mapping[str, str] = {"expires_in_seconds": "expires", "expires_at": "expires", "grace_seconds": "grace"}
"""Field of the API -> that of the form, where it is another."""
_DIGITS = 15


def number(text: str) -> Any:
    """A whole number, or the text as it is."""
    plain = text.replace(",", "").replace(" ", "")
    return int(plain) if plain.isascii() and plain.isdecimal() and len(plain) <= _DIGITS else text


def lines(text: str) -> list[str]:
    """What stands on lines, or between commas."""
    return [each.strip() for each in text.replace(",", "\n").splitlines() if each.strip()]


def tags(text: str) -> dict[str, str]:
    """`team=search, env=prod`. Raises InvalidRequest for what is no pair."""
    found = {}
    for each in lines(text):
        name, sign, value = each.partition("=")
        if not sign:
            raise InvalidRequest("'tags' are pairs such as team=search, one on each line.", param="tags")
        found[name.strip()] = value.strip()
    return found


def days(text: str) -> Any:
    """A number of days as seconds; None for nothing."""
    found = number(text)
    return found * DAY if isinstance(found, int) else (found or None)


def key_body(visit: Visit) -> dict[str, Any]:
    """The key that a form describes. Raises InvalidRequest."""
    body: dict[str, Any] = {
        "tenant": visit.typed("tenant"),
        "name": visit.typed("name"),
        "owner": visit.typed("owner"),
        "tags": tags(visit.typed("tags")),
        "models": lines(visit.typed("models")),
    }
    expires = days(visit.typed("expires"))
    return body if expires is None else {**body, "expires_in_seconds": expires}


def limit_body(visit: Visit, key: str) -> dict[str, Any] | None:
    """The limit that a form describes; None where every field is empty."""
    given = {name: number(visit.typed(name)) for name in FORM_BOUNDS if visit.typed(name)}
    return {"key": key, **given} if given else None


def budget_body(visit: Visit, key: str) -> dict[str, Any] | None:
    """The budget that a form describes; None where no amount is given."""
    usd = visit.typed("usd").removeprefix("$")
    if not usd:
        return None
    body: dict[str, Any] = {"key": key, "usd": usd, "per": visit.typed("per", "month")}
    return {**body, "soft": number(visit.typed("soft"))} if visit.typed("soft") else body


def expect_valid(actor: Actor, method: str, path: str, body: Any) -> None:
    """What the API would say of a call before it does anything. Raises NotPermitted, InvalidRequest."""
    operation, _ = find(method, path)
    if actor.role not in operation.roles:
        raise NotPermitted(f"The role {actor.role} may not use {operation.id}.")
    validated(operation, body)


def at_its_field(fault: ProxyError) -> ProxyError:
    """The same fault, whose `param` is the field of the form: `models[0]` stands in `models`."""
    if fault.param:
        name = fault.param.partition("[")[0].partition(".")[0]
        fault.param = _FIELDS.get(name, name)
    return fault


def in_a_line(limits: Sequence[Mapping[str, Any]]) -> str:
    """Limits in one line: `60 req/min, 5 at a time`."""
    said = []
    for row in limits:
        bounds = ", ".join(f"{row[name]:,} {SHORT[name]}" for name in FORM_BOUNDS if row[name])
        said.append(bounds if row["model"] == "*" else f"{row['model']}: {bounds}")
    return "; ".join(said)
