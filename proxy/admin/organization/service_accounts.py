"""Service accounts of a project: OpenAI's way to make keys.

An account is a name that keys are made for. Its key is named after it, because names of keys stand in logs here.
"""

import re
from typing import Any, Literal

from pydantic import Field

from proxy.accounts.keys import IDENTITY_BYTES, identity
from proxy.admin import keys
from proxy.admin.listing import PAGING, listed, page
from proxy.admin.operations import EVERYBODY, KEYHOLDERS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.projects import ONE as PROJECT
from proxy.admin.organization.projects import Title, expect_open, find_project, slug, unique
from proxy.admin.subjects import alive
from proxy.admin.values import Seconds, Switch
from proxy.errors import InvalidRequest, NotFound
from proxy.storage.store import KEY, SERVICE_ACCOUNT, Row, Session

ROOT = PROJECT + "/service_accounts"
ONE = ROOT + "/{service_account_id}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class ServiceAccount(View):
    """A service account."""

    object: Literal["organization.project.service_account"] = "organization.project.service_account"
    id: str
    name: str
    role: Literal["member"] = "member"
    created_at: int


class AccountKey(View):
    """A key that was just made for a service account. `value` is shown this once."""

    object: Literal["organization.project.service_account.api_key"] = "organization.project.service_account.api_key"
    id: str
    name: str
    created_at: int
    expires_at: int | None
    value: str = Field(description="the secret; it cannot be shown again")


class MadeServiceAccount(ServiceAccount):
    """A service account that was just made, with its first key."""

    api_key: AccountKey | None


class ServiceAccountDeleted(View):
    """A service account that is gone, and its keys with it."""

    object: Literal["organization.project.service_account.deleted"] = "organization.project.service_account.deleted"
    id: str
    deleted: Literal[True] = True


class NewServiceAccount(Body):
    """A service account to make."""

    name: Title = Field(description="for people; its key is named after it")
    create_service_account_only: Switch | None = Field(default=None, description="true: without a key")
    expires_in_seconds: Seconds | None = Field(default=None, description="until its key expires; null = never")


class ChangedServiceAccount(Body):
    """What to change of a service account."""

    name: Title | None = Field(default=None, description="for people")
    role: Literal["member", "owner"] | None = Field(default=None, description="all are members here")


class NewAccountKey(Body):
    """A further key of a service account."""

    name: Title | None = Field(default=None, description="for people and logs; null = the account's")
    expires_in_seconds: Seconds | None = Field(default=None, description="until it expires; null = never")
    scopes: list[str] | None = Field(default=None, description="none: a key is bounded at /admin/v1/keys")


def view(row: Row) -> dict[str, Any]:
    """A row as it is shown."""
    return ServiceAccount(id=row["id"], name=row["name"], created_at=row["created_at"]).model_dump(mode="json")


async def find_account(office: Office, session: Session, call: Call, *, change: bool = True) -> Row:
    """The service account that the path names. `change`: of a project that is open. Raises NotFound, Conflict."""
    project = await (expect_open if change else find_project)(office, session, call)
    found = await session.find(SERVICE_ACCOUNT, id=call.params["service_account_id"], tenant=project["id"])
    if not found:
        raise NotFound(f"There is no service account '{call.params['service_account_id'][:200]}' in this project.")
    return found[0]


def refuse_scopes(scopes: list[str] | None) -> None:
    """OpenAI's scopes name its own permissions. None at all is every permission. Raises InvalidRequest."""
    if scopes:
        text = "OpenAI's scopes have no meaning here; bound a key by endpoints, models and networks at /admin/v1/keys."
        raise InvalidRequest(text, param="scopes", code="unsupported_parameter")


async def add_key(office: Office, session: Session, account: Row, wanted: str, seconds: int | None) -> AccountKey:
    """Make a key for an account. `wanted`: its name, if it is free and can stand in logs."""
    tenant = account["tenant"]
    rows = (*office.declared.keys(), *await session.find(KEY, tenant=tenant))
    taken = frozenset(row["name"] for row in rows if row["tenant"] == tenant)
    name = wanted if _NAME.fullmatch(wanted) else slug(wanted) or "service-account"
    row = {
        "tenant": tenant,
        "name": unique(name, taken),
        "owner": account["name"],
        "tags": {},
        **{scope: [] for scope in ("endpoints", "models", "networks")},
        "expires_at": keys.ending(session.now, None, seconds),
        "service_account": account["id"],
    }
    kept, secret = await keys.add(office, session, row)
    shown = {name: kept[name] for name in ("id", "name", "created_at", "expires_at")}
    return AccountKey(**shown, value=secret)


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every service account of a project. Raises NotFound."""
    project = await find_project(office, session, call)
    return listed(await page(session, SERVICE_ACCOUNT, call, {"tenant": project["id"]}), view)


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new one, with its first key unless it is not wanted. Raises InvalidRequest, NotFound, Conflict."""
    body: NewServiceAccount = call.body
    if body.create_service_account_only and body.expires_in_seconds is not None:
        raise InvalidRequest("There is no key that could expire.", param="expires_in_seconds")
    project = await expect_open(office, session, call)
    new = {"id": identity("svc_", office.random(IDENTITY_BYTES)), "tenant": project["id"], "name": body.name}
    row = await session.add(SERVICE_ACCOUNT, new)
    key = None
    if not body.create_service_account_only:
        key = await add_key(office, session, row, row["name"], body.expires_in_seconds)
    return Reply(MadeServiceAccount(**view(row), api_key=key).model_dump(mode="json"), revision=row["revision"])


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One service account. Raises NotFound."""
    row = await find_account(office, session, call, change=False)
    return Reply(view(row), revision=row["revision"])


async def change(office: Office, session: Session, call: Call) -> Reply:
    """Another name. Raises InvalidRequest, NotFound, Conflict, Stale."""
    row = await find_account(office, session, call)
    if call.body.role == "owner":
        raise InvalidRequest("A service account is always a member here.", param="role", code="unsupported_parameter")
    if call.body.name not in {None, row["name"]}:
        row = await session.change(SERVICE_ACCOUNT, row["id"], {"name": call.body.name}, revision=call.revision)
    return Reply(view(row), revision=row["revision"])


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Forget an account; its keys are revoked. Raises NotFound, Stale."""
    row = await find_account(office, session, call, change=False)
    for key in await session.find(KEY, service_account=row["id"]):
        if alive(key, session.now):
            await session.change(KEY, key["id"], {"revoked_at": session.now}, action="revoked")
    await session.remove(SERVICE_ACCOUNT, row["id"], revision=call.revision)
    return Reply(ServiceAccountDeleted(id=row["id"]).model_dump(mode="json"))


async def create_key(office: Office, session: Session, call: Call) -> Reply:
    """A further key of an account. Raises InvalidRequest, NotFound, Conflict."""
    body: NewAccountKey = call.body
    refuse_scopes(body.scopes)
    account = await find_account(office, session, call)
    made = await add_key(office, session, account, body.name or account["name"], body.expires_in_seconds)
    return Reply(made.model_dump(mode="json"))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.service_accounts.list", "GET", ROOT, EVERYBODY, show_all, "List the service accounts of a tenant",
        view=ServiceAccount, query=PAGING, listed=True,
    ),
    Operation(
        "organization.service_accounts.create", "POST", ROOT, KEYHOLDERS, create, "Make a service account and its key",
        NewServiceAccount, MadeServiceAccount,
    ),
    Operation(
        "organization.service_accounts.get", "GET", ONE, EVERYBODY, show, "Show a service account", view=ServiceAccount
    ),
    Operation(
        "organization.service_accounts.update", "POST", ONE, KEYHOLDERS, change, "Rename a service account",
        ChangedServiceAccount, ServiceAccount,
    ),
    Operation(
        "organization.service_accounts.delete", "DELETE", ONE, KEYHOLDERS, delete,
        "Delete a service account and revoke its keys", view=ServiceAccountDeleted,
    ),
    Operation(
        "organization.service_accounts.api_keys.create", "POST", ONE + "/api_keys", KEYHOLDERS, create_key,
        "Make a further key of a service account", NewAccountKey, AccountKey,
    ),
)  # fmt: skip
