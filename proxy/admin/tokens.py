"""Admin tokens: who may use this API. Their values are shown once; what is kept are digests.

The token of the configuration is none of these: it is the bootstrap, an owner that cannot be revoked here.
"""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from proxy.accounts.keys import IDENTITY_BYTES, LAST, RANDOM_BYTES, TOKEN_PREFIX, digest, identity, mint, redacted
from proxy.accounts.roles import Role
from proxy.admin.keys import ending
from proxy.admin.listing import PAGING, flag, listed, page, present, text
from proxy.admin.operations import OWNERS, Body, Call, Office, Operation, Reply, View
from proxy.admin.subjects import alive
from proxy.admin.tenants import expect_open
from proxy.admin.values import Moment, Name, TenantId
from proxy.errors import Conflict
from proxy.settings.section import complaint
from proxy.storage.store import ADMIN_TOKEN, Row, Session

_ROLE = "owner: everything · operator: all but tokens · viewer: reads · tenant_admin: the keys of one tenant"
_ENDS = "Unix seconds from which on it is refused; null = never"
_WITH_TENANT: dict[str, Any] = {
    "if": {"properties": {"role": {"const": "tenant_admin"}}},
    "then": {"required": ["tenant"], "properties": {"tenant": {"type": "string"}}},
    "else": {"properties": {"tenant": {"type": "null"}}},
}


class NewToken(Body):
    """A token to be made."""

    model_config = ConfigDict(json_schema_extra=_WITH_TENANT)
    name: Name = Field(description="whose it is, for the audit log", examples=["ci"])
    role: Role = Field(description=_ROLE, examples=["viewer"])
    tenant: TenantId | None = Field(default=None, description="the one tenant of a tenant_admin; null for the others")
    expires_at: Moment | None = Field(default=None, description=_ENDS)

    @model_validator(mode="after")
    def _tenant_where_it_counts(self) -> Self:
        if (self.role == "tenant_admin") != (self.tenant is not None):
            raise complaint("must have a tenant for the role tenant_admin, and for no other role")
        return self


class TokenView(View):
    """An admin token, without its value."""

    object: Literal["admin_token"]
    id: str
    name: str = Field(description="whose it is, for the audit log")
    role: Role = Field(description=_ROLE)
    tenant: str | None = Field(description="the one tenant of a tenant_admin")
    redacted: str = Field(description="its beginning and its end")
    created_at: int = Field(description="Unix seconds")
    expires_at: int | None = Field(description=_ENDS)
    last_used_at: int | None = Field(description="Unix seconds, to the minute")
    revoked_at: int | None = Field(description="Unix seconds; refused for ever")
    status: Literal["active", "expired", "revoked"]
    revision: int = Field(description="counted up with each change; the `ETag`")


class MadeToken(TokenView):
    """A token that was just made. Its value is shown this once."""

    token: str = Field(description="the value; it cannot be shown again")


_SHOWN = tuple(set(TokenView.model_fields) - {"object", "redacted", "status"})


def view(row: Row, now: int) -> dict[str, Any]:
    """A row as owners see it."""
    ended = "revoked" if row["revoked_at"] is not None else "expired"
    return TokenView(
        object="admin_token",
        redacted=redacted(row["last4"], TOKEN_PREFIX),
        status="active" if alive(row, now) else ended,
        **{name: row[name] for name in _SHOWN},
    ).model_dump(mode="json")


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every token that suits the filters."""
    wanted = {
        "role": text(call, "role"),
        "tenant": text(call, "tenant"),
        "revoked_at": present(flag(call, "revoked")),
    }
    return listed(await page(session, ADMIN_TOKEN, call, wanted), lambda row: view(row, session.now))


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    return _reply(session, await session.get(ADMIN_TOKEN, call.params["id"]))


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new one. Its value is in this answer and nowhere else. Raises InvalidRequest, NotFound, Conflict."""
    body: NewToken = call.body
    if body.tenant is not None:
        await expect_open(office, session, call, body.tenant)
    value = mint(office.random(RANDOM_BYTES), TOKEN_PREFIX)
    kept = {
        "id": identity("token_", office.random(IDENTITY_BYTES)),
        "digest": office.sealing.digest(digest(value)),
        "last4": value[-LAST:],
    }
    given = body.model_dump(mode="json") | {"expires_at": ending(session.now, body.expires_at)}
    row = await session.add(ADMIN_TOKEN, {**given, **kept})
    shown = MadeToken(**view(row, session.now), token=value)
    return Reply(shown.model_dump(mode="json"), 201, row["revision"])


async def revoke(office: Office, session: Session, call: Call) -> Reply:
    """Refuse it from now on and for ever. A second time does nothing. Raises NotFound, Conflict, Stale."""
    row = await session.get(ADMIN_TOKEN, call.params["id"])
    if row["revoked_at"] is not None:
        return _reply(session, row)
    if row["id"] == call.actor.id and not office.bootstrap and not await _other_owner(session, row):
        raise Conflict(
            "This is your own token and the last one of an owner: nobody could use this API any more. Make another "
            "owner first.",
            code="last_owner",
        )
    values = {"revoked_at": session.now}
    row = await session.change(ADMIN_TOKEN, row["id"], values, revision=call.revision, action="revoked")
    return _reply(session, row)


async def _other_owner(session: Session, row: Row) -> bool:
    owners = await session.find(ADMIN_TOKEN, role="owner", revoked_at=None)
    return any(alive(each, session.now) and each["id"] != row["id"] for each in owners)


def _reply(session: Session, row: Row) -> Reply:
    return Reply(view(row, session.now), 200, row["revision"])


_FILTERS = {
    "role": "only those of this role",
    "tenant": "only those of this tenant",
    "revoked": "true: only revoked ones; false: only the others",
}
_ROOT, _ONE = "/admin/v1/tokens", "/admin/v1/tokens/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "tokens.list", "GET", _ROOT, OWNERS, show_all, "List admin tokens",
        view=TokenView, query={**PAGING, **_FILTERS}, listed=True,
    ),
    Operation("tokens.create", "POST", _ROOT, OWNERS, create, "Make an admin token", NewToken, MadeToken, status=201),
    Operation("tokens.get", "GET", _ONE, OWNERS, show, "Show an admin token", view=TokenView),
    Operation("tokens.revoke", "POST", _ONE + "/revoke", OWNERS, revoke, "Revoke an admin token", view=TokenView),
)  # fmt: skip
