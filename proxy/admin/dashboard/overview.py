"""The overview: how much, how fast, for whom and for how much money, and what is going on now.

One transaction reads all of it, so that the tiles, the charts and the tables are of the same moment.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from proxy.admin.dashboard.charts import PARTS, charts
from proxy.admin.dashboard.frame import Page, View, Visit
from proxy.admin.dashboard.ranges import CUSTOM, TimeRange, range_of
from proxy.admin.dashboard.rankings import TOP, Ranking, fills, key_names, ranking
from proxy.admin.dashboard.totals import Period, Times, Totals, tiles, totals
from proxy.storage import reports
from proxy.storage.reports import Measure, Row
from proxy.storage.schema import TENANTS
from proxy.storage.store import Session

RANKED: Mapping[str, str] = {"tenant": "Tenants", "model": "Models", "key_id": "Keys"}
BUDGETS = 100
"""Shown at most: what one page of the admin API has."""
_MEASURES: tuple[Measure, ...] = ("duration", "first_token")


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        now, before: of the range and of the one before it.
        rows: sums by bucket and status.
        percentiles: by measure, rows by bucket.
        rankings: by column.
        changes: what was done to fields of requests.
        tenants: whether there is any.
    """

    now: Period
    before: Period
    rows: Sequence[Row]
    percentiles: Mapping[str, Sequence[Row]]
    rankings: Mapping[str, Ranking]
    changes: Sequence[Row]
    tenants: bool


async def render(visit: Visit) -> View:
    """What is shown. Raises InvalidRequest, StoreUnavailable."""
    when = range_of(visit.query, visit.now)
    money = "cost_micros" if visit.tenant is None else "charged_micros"
    only = {} if visit.tenant is None else {"tenant": [visit.tenant]}
    async with visit.session() as session:
        when = await _kept(session, when, only)
        found = await _read(visit, session, when, only, money)
    budgets = await visit.call("GET", "/admin/v1/budgets", query={"limit": [str(BUDGETS)]})
    sums: dict[int, Totals] = {}
    for row in found.rows:
        sums.setdefault(row["bucket"], Totals()).add(row, money)
    values = {
        "when": when,
        "found": found,
        "tiles": tiles(found.now, found.before, when.passed(visit.now)),
        "charts": charts(when, sums, found.percentiles["duration"], found.percentiles["first_token"]),
        "titles": RANKED,
        "fills": fills(budgets.value["data"]),
        "host": _name(visit.host),
    }
    return View("overview.html", values)


async def _read(
    visit: Visit, session: Session, when: TimeRange, only: Mapping[str, Sequence[str]], money: str
) -> Found:
    connection = session.connection
    rows = await reports.usage(connection, when.asks(when.width, ("status",), only))
    then = await reports.usage(connection, when.before.asks("all", ("status",), only))
    changed = await reports.changes(connection, when.asks(only=only), TOP)
    return Found(
        now=await _period(session, when, totals(rows, money), only),
        before=await _period(session, when.before, totals(then, money), only),
        rows=rows,
        percentiles={
            name: await reports.latency(connection, when.asks(when.width, (), only), name, PARTS) for name in _MEASURES
        },
        rankings={name: await _ranked(session, when, name, only, money) for name in RANKED},
        changes=changed,
        tenants=bool(visit.office.declared.tenants()) or await _is_any_tenant(session),
    )


async def _kept(session: Session, when: TimeRange, only: Mapping[str, Sequence[str]]) -> TimeRange:
    """The range, by whole hours where its single requests are forgotten and its sums are not."""
    if when.name != CUSTOM or when.width != "minute":
        return when
    asked = when.hours.asks(only=only)
    if await reports.requests(session.connection, asked, 1) or not await reports.usage(session.connection, asked):
        return when
    return when.hours


async def _is_any_tenant(session: Session) -> bool:
    return (await session.connection.execute(select(TENANTS.c.id).limit(1))).first() is not None


async def _period(session: Session, when: TimeRange, sums: Totals, only: Mapping[str, Sequence[str]]) -> Period:
    times: dict[str, Times] = {}
    for name in _MEASURES:
        found = await reports.latency(session.connection, when.asks("all", (), only), name, PARTS)
        times[name] = found[0]["values"] if found else None
    return Period(sums, times["duration"], times["first_token"])


async def _ranked(
    session: Session, when: TimeRange, column: str, only: Mapping[str, Sequence[str]], money: str
) -> Ranking:
    rows = await reports.usage(session.connection, when.asks("all", (column, "status"), only))
    found = await asyncio.to_thread(ranking, rows, column, money)  # of thousands of keys, while streams go on
    if column != "key_id":
        return found
    names = await key_names(session, [each.id for each in found.rows])
    return replace(found, rows=[replace(each, name=names.get(each.id, each.name)) for each in found.rows])


def _name(host: str) -> str:
    """The name or address in a Host header, for an example of how to reach the other listener."""
    return host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host


PAGE: Page = Page("/dashboard", "overview", "Overview", render)
