"""Keys of a project in OpenAI's shape: every key of the tenant that is not revoked, however it was made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from proxy.accounts.keys import redacted
from proxy.admin import keys
from proxy.admin.key_forms import KeyChange
from proxy.admin.listing import PAGING, size
from proxy.admin.operations import EVERYBODY, KEYHOLDERS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.paging import choice, part
from proxy.admin.organization.projects import ONE as PROJECT
from proxy.admin.organization.projects import expect_open, find_project
from proxy.admin.organization.service_accounts import refuse_scopes
from proxy.admin.subjects import alive
from proxy.admin.values import Seconds
from proxy.errors import Conflict, NotFound
from proxy.storage.store import KEY, SERVICE_ACCOUNT, Row, Session

ROOT = PROJECT + "/api_keys"
ONE = ROOT + "/{api_key_id}"

Access = Literal["active", "inactive"]


class ProjectApiKey(View):
    """A key of a tenant."""

    object: Literal["organization.project.api_key"] = "organization.project.api_key"
    id: str
    name: str
    redacted_value: str
    created_at: int = Field(description="Unix seconds; 0 for declared ones")
    last_used_at: int | None
    expires_at: int | None
    owner_project_access: Access = Field(description="whether it works: not disabled, not expired, its tenant open")
    owner: dict[str, Any] = Field(description="a service account, or whoever answers for the key as a user")


class ProjectApiKeyDeleted(View):
    """A key that is revoked."""

    object: Literal["organization.project.api_key.deleted"] = "organization.project.api_key.deleted"
    id: str
    deleted: Literal[True] = True


class ChangedProjectApiKey(Body):
    """What to change of a key."""

    expires_in_seconds: Seconds | None = Field(default=None, description="until it expires; null = as it is")
    scopes: list[str] | None = Field(default=None, description="none: a key is bounded at /admin/v1/keys")


def view(row: Row, project: Row, accounts: Mapping[str, Row], now: int) -> dict[str, Any]:
    """A row as it is shown. `accounts`: the service accounts of the project by id."""
    works = alive(row, now) and not row["disabled"] and not project["disabled"] and project["archived_at"] is None
    return ProjectApiKey(
        **{name: row[name] for name in ("id", "name", "created_at", "last_used_at", "expires_at")},
        redacted_value=redacted(row["last4"]),
        owner_project_access="active" if works else "inactive",
        owner=_owner(row, accounts.get(row["service_account"] or "")),
    ).model_dump(mode="json")


def _owner(row: Row, account: Row | None) -> dict[str, Any]:
    if account is not None:
        shown = {name: account[name] for name in ("id", "name", "created_at")}
        return {"type": "service_account", "service_account": {**shown, "role": "member"}}
    name = row["owner"]
    user = {"id": name or row["id"], "name": name or row["name"], "email": name if "@" in name else ""}
    return {"type": "user", "user": {**user, "role": "member", "created_at": row["created_at"]}}


async def _rows(office: Office, session: Session, project: Row) -> list[Row]:
    declared = [dict(row) for row in office.declared.keys() if row["tenant"] == project["id"]]  # noqa: SIM118 - a method
    return declared + await session.find(KEY, tenant=project["id"], revoked_at=None)


async def _accounts(session: Session, project: Row) -> dict[str, Row]:
    return {row["id"]: row for row in await session.find(SERVICE_ACCOUNT, tenant=project["id"])}


async def _key(office: Office, session: Session, call: Call, project: Row) -> Row:
    """The key that the path names. Raises NotFound."""
    wanted = call.params["api_key_id"]
    for row in await _rows(office, session, project):
        if row["id"] == wanted:
            return row
    raise NotFound(f"There is no key '{wanted[:200]}' in this project.")


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every key of a project, declared ones first. Raises NotFound."""
    project = await find_project(office, session, call)
    access = choice(call, "owner_project_access", ("active", "inactive", "any"))
    accounts = await _accounts(session, project)
    views = [view(row, project, accounts, session.now) for row in await _rows(office, session, project)]
    wanted = [each for each in views if access in {None, "any", each["owner_project_access"]}]
    return part(call, wanted, size(call))


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    project = await find_project(office, session, call)
    row = await _key(office, session, call, project)
    return Reply(view(row, project, await _accounts(session, project), session.now), revision=row["revision"])


async def change(office: Office, session: Session, call: Call) -> Reply:
    """Another end. Raises InvalidRequest, NotFound, Conflict, Stale."""
    body: ChangedProjectApiKey = call.body
    refuse_scopes(body.scopes)
    project = await expect_open(office, session, call)
    row = await _key(office, session, call, project)
    if not alive(row, session.now):
        raise Conflict(f"The key '{row['name']}' has expired; make another one.", code="expired")
    if body.expires_in_seconds is not None:
        change = KeyChange(expires_at=session.now + body.expires_in_seconds)
        await keys.change(office, session, replace(call, params={"id": row["id"]}, body=change))
    return await show(office, session, replace(call, revision=None))


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Revoke it at once. Raises NotFound, Conflict, Stale."""
    row = await _key(office, session, call, await find_project(office, session, call))
    await keys.revoke(office, session, replace(call, params={"id": row["id"]}))
    return Reply(ProjectApiKeyDeleted(id=row["id"]).model_dump(mode="json"))


_ACCESS = {"owner_project_access": "active: only those that work; inactive: only the others; any: all"}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.project_api_keys.list", "GET", ROOT, EVERYBODY, show_all, "List the keys of a tenant",
        view=ProjectApiKey, query={**PAGING, **_ACCESS}, listed=True,
    ),
    Operation("organization.project_api_keys.get", "GET", ONE, EVERYBODY, show, "Show a key", view=ProjectApiKey),
    Operation(
        "organization.project_api_keys.update", "POST", ONE, KEYHOLDERS, change, "Change when a key expires",
        ChangedProjectApiKey, ProjectApiKey,
    ),
    Operation(
        "organization.project_api_keys.delete", "DELETE", ONE, KEYHOLDERS, delete, "Revoke a key at once",
        view=ProjectApiKeyDeleted,
    ),
)  # fmt: skip
