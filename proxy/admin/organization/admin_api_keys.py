"""Admin API keys: admin tokens in OpenAI's shape. One that is made here has the role of an owner, as at OpenAI."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.accounts.keys import TOKEN_PREFIX, redacted
from proxy.accounts.roles import Role
from proxy.admin import tokens
from proxy.admin.listing import PAGING, size
from proxy.admin.operations import OWNERS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.paging import choice, part
from proxy.admin.tokens import NewToken
from proxy.admin.values import Label, Seconds
from proxy.errors import NotFound
from proxy.storage.store import ADMIN_TOKEN, Row, Session

ROOT = "/v1/organization/admin_api_keys"
ONE = ROOT + "/{key_id}"

TokenName = Annotated[Label, Field(min_length=1, max_length=64)]


class TokenOwner(View):
    """Tokens belong to nobody but themselves."""

    type: Literal["user"] = "user"
    object: Literal["organization.user"] = "organization.user"
    id: str
    name: str
    created_at: int
    role: Role


class AdminApiKey(View):
    """An admin token."""

    object: Literal["organization.admin_api_key"] = "organization.admin_api_key"
    id: str
    name: str
    redacted_value: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    owner: TokenOwner


class MadeAdminApiKey(AdminApiKey):
    """An admin token that was just made. `value` is shown this once."""

    value: str = Field(description="the token; it cannot be shown again")


class AdminApiKeyDeleted(View):
    """An admin token that is revoked."""

    object: Literal["organization.admin_api_key.deleted"] = "organization.admin_api_key.deleted"
    id: str
    deleted: Literal[True] = True


class NewAdminApiKey(Body):
    """An owner's token to make."""

    name: TokenName = Field(description="whose it is, for the audit log")
    expires_in_seconds: Seconds | None = Field(default=None, description="until it expires; null = never")


class NewOwner(NewToken):
    """What it is at /admin/v1/tokens, where names are narrower."""

    name: TokenName
    role: Role = "owner"


def view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is shown."""
    owner = {name: row[name] for name in ("id", "name", "created_at", "role")}
    return AdminApiKey(
        **{name: row[name] for name in ("id", "name", "created_at", "expires_at", "last_used_at")},
        redacted_value=redacted(row["last4"], TOKEN_PREFIX),
        owner=TokenOwner(**owner),
    ).model_dump(mode="json")


async def _token(session: Session, call: Call) -> Row:
    found = await session.find(ADMIN_TOKEN, id=call.params["key_id"], revoked_at=None)
    if not found:
        raise NotFound(f"There is no admin API key '{call.params['key_id'][:200]}'.")
    return found[0]


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every token that is not revoked, whatever its role."""
    views = [view(row) for row in await session.find(ADMIN_TOKEN, revoked_at=None)]
    if choice(call, "order", ("asc", "desc")) == "desc":
        views.reverse()
    return part(call, views, size(call))


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new owner's token. Its value is in this answer and nowhere else."""
    seconds = call.body.expires_in_seconds
    new = NewOwner(name=call.body.name, expires_at=None if seconds is None else session.now + seconds)
    made = (await tokens.create(office, session, replace(call, body=new))).value
    row = await session.get(ADMIN_TOKEN, made["id"])
    shown = MadeAdminApiKey(**view(row), value=made["token"])
    return Reply(shown.model_dump(mode="json"), revision=row["revision"])


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await _token(session, call)
    return Reply(view(row), revision=row["revision"])


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Revoke it at once. Raises NotFound, Conflict, Stale."""
    row = await _token(session, call)
    await tokens.revoke(office, session, replace(call, params={"id": row["id"]}))
    return Reply(AdminApiKeyDeleted(id=row["id"]).model_dump(mode="json"))


_ORDER = {"order": "asc: oldest first, which is so where nothing is said; desc: newest first"}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.admin_api_keys.list", "GET", ROOT, OWNERS, show_all, "List admin tokens",
        view=AdminApiKey, query={**PAGING, **_ORDER}, listed=True,
    ),
    Operation(
        "organization.admin_api_keys.create", "POST", ROOT, OWNERS, create, "Make an owner's token",
        NewAdminApiKey, MadeAdminApiKey,
    ),
    Operation("organization.admin_api_keys.get", "GET", ONE, OWNERS, show, "Show an admin token", view=AdminApiKey),
    Operation(
        "organization.admin_api_keys.delete", "DELETE", ONE, OWNERS, delete, "Revoke an admin token",
        view=AdminApiKeyDeleted,
    ),
)  # fmt: skip
