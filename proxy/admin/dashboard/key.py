"""One key: what is known of it, what bounds it, and what can be done to it. Revoking has a page that asks first."""

from typing import Any
from urllib.parse import quote

from proxy.admin.dashboard.frame import Action, Go, Page, Said, View, Visit
from proxy.admin.dashboard.key_fields import (
    BUDGETS,
    FORM_BOUNDS,
    KEYS,
    LIMITS,
    WORDS,
    at_its_field,
    budget_body,
    days,
    in_a_line,
    limit_body,
    number,
)
from proxy.admin.dashboard.key_making import once, shown
from proxy.admin.dashboard.keys import PATH, STATES
from proxy.admin.operations import KEYHOLDERS, OPERATORS
from proxy.errors import InvalidRequest, ProxyError

GRACES = {"0": "at once", "3600": "in an hour", "86400": "in a day", "604800": "in a week", "2592000": "in 30 days"}
"""How long the old key goes on working, in seconds, in words."""
ENDED = frozenset({"revoked", "expired"})
"""Nothing can be done any more with a key in this state."""
PERIODS = {"day": "a day", "week": "a week", "month": "a month", "total": "in all"}


async def render(visit: Visit) -> View:
    """The key and what bounds it. Raises NotFound, StoreUnavailable."""
    key = await _key(visit)
    limits, budgets = await _rows(visit, LIMITS), await _rows(visit, BUDGETS)
    whole = next((row for row in limits if row["model"] == "*"), None)
    values = {
        "key": key,
        "states": STATES,
        "limits": [{**row, "line": in_a_line([row])} for row in limits],
        "whole": whole,
        "words": {name: WORDS[name] for name in FORM_BOUNDS},
        "budgets": budgets,
        "periods": PERIODS,
        "graces": GRACES,
        "once": visit.typed("once") or visit.office.random(16).hex(),
        "changeable": not key["declared"] and key["status"] not in ENDED,
    }
    return View("key.html", values, title=f"Key {key['name']}")


async def ask(visit: Visit) -> View:
    """The page that asks whether it is to be revoked. Raises NotFound, StoreUnavailable."""
    key = await _key(visit)
    return View("key_revoke.html", {"key": key}, title=f"Revoke {key['name']}?")


async def rotate(visit: Visit) -> View:
    """A new key beside the old one, and the one answer that shows it. Raises ProxyError."""
    grace = visit.typed("grace", "86400")
    body: dict[str, Any] = {"grace_seconds": number(grace)}
    if visit.typed("expires"):
        body["expires_in_seconds"] = days(visit.typed("expires"))
    try:
        reply = await once(visit, f"{_one(visit)}/rotate", body)
    except ProxyError as fault:
        raise at_its_field(fault) from None
    return shown(visit, reply, [], old=visit.params["id"], grace=GRACES.get(grace, f"in {grace} seconds"))


async def revoke(visit: Visit) -> Go:
    """Refuse it from now on. Raises ProxyError."""
    reply = await visit.call("POST", f"{_one(visit)}/revoke")
    name, tenant = reply.value["name"], reply.value["tenant"]
    return Go(f"{PATH}?tenant={quote(tenant)}", Said(f"The key {name} is revoked: requests with it are refused."))


async def switch(visit: Visit) -> Go:
    """Turn it off for the time being, or on again. Raises ProxyError."""
    off = visit.typed("disabled") == "true"
    reply = await visit.call("PATCH", _one(visit), body={"disabled": off})
    word = "off: requests with it are refused" if off else "on again"
    return Go(visit.path, Said(f"The key {reply.value['name']} is {word}."))


async def limit(visit: Visit) -> Go:
    """Put its limit for all models; with every field empty, lift it. Raises ProxyError."""
    known = visit.typed("limit")
    body = limit_body(visit, (await _key(visit))["id"])
    revision = number(visit.typed("revision")) if visit.typed("revision") else None
    if body is None and known not in {row["id"] for row in await _rows(visit, LIMITS)}:
        raise InvalidRequest("Fill in at least one number.", param="requests_per_minute")
    try:
        if body is None:
            await visit.api.call("DELETE", f"{LIMITS}/{quote(known, safe='')}", visit.actor, revision=revision)
            return Go(visit.path, Said("The limit is lifted."))
        await visit.api.call("PUT", LIMITS, visit.actor, body=body, revision=revision)
    except ProxyError as fault:
        raise at_its_field(fault) from None
    return Go(visit.path, Said("The limit holds from now on."))


async def budget(visit: Visit) -> Go:
    """Put a budget for a period. Raises ProxyError."""
    body = budget_body(visit, (await _key(visit))["id"])
    if body is None:
        raise InvalidRequest("Say how many US dollars.", param="usd")
    try:
        await visit.call("PUT", BUDGETS, body=body)
    except ProxyError as fault:
        raise at_its_field(fault) from None
    return Go(visit.path, Said("The budget holds from now on."))


async def lift(visit: Visit) -> Go:
    """Lift a budget of this key. Raises ProxyError."""
    known = {row["id"] for row in await _rows(visit, BUDGETS)}
    if visit.typed("budget") not in known:
        raise InvalidRequest("This key has no such budget any more.")
    await visit.call("DELETE", f"{BUDGETS}/{quote(visit.typed('budget'), safe='')}")
    return Go(visit.path, Said("The budget is lifted."))


def _one(visit: Visit) -> str:
    return f"{KEYS}/{quote(visit.params['id'], safe='')}"


async def _key(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = (await visit.call("GET", _one(visit))).value
    return found


async def _rows(visit: Visit, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await visit.call("GET", path, query={"key": [visit.params["id"]], "limit": ["100"]})
    ).value["data"]
    return found


PAGE = Page(
    f"{PATH}/{{id}}",
    "key",
    "Key",
    render,
    actions={
        "rotate": Action(rotate, KEYHOLDERS),
        "switch": Action(switch, KEYHOLDERS),
        "limit": Action(limit, OPERATORS),
        "budget": Action(budget, OPERATORS),
        "lift": Action(lift, OPERATORS),
    },
    listed=False,
)
REVOKING = Page(
    f"{PATH}/{{id}}/revoke",
    "key_revoke",
    "Revoke a key?",
    ask,
    KEYHOLDERS,
    {"revoke": Action(revoke, KEYHOLDERS)},
    listed=False,
)
