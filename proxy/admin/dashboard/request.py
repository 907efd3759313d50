"""The whole story of one request: what was asked, what was done to it, what came back, what it cost.

A request of another tenant is not there for a tenant_admin, in the same words as one that never was.
"""

from typing import Any

from sqlalchemy import select

from proxy.admin.dashboard.frame import Page, View, Visit
from proxy.admin.dashboard.story import SCALE, story
from proxy.errors import NotFound
from proxy.storage import reports
from proxy.storage.ledger_schema import PRICES
from proxy.storage.store import Session

_LONGEST = 64
"""Characters of an id."""


async def render(visit: Visit) -> View:
    """What is shown. Raises NotFound, StoreUnavailable."""
    identity = visit.params["id"]
    async with visit.session() as session:
        row = await reports.request(session.connection, identity) if len(identity) <= _LONGEST else None
        if row is None or visit.tenant not in {None, row["tenant"]}:
            raise NotFound(
                f"There is no request '{identity[:_LONGEST]}' in the ledger, or it has been forgotten since."
            )
        figures = await _figures(session, row["price"])
    values = {"row": row, "story": story(row, figures), "scale": SCALE, "charged": visit.tenant is not None}
    return View("request.html", values, title=f"Request {row['id']}")


async def _figures(session: Session, version: str) -> dict[str, Any] | None:
    """The figures that the version of a price stands for, None where they are not kept."""
    if not version:
        return None
    query = select(PRICES.c.figures).where(PRICES.c.version == version)
    found: dict[str, Any] | None = (await session.connection.execute(query)).scalar()
    return found


PAGE = Page("/dashboard/requests/{id}", "request", "Request", render, listed=False)
