"""Keys: whose they are, what state they are in, what bounds them, what they cost this month."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Table, select

from proxy.accounts.limits import dollars
from proxy.accounts.periods import period_start
from proxy.admin.dashboard.frame import ROOT, Page, View, Visit
from proxy.admin.dashboard.key_fields import KEYS, in_a_line
from proxy.admin.operations import KEYHOLDERS
from proxy.storage import reports, schema
from proxy.storage.audit import plain_rows
from proxy.storage.reports import Question
from proxy.storage.store import Row, Session

PATH = f"{ROOT}/keys"
SHOWN = "50"
"""Keys of a page."""
STATES: Mapping[str, tuple[str, str]] = {
    "active": ("good", "✓"),
    "rotating": ("warn", "↻"),
    "disabled": ("warn", "‖"),
    "expired": ("muted", "○"),
    "revoked": ("muted", "✕"),
}
"""Status of a key -> its tone, and a sign beside the word."""


async def render(visit: Visit) -> View:
    """What is shown. Raises InvalidRequest, NotFound, StoreUnavailable."""
    tenants = await tenants_of(visit)
    tenant, everything = visit.asked("tenant"), visit.asked("state") == "all"
    query = {"limit": [SHOWN]}
    query |= {"tenant": [tenant]} if tenant else {}
    query |= {} if everything else {"revoked": ["false"]}
    query |= {"after": [visit.asked("after")]} if visit.asked("after") else {}
    found = (await visit.call("GET", KEYS, query=query)).value
    keys = found["data"]
    ids = [key["id"] for key in keys]
    async with visit.session() as session:
        limits, budgets = await bounds_of(visit, session, ids), await money_of(visit, session, ids)
        spent = await _spent(visit, session, ids) if ids else {}
    keep = {"tenant": tenant or None, "state": "all" if everything else None}
    values = {
        "keys": [
            {
                **key,
                "limits": limits.get(key["id"], ""),
                "budgets": budgets.get(key["id"], ""),
                "spent": spent.get(key["id"]),
            }
            for key in keys
        ],
        "tenants": tenants,
        "tenant": tenant,
        "everything": everything,
        "states": STATES,
        "after": found["last_id"] if found["has_more"] else "",
        "first": not visit.asked("after"),
        "keep": keep,
        "may_make": visit.actor.role in KEYHOLDERS,
        "charged": visit.tenant is not None,
    }
    return View("keys.html", values)


async def tenants_of(visit: Visit) -> list[str]:
    """The ids of the tenants that the actor sees and that are not archived: the first hundred; others can be typed."""
    if visit.tenant is not None:
        return [visit.tenant]
    rows = (await visit.call("GET", "/admin/v1/tenants", query={"limit": ["100"]})).value["data"]
    return [row["id"] for row in rows if row["archived_at"] is None]


async def bounds_of(visit: Visit, session: Session, keys: Sequence[str]) -> dict[str, str]:
    """The limits of keys in a line each, by the id of the key."""
    rows = [*visit.office.declared.limits(), *await _for_keys(session, schema.LIMITS, keys)]
    return {key: in_a_line([row for row in rows if row["key"] == key]) for key in keys}


async def money_of(visit: Visit, session: Session, keys: Sequence[str]) -> dict[str, str]:
    """The budgets of keys in a line each, by the id of the key."""
    rows = [*visit.office.declared.budgets(), *await _for_keys(session, schema.BUDGETS, keys)]
    return {
        key: ", ".join(f"${dollars(row['micros'])} {_per(row['per'])}" for row in rows if row["key"] == key)
        for key in keys
    }


def _per(period: str) -> str:
    return "in all" if period == "total" else f"a {period}"


async def _for_keys(session: Session, table: Table, keys: Sequence[str]) -> list[Row]:
    found = await session.connection.execute(select(table).where(table.c.key.in_(keys)).order_by(table.c.id))
    return plain_rows(found)


async def _spent(visit: Visit, session: Session, keys: Sequence[str]) -> dict[str, Row]:
    """The sums of this month, by the id of the key."""
    only: dict[str, Sequence[str | int]] = {"key_id": keys}
    if visit.tenant is not None:
        only["tenant"] = [visit.tenant]
    asked = Question(period_start("month", visit.now), int(visit.now) + 1, "all", ("key_id",), only)
    return {row["key_id"]: row for row in await reports.usage(session.connection, asked)}


PAGE = Page(PATH, "keys", "Keys", render)
