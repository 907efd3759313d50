"""The operations on budgets: the money that a tenant or a key may spend in a day, a week, a month or for ever.

Money is whole micro-dollars. It comes in as US dollars, a number or text, and goes out as text, because a JSON number
is a float to nearly everybody who reads it. There is one budget for a subject and a period; a second one replaces it.

What has been spent is the larger of what the store knows and what the limiter of this process knows: the one lags some
seconds behind, the other may have started a moment ago.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from sqlalchemy import select

from proxy.accounts.gates import Holder, budget_rule, gates_for
from proxy.accounts.limits import MICROS, Period, dollars
from proxy.accounts.periods import period_end, period_start
from proxy.admin.listing import PAGING, listed, page, text
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.subjects import (
    KeyId,
    deleted,
    exactly_one,
    expect_subject,
    held_to,
    named,
    put,
    removed,
)
from proxy.admin.values import TenantId
from proxy.settings.bounds import DECIMALS, MOST
from proxy.settings.section import complaint
from proxy.storage import schema
from proxy.storage.store import BUDGET, Row, Session

PATH = "/admin/v1/budgets"

_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")
_MOST_USD = MOST // MICROS


def to_micros(value: Any) -> int:
    """Micro-dollars from dollars, exactly: a float is read as the decimal that was written (0.1 is a tenth).

    Raises complaint for what is no amount of money above 0, has more than six decimals, or is beyond a million.
    """
    amount = _decimal(value)
    if amount is None:
        raise complaint("must be US dollars, a number or text with at most six decimals", '25, 0.5 or "0.000001"')
    micros = amount.scaleb(DECIMALS)
    if not 0 < micros <= MOST:
        raise complaint(f"must be more than 0 and at most {_MOST_USD}")
    return int(micros)


def _decimal(value: Any) -> Decimal | None:
    """The amount that is written there; None where it is none, or has more than six decimals."""
    if isinstance(value, str):
        return Decimal(value) if _AMOUNT.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    amount = Decimal(repr(value))
    return amount if amount.is_finite() and (abs(amount) > _MOST_USD or amount == round(amount, DECIMALS)) else None


_USD = {
    "anyOf": [
        {"type": "number", "minimum": 1 / MICROS, "maximum": _MOST_USD},
        {"type": "string", "pattern": "^[0-9]{1,7}(\\.[0-9]{1,6})?$"},
    ],
    "examples": ["25.00", 0.5],
}
Usd = Annotated[int, BeforeValidator(to_micros), WithJsonSchema(_USD)]
"""Given in dollars, held in micro-dollars."""


class NewBudget(Body):
    """A budget to be made or to replace the one there is. Either `tenant` or `key`."""

    model_config = ConfigDict(json_schema_extra=exactly_one("tenant", "key"))

    tenant: TenantId | None = Field(default=None, description="id of the tenant it is for")
    key: KeyId | None = Field(default=None, description="or id of the key it is for")
    usd: Usd = Field(description="US dollars, a number or text with at most six decimals")
    per: Period = Field(description="of the calendar in UTC, weeks from Monday; `total` is never counted anew")
    soft: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(
        default=80, description="per cent from which on it is warned"
    )


class BudgetView(View):
    """A budget, and how it stands in the present period. Amounts are US dollars as text."""

    id: str
    object: Literal["budget"] = "budget"
    tenant: str
    key: str | None = Field(description="id of the key it is for; null = the whole tenant")
    usd: str
    per: Period
    soft: int
    spent_usd: str = Field(description="in the present period, what is reserved for requests under way included")
    remaining_usd: str = Field(description="never below 0")
    percent: float = Field(description="spent, of the whole; above 100 where a request cost more than was reserved")
    resets_at: int | None = Field(description="Unix seconds at which it is counted anew; null for `total`")
    declared: bool = Field(description="it stands in the configuration file, and is not for the API to change")
    created_at: int
    revision: int


def gate_id(row: Row) -> str:
    """What its spending is counted under: `tenant:acme:day`."""
    return gates_for(Holder(row["tenant"], row["key"], "", budgets=(budget_rule(row),)), "").budgets[0].id


async def _views(office: Office, session: Session, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Rows as they are shown, by id."""
    periods = {row["id"]: (gate_id(row), period_start(row["per"], session.now)) for row in rows}
    spent = schema.SPENT
    query = select(spent).where(spent.c.budget.in_({budget for budget, _ in periods.values()}))
    kept = {(each.budget, each.period): each.micros for each in await session.connection.execute(query)}
    here = office.spent()
    known = {name: max(kept.get(place, 0), here.get(place, 0)) for name, place in periods.items()}
    return {row["id"]: _view(row, known[row["id"]], period_end(row["per"], session.now)) for row in rows}


def _view(row: Row, spent: int, resets_at: int | None) -> dict[str, Any]:
    return BudgetView(
        **{name: row[name] for name in ("id", "tenant", "per", "soft", "created_at", "revision")},
        key=row["key"] or None,
        usd=dollars(row["micros"]),
        spent_usd=dollars(spent),
        remaining_usd=dollars(max(0, row["micros"] - spent)),
        percent=round(100 * spent / row["micros"], 2),
        resets_at=resets_at,
        declared=row["revision"] == 0,
    ).model_dump()


async def list_budgets(office: Office, session: Session, call: Call) -> Reply:
    """Every budget, those of the configuration first."""
    wanted = {"tenant": held_to(call), "key": text(call, "key")}
    found = await page(session, BUDGET, call, wanted, office.declared.budgets())
    views = await _views(office, session, found.rows)
    return listed(found, lambda row: views[row["id"]])


async def put_budget(office: Office, session: Session, call: Call) -> Reply:
    """Make or replace the budget of a subject and a period. Raises InvalidRequest, NotFound, Conflict, Stale."""
    body: NewBudget = call.body
    subject = await expect_subject(office, session, body.tenant, body.key)
    place = {"tenant": subject.tenant, "key": subject.key, "per": body.per}
    row = {"id": f"bdg_{office.random(12).hex()}", **place, "micros": body.usd, "soft": body.soft}
    row = await put(session, BUDGET, row, await session.find(BUDGET, **place), call.revision)
    return await _shown(office, session, row)


async def get_budget(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await named(session, call, BUDGET, office.declared.budgets())
    return await _shown(office, session, row)


async def _shown(office: Office, session: Session, row: Row) -> Reply:
    return Reply((await _views(office, session, [row]))[row["id"]], revision=row["revision"])


async def delete_budget(office: Office, session: Session, call: Call) -> Reply:
    """Lift it. What was spent is remembered, should it be made again. Raises NotFound, Stale, Conflict."""
    row = await removed(session, call, BUDGET, office.declared.budgets())
    return Reply(deleted(BUDGET, row["id"]))


_SINGLE = f"{PATH}/{{id}}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "budgets.list",
        "GET",
        PATH,
        EVERYBODY,
        list_budgets,
        "List budgets and what is spent of them",
        view=BudgetView,
        query={"tenant": "only those of this tenant and its keys", "key": "only those of this key", **PAGING},
        listed=True,
    ),
    Operation(
        "budgets.put",
        "PUT",
        PATH,
        OPERATORS,
        put_budget,
        "Make or replace the budget of a tenant or key",
        body=NewBudget,
        view=BudgetView,
    ),
    Operation("budgets.get", "GET", _SINGLE, EVERYBODY, get_budget, "Read a budget", view=BudgetView),
    Operation("budgets.delete", "DELETE", _SINGLE, OPERATORS, delete_budget, "Lift a budget"),
)
