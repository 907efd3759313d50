"""The tables of the overview: who and what most of it was, and how far budgets are along."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select

from proxy.admin.dashboard.totals import Totals
from proxy.storage import schema
from proxy.storage.store import Session

TOP = 10
"""Rows of a table."""
Row = Mapping[str, Any]
Share = Literal["cost", "tokens", "requests"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row: what it is, what it is called, and the part of the whole that it has."""

    id: str
    name: str
    totals: Totals
    part: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """A table. `others`: how many rows it does not show."""

    rows: Sequence[Ranked]
    share: Share
    others: int


def ranking(rows: Iterable[Row], column: str, money: str) -> Ranking:
    """The first ten of a column, from rows of `reports.usage` kept apart by it and by status.

    The order is that of the cost; where nothing has a price, of the tokens; where there are none, of the requests.
    """
    found: dict[str, Totals] = {}
    for row in rows:
        found.setdefault(str(row[column]), Totals()).add(row, money)
    share: Share = "requests"
    if any(each.cost_micros for each in found.values()):
        share = "cost"
    elif any(each.tokens for each in found.values()):
        share = "tokens"
    whole = sum(_size(each, share) for each in found.values()) or 1
    ordered = sorted(found.items(), key=lambda item: (-_size(item[1], share), -item[1].requests, item[0]))
    top = [Ranked(name, name, each, _size(each, share) / whole) for name, each in ordered[:TOP]]
    return Ranking(top, share, len(ordered) - len(top))


def _size(each: Totals, share: Share) -> int:
    return {"cost": each.cost_micros, "tokens": each.tokens, "requests": each.requests}[share]


async def key_names(session: Session, found: Iterable[str]) -> dict[str, str]:
    """What keys of the store are called: `acme/web`. Those of the configuration are called so already."""
    keys = schema.KEYS
    wanted = [each for each in found if each.startswith("key_")]
    rows = await session.connection.execute(select(keys.c.id, keys.c.tenant, keys.c.name).where(keys.c.id.in_(wanted)))
    return {row.id: f"{row.tenant}/{row.name}" for row in rows}


@dataclass(frozen=True, slots=True)
class Fill:
    """How far a budget is along. `tone`: warn from its soft bound on, bad when it is used up."""

    budget: Mapping[str, Any]
    part: float
    tone: Literal["", "warn", "bad"]


def fills(budgets: Iterable[Mapping[str, Any]]) -> list[Fill]:
    """Budgets in the form of the admin API, the fullest first."""
    ordered = sorted(budgets, key=lambda each: (-each["percent"], each["id"]))
    return [Fill(each, each["percent"] / 100, _tone(each)) for each in ordered]


def _tone(budget: Mapping[str, Any]) -> Literal["", "warn", "bad"]:
    if budget["percent"] >= 100:  # noqa: PLR2004 - per cent
        return "bad"
    return "warn" if budget["percent"] >= budget["soft"] else ""
