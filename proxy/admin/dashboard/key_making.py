"""Making a key: a form, and the one answer that shows the key.

The key is in the answer to the form itself: in no address, no cookie, and never on a page that can be loaded again. The
form carries a name for this one key, so sending it again, by reloading the answer or by pressing twice, makes no
second key and shows the first one no more.
"""

from typing import Any
from urllib.parse import urlsplit

from proxy.admin.dashboard.frame import Action, Page, View, Visit
from proxy.admin.dashboard.key_fields import (
    BUDGETS,
    KEYS,
    LIMITS,
    WORDS,
    at_its_field,
    budget_body,
    expect_valid,
    key_body,
    limit_body,
)
from proxy.admin.dashboard.keys import PATH, tenants_of
from proxy.admin.operations import KEYHOLDERS, OPERATORS, Reply
from proxy.errors import ProxyError

OFFERED = ("requests_per_minute", "tokens_per_minute", "concurrent")
"""Bounds that the form for a new key has; the page of the key has them all."""
_EVERYWHERE, _LOCAL = frozenset({"", "0.0.0.0", "::"}), "localhost"  # noqa: S104 - nothing listens here
_NOBODY = "key_of_a_form"
"""Stands for the key that is not there yet when what bounds it is checked."""


async def render(visit: Visit) -> View:
    """The form. Raises StoreUnavailable."""
    values = {
        "tenants": await tenants_of(visit),
        "offered": {name: WORDS[name] for name in OFFERED},
        "bounding": visit.actor.role in OPERATORS,
        "once": visit.typed("once") or visit.office.random(16).hex(),
    }
    return View("key_new.html", values)


async def make(visit: Visit) -> View:
    """Make it, bound it, show it. Raises ProxyError, with the field of the form as `param`."""
    try:
        body = key_body(visit)
        for path, bound in _bounds(visit, _NOBODY):
            expect_valid(visit.actor, "PUT", path, bound)
        reply = await once(visit, KEYS, body)
    except ProxyError as fault:
        raise at_its_field(fault) from None
    failed = [] if reply.replayed else await _bound(visit, reply.value["id"])
    return shown(visit, reply, failed)


def _bounds(visit: Visit, key: str) -> list[tuple[str, dict[str, Any]]]:
    limit, budget = limit_body(visit, key), budget_body(visit, key)
    return [(path, body) for path, body in ((LIMITS, limit), (BUDGETS, budget)) if body is not None]


async def _bound(visit: Visit, key: str) -> list[str]:
    """Put its limit and budget. The key is there by now and has to be shown, so what fails is only told."""
    failed = []
    for path, body in _bounds(visit, key):
        try:
            await visit.call("PUT", path, body=body)
        except ProxyError as fault:
            failed.append(fault.message)
    return failed


async def once(visit: Visit, path: str, body: Any) -> Reply:
    """A POST that is done once for each form that was shown. Raises ProxyError."""
    name = visit.typed("once") or visit.office.random(16).hex()
    return await visit.api.call("POST", path, visit.actor, body=body, idempotency_key=f"dashboard-{name[:64]}")


def shown(visit: Visit, reply: Reply, failed: list[str], *, old: str = "", grace: str = "") -> View:
    """The page with the key, if this is the first time. `old`: id of the key that it replaces, for so long."""
    key = {name: value for name, value in reply.value.items() if name not in {"key", "warnings"}}
    values = {
        "key": key,
        "secret": "" if reply.replayed else reply.value["key"],
        "warnings": [*reply.value.get("warnings", ()), *failed],
        "old": old,
        "grace": grace,
        "base_url": base_url(visit),
    }
    return View("key_made.html", values, title="Key made already" if reply.replayed else "Your new key")


def base_url(visit: Visit) -> str:
    """What goes into OPENAI_BASE_URL, as far as it is known here; behind a load balancer it is the balancer's address.

    A listener on every address is reached under the name that the browser has for this machine.
    """
    host, port = visit.office.listens
    if host in _EVERYWHERE:
        host = urlsplit(f"//{visit.host}").hostname or _LOCAL
    if not port:
        return f"http://{_bracketed(host or _LOCAL)}/v1"
    return f"http://{_bracketed(host)}:{port}/v1"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


PAGE = Page(f"{PATH}/new", "key_new", "New key", render, KEYHOLDERS, {"make": Action(make, KEYHOLDERS)}, listed=False)
