"""The audit log in OpenAI's shape: our actions under OpenAI's names, newest first.

What has no name at OpenAI goes by the nearest one; `action` always says what it is called here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ConfigDict
from sqlalchemy import ColumnElement, Select, select

from proxy.admin.listing import PAGING, flag, number, shaped, size, text
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply, View
from proxy.admin.organization.paging import BEFORE
from proxy.admin.organization.rate_limits import COLUMNS, UNLIMITED
from proxy.admin.subjects import held
from proxy.errors import InvalidRequest, NotFound
from proxy.storage.schema import AUDIT
from proxy.storage.store import Row, Session

PREFIX = "audit_log-"
_ID = re.compile(PREFIX + r"([0-9]{1,18})")

TYPES: Mapping[str, str] = {
    "tenant.created": "project.created",
    "tenant.updated": "project.updated",
    "tenant.archived": "project.archived",
    "tenant.deleted": "project.deleted",
    "key.created": "api_key.created",
    "key.updated": "api_key.updated",
    "key.rotated": "api_key.updated",
    "key.revoked": "api_key.deleted",
    "key.deleted": "api_key.deleted",
    "service_account.created": "service_account.created",
    "service_account.updated": "service_account.updated",
    "service_account.deleted": "service_account.deleted",
    "limit.created": "rate_limit.updated",
    "limit.updated": "rate_limit.updated",
    "limit.deleted": "rate_limit.deleted",
    "budget.created": "tenant.billing.overage_limit.updated",
    "budget.updated": "tenant.billing.overage_limit.updated",
    "budget.deleted": "tenant.billing.overage_limit.updated",
    "credential.created": "external_key.registered",
    "credential.deleted": "external_key.removed",
    "api_key_ref.created": "external_key.registered",
    "api_key_ref.deleted": "external_key.removed",
    "admin_token.created": "tenant.admin_api_key.created",
    "admin_token.updated": "tenant.admin_api_key.updated",
    "admin_token.revoked": "tenant.admin_api_key.deleted",
    "admin_token.deleted": "tenant.admin_api_key.deleted",
}
"""Our action -> OpenAI's type."""
OTHER = "organization.updated"
"""The type of actions that are not in the table."""
RANGES = ("gt", "gte", "lt", "lte")
TENANT_SCOPED = "tenant."


class AuditLog(View):
    """An entry. The details stand under the name of its type: `{"project.created": {"id": ...}}`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    object: Literal["organization.audit_log"] = "organization.audit_log"
    type: str
    effective_at: int
    action: str
    actor: dict[str, Any]


def view(row: Row) -> dict[str, Any]:
    """An entry as it is sent."""
    kind = TYPES.get(row["action"], OTHER)
    entry = AuditLog(
        id=f"{PREFIX}{row['id']}", type=kind, effective_at=row["at"], action=row["action"], actor=_actor(row)
    ).model_dump()
    if row["tenant"]:
        entry["project"] = {"id": row["tenant"], "name": row["tenant"]}
    entry[kind] = {"id": row["object_id"], **_details(kind, row)}
    return entry


def _actor(row: Row) -> dict[str, Any]:
    if row["actor_id"] == "cli":
        return {"type": "session", "session": {"user": {"id": "cli"}, "ip_address": row["address"]}}
    return {
        "type": "api_key",
        "api_key": {"id": row["actor_id"], "type": "user", "user": {"id": row["actor_id"]}},
        "ip_address": row["address"],
    }


def _details(kind: str, row: Row) -> dict[str, Any]:
    """What OpenAI tells of such an event, taken from the row before and after."""
    before, after = row["before"] or {}, row["after"] or {}
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    if kind == "project.created":
        return {"data": {"name": after.get("name"), "title": after.get("name")}}
    if kind == "project.updated":
        return {"changes_requested": {"title": changed["name"]} if "name" in changed else {}}
    if kind == "api_key.created":
        return {"data": {"scopes": after.get("endpoints") or []}}
    if kind == "api_key.updated":
        return {"changes_requested": {"scopes": changed["endpoints"]} if "endpoints" in changed else {}}
    if kind == "service_account.created":
        return {"data": {"role": "member"}}
    if kind == "rate_limit.updated":
        return {"changes_requested": dict(_limits(changed))}
    return {}


def _limits(changed: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for theirs, ours in COLUMNS.items():
        if ours in changed:
            yield theirs, UNLIMITED if changed[ours] is None else changed[ours]


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """The entries that the caller may see and that suit the filters. Raises InvalidRequest, NotFound for a cursor."""
    wanted = size(call)
    after, before = _cursor(call, "after"), _cursor(call, "before")
    query = select(AUDIT).where(*_conditions(call))
    if before is not None:  # the page that ends there: its rows are the nearest ones, oldest first
        rows = await _rows(session, query.where(AUDIT.c.id > before).order_by(AUDIT.c.id).limit(wanted + 1))
        return shaped([view(row) for row in rows[:wanted][::-1]], more=len(rows) > wanted)
    if after is not None:
        query = query.where(AUDIT.c.id < after)
    rows = await _rows(session, query.order_by(AUDIT.c.id.desc()).limit(wanted + 1))
    return shaped([view(row) for row in rows[:wanted]], more=len(rows) > wanted)


async def _rows(session: Session, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in (await session.connection.execute(query)).mappings()]


def _cursor(call: Call, name: str) -> int | None:
    given = text(call, name)
    if given is None:
        return None
    found = _ID.fullmatch(given)
    if found is None:
        raise NotFound(f"'{name}' names no entry of the audit log.", param=name)
    return int(found[1])


def _conditions(call: Call) -> Iterator[ColumnElement[bool]]:
    columns = AUDIT.c
    if (own := held(call.actor)) is not None:
        yield columns.tenant == own
    for parameter, column in (
        ("project_ids", columns.tenant),
        ("actor_ids", columns.actor_id),
        ("resource_ids", columns.object_id),
    ):
        if parameter in call.query:
            yield column.in_(call.query[parameter])
    if "actor_emails" in call.query:
        told = "Actors have no e-mail address here; use actor_ids."
        raise InvalidRequest(told, param="actor_emails", code="unsupported_parameter")
    yield from _types(call)
    yield from _times(call)


def _types(call: Call) -> Iterator[ColumnElement[bool]]:
    if "event_types" in call.query:
        yield _of_types(frozenset(call.query["event_types"]))
    if flag(call, "tenant_only"):
        yield _of_types(frozenset(kind for kind in TYPES.values() if kind.startswith(TENANT_SCOPED)))


def _of_types(wanted: frozenset[str]) -> ColumnElement[bool]:
    among = AUDIT.c.action.in_([action for action, kind in TYPES.items() if kind in wanted])
    return among | AUDIT.c.action.not_in(TYPES) if OTHER in wanted else among


def _times(call: Call) -> Iterator[ColumnElement[bool]]:
    at = AUDIT.c.at
    for name, compare in zip(RANGES, (at.__gt__, at.__ge__, at.__lt__, at.__le__), strict=True):
        bound = number(call, f"effective_at[{name}]")
        if bound is not None:
            yield compare(bound)


_FILTERS = {
    **{f"effective_at[{name}]": f"Unix seconds: only entries whose time is {name} this" for name in RANGES},
    "project_ids": "only those of these tenants",
    "event_types": "only those of these types, OpenAI's names",
    "actor_ids": "only those of these admin tokens; `bootstrap` and `cli` are actors, too",
    "actor_emails": "refused: actors have none",
    "resource_ids": "only those about these objects",
    "tenant_only": "true: only the types that begin with `tenant.`",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.audit_logs.list", "GET", "/v1/organization/audit_logs", EVERYBODY, show_all,
        "List the audit log, newest first, under OpenAI's names", view=AuditLog,
        query={**PAGING, **BEFORE, **_FILTERS}, listed=True,
    ),
)  # fmt: skip
