"""The spend limit of a project: the monthly budget of a tenant. OpenAI counts it in cents."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.accounts.limits import MICROS
from proxy.admin.budgets import NewBudget, delete_budget, get_budget, put_budget
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.projects import ONE as PROJECT
from proxy.admin.organization.projects import expect_open, find_project
from proxy.errors import NotFound
from proxy.settings.bounds import MOST
from proxy.storage.store import BUDGET, Row, Session

PATH = PROJECT + "/spend_limit"
PER = "month"
CENT = MICROS // 100

Cents = Annotated[int, Field(strict=True, ge=1, le=MOST // CENT)]


class SpendLimit(View):
    """The monthly budget of a tenant."""

    object: Literal["project.spend_limit"] = "project.spend_limit"
    threshold_amount: int = Field(description="cents; a part of one is left out")
    currency: Literal["USD"] = "USD"
    interval: Literal["month"] = "month"
    enforcement: dict[str, Literal["inactive", "enforcing"]] = Field(description="enforcing: all of it is spent")


class SpendLimitDeleted(View):
    """A budget that is lifted."""

    object: Literal["project.spend_limit.deleted"] = "project.spend_limit.deleted"
    deleted: Literal[True] = True


class NewSpendLimit(Body):
    """A budget to be made or to replace the one there is."""

    threshold_amount: Cents = Field(description="cents")
    currency: Literal["USD"]
    interval: Literal["month"]


async def _budget(office: Office, session: Session, call: Call) -> Row:
    """The monthly budget of the path's project; a declared one is in force before a stored one. Raises NotFound."""
    project = await find_project(office, session, call)
    place = {"tenant": project["id"], "key": "", "per": PER}
    declared = [row for row in office.declared.budgets() if all(row[name] == value for name, value in place.items())]
    for row in (*declared, *await session.find(BUDGET, **place)):
        return dict(row)
    raise NotFound(f"The project '{project['id']}' has no spend limit.")


async def _shown(office: Office, session: Session, call: Call, row: Row) -> Reply:
    reply = await get_budget(office, session, replace(call, params={"id": row["id"]}))
    state: dict[str, Any] = {"status": "inactive" if Decimal(reply.value["remaining_usd"]) else "enforcing"}
    shown = SpendLimit(threshold_amount=row["micros"] // CENT, enforcement=state)
    return Reply(shown.model_dump(mode="json"), revision=reply.revision)


async def show(office: Office, session: Session, call: Call) -> Reply:
    """The budget. Raises NotFound where there is none."""
    return await _shown(office, session, call, await _budget(office, session, call))


async def put(office: Office, session: Session, call: Call) -> Reply:
    """Make or replace it. Raises NotFound, Conflict, Stale."""
    project = await expect_open(office, session, call)
    usd = str(Decimal(call.body.threshold_amount).scaleb(-2))
    new = NewBudget.model_validate({"tenant": project["id"], "usd": usd, "per": PER})
    await put_budget(office, session, replace(call, body=new))
    return await show(office, session, call)


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Lift it. Raises NotFound, Conflict, Stale."""
    row = await _budget(office, session, call)
    await delete_budget(office, session, replace(call, params={"id": row["id"]}))
    return Reply(SpendLimitDeleted().model_dump(mode="json"))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.spend_limit.get", "GET", PATH, EVERYBODY, show, "Show the monthly budget of a tenant",
        view=SpendLimit,
    ),
    Operation(
        "organization.spend_limit.put", "POST", PATH, OPERATORS, put, "Make or replace the monthly budget of a tenant",
        NewSpendLimit, SpendLimit,
    ),
    Operation(
        "organization.spend_limit.delete", "DELETE", PATH, OPERATORS, delete, "Lift the monthly budget of a tenant",
        view=SpendLimitDeleted,
    ),
)  # fmt: skip
