"""Single requests, newest first, with filters. The address says all of it, so a list can be handed on as a link.

What the filters offer comes from the sums by hour of the same time: a few rows, however many requests there were.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from proxy.admin.dashboard.filters import CLASSES, NAMES, Filters, cursor, filters
from proxy.admin.dashboard.frame import Page, View, Visit
from proxy.admin.dashboard.outcomes import ENDS, outcome
from proxy.admin.dashboard.ranges import TimeRange, range_of
from proxy.endpoints import ENDPOINTS
from proxy.storage import reports
from proxy.storage.ranges import HOUR, floor
from proxy.storage.reports import Question, Row
from proxy.storage.store import Session

SHOWN = 50
"""Requests of a page."""
OFFERED = 100
"""Values that a filter offers at most; others can be typed."""
_OFFERS = {"tenant": "tenant", "key": "key_id", "model": "model", "status": "status"}


async def render(visit: Visit) -> View:
    """What is shown. Raises InvalidRequest, NotFound, StoreUnavailable."""
    when = range_of(visit.query, visit.now)
    wanted = filters(visit.query, visit.tenant)
    async with visit.session() as session:
        asked = wanted.question(when, visit.tenant)
        rows = await reports.requests(session.connection, asked, SHOWN + 1, wanted.after, **wanted.equal())
        offers = {name: await _offers(session, when, visit.tenant, column) for name, column in _OFFERS.items()}
    shown = rows[:SHOWN]
    values = {
        "when": when,
        "wanted": wanted,
        "keep": {**when.query(), **wanted.given},
        "names": NAMES,
        "lines": [(row, outcome(row)) for row in shown],
        "older": cursor(shown[-1]) if len(rows) > SHOWN else "",
        "offers": {**offers, "endpoint": [row.name for row in ENDPOINTS]},
        "classes": {name: words for name, (words, _) in CLASSES.items()},
        "ends": {name: each.word for name, each in ENDS.items()},
        "charged": visit.tenant is not None,
        "loosen": loosen(wanted, when),
        "pairs": pairs,
    }
    return View("requests.html", values)


async def _offers(session: Session, when: TimeRange, tenant: str | None, column: str) -> list[Any]:
    """The values of a column in the hours around the time, the most frequent first."""
    only = {} if tenant is None else {"tenant": [tenant]}
    start, end = floor(when.start, HOUR), -floor(-when.end, HOUR)
    found = await reports.usage(session.connection, Question(start, end, "all", (column,), only))
    return await asyncio.to_thread(_most_frequent, found, column)  # of thousands of keys, while streams go on


def _most_frequent(found: list[Row], column: str) -> list[Any]:
    ordered = sorted(found, key=lambda row: (-row["requests"], str(row[column])))
    return [row[column] for row in ordered if row[column] not in {"", 0}][:OFFERED]


def pairs(values: Iterable[Any]) -> list[tuple[str, str]]:
    """Values as options of a choice, each called what it is."""
    return [(str(value), str(value)) for value in values]


def loosen(wanted: Filters, when: TimeRange) -> list[tuple[str, str, dict[str, str]]]:
    """What could be taken off when nothing suits: what a filter is called, its value, and the query without it."""
    return [(NAMES[name], value, {**when.query(), **wanted.without(name)}) for name, value in wanted.given.items()]


PAGE = Page("/dashboard/requests", "requests", "Requests", render)
