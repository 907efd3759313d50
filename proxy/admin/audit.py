"""The audit log: who changed what and when, before and after, without secrets. Newest first."""

from typing import Any, Literal

from pydantic import Field

from proxy.accounts.roles import Role
from proxy.admin.listing import PAGING, listed, number, size, text
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply, View
from proxy.admin.subjects import held_to
from proxy.storage.audit import Wanted
from proxy.storage.store import Row, Session


class Who(View):
    """The actor of a change."""

    id: str = Field(description="of the admin token, or `bootstrap` (the configuration's) or `cli`")
    name: str
    role: Role
    address: str = Field(description="where the request came from; empty on the command line")


class Entry(View):
    """One change."""

    object: Literal["audit_entry"]
    id: str
    at: int = Field(description="Unix seconds")
    actor: Who
    action: str = Field(description="`key.created`, `tenant.updated`")
    object_type: str = Field(description="`key`, `tenant`")
    object_id: str
    tenant: str | None = Field(description="whose object it is")
    before: dict[str, Any] | None = Field(description="without secrets; null for what was made")
    after: dict[str, Any] | None = Field(description="without secrets; null for what was deleted")


def view(row: Row) -> dict[str, Any]:
    """A row as readers see it."""
    names = ("at", "action", "object_id", "tenant", "before", "after")
    return Entry(
        object="audit_entry",
        id=str(row["id"]),
        actor=Who(id=row["actor_id"], name=row["actor_name"], role=row["actor_role"], address=row["address"]),
        object_type=row["object"],
        **{name: row[name] for name in names},
    ).model_dump(mode="json")


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """The changes that suit the filters; a tenant_admin sees those of its tenant. Raises InvalidRequest, NotFound."""
    wanted = Wanted(
        tenants=_one(held_to(call)),
        actors=_one(text(call, "actor")),
        actions=_one(text(call, "action")),
        objects=_one(text(call, "object")),
        object_ids=_one(text(call, "object_id")),
        since=number(call, "since"),
        until=number(call, "until"),
        after=number(call, "after"),
    )
    found = await session.audit_page(wanted, size(call))
    return listed(found, view)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


_FILTERS = {
    "tenant": "only changes of this tenant and what is its",
    "actor": "only changes by this actor: an id",
    "action": "only changes of this kind: `key.created`",
    "object": "only changes of such objects: `key`",
    "object_id": "only changes of this object",
    "since": "only changes from this moment on, Unix seconds",
    "until": "only changes before this moment, Unix seconds",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "audit.list", "GET", "/admin/v1/audit", EVERYBODY, show_all, "List changes, newest first",
        view=Entry, query={**PAGING, **_FILTERS}, listed=True,
    ),
)  # fmt: skip
