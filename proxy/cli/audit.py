"""`telnyx-proxy audit`: who changed what, and when; the newest change first."""

import argparse
from typing import Any

from proxy.accounts.limits import dollars
from proxy.cli.cells import shown
from proxy.cli.desks import PAGE, Desk, Misused, Told, add_alone, enlisted, path
from proxy.cli.durations import stamp
from proxy.cli.tables import Column, Row, cut, joined, table

LINES = 50
SHORT = 40
"""Characters of a value that are told in a line."""
UNTOLD = frozenset({"revision", "created_at", "id", "tenant"})
"""What changes with every change, or stands in the line already."""

COLUMNS = (
    Column("WHEN", lambda row, now: stamp(row.get("at") or 0), kept=True),
    Column("WHO", lambda row, now: who(row)),
    Column("WHAT", shown("action"), kept=True),
    Column("ON", shown("object_id"), kept=True),
    Column("TENANT", shown("tenant"), kept=True),
    Column("CHANGE", lambda row, now: difference(row.get("before"), row.get("after"))),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    about = "Tell who changed what, the newest change first."
    parser = add_alone(subparsers, "audit", about, _audit)
    parser.add_argument("--tenant", metavar="ID", help="of this tenant only")
    parser.add_argument("--limit", type=int, default=LINES, metavar="N", help=f"so many at most (default {LINES})")


async def _audit(desk: Desk, args: argparse.Namespace) -> Told:
    if args.limit < 1:
        raise Misused("--limit must be at least 1")
    rows = await _newest(desk, args.tenant, args.limit)
    if not rows:
        return Told(enlisted(rows), notes=("No changes so far.",))
    return Told(enlisted(rows), lambda screen: table(COLUMNS, rows, screen))


async def _newest(desk: Desk, tenant: str | None, limit: int) -> list[Row]:
    """So many entries, page after page. Raises Refused."""
    rows: list[Row] = []
    query = {} if tenant is None else {"tenant": tenant}
    while len(rows) < limit:
        size = min(PAGE, limit - len(rows))
        page = await desk.call("GET", path("audit"), query={**query, "limit": str(size)})
        rows += page["data"]
        if not page.get("has_more") or not page["data"]:
            break
        query["after"] = str(page["last_id"])
    return rows[:limit]


def who(row: Row) -> str:
    """A name and, where there is one, an address."""
    actor = row.get("actor") or {}
    name, address = joined(actor.get("name") or actor.get("id")), actor.get("address")
    return f"{name} ({address})" if address else name


def difference(before: Any, after: Any) -> str:
    """`disabled: no -> yes`: what a change changed; the properties of what was made; nothing for what was deleted."""
    old, new = before or {}, after or {}
    parts = []
    for name, value in new.items():
        if name in UNTOLD or value == old.get(name) or (not old and not value):
            continue
        title = {"micros": "usd"}.get(name, name)
        came = f"{_short(name, old.get(name))} -> " if old else ""
        parts.append(f"{title}: {came}{_short(name, value)}")
    return ", ".join(parts)


def _short(name: str, value: Any) -> str:
    """Words also for nothing: between a colon and an arrow it cannot be seen."""
    if value is False:
        return "no"
    if name == "micros" and isinstance(value, int):
        return dollars(value)
    if name.endswith("_at") and isinstance(value, int):
        return stamp(value)
    return cut(joined(value), SHORT) or "none"
