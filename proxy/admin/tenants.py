"""Tenants: groups of applications with one set of rules. Those of the configuration file are shown and not changed.

A tenant that is deleted is archived: its keys stop working at once, and its id is never given to another, so that the
audit log and bills go on to mean the one they meant.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WithJsonSchema

from proxy.admin.listing import PAGING, flag, listed, page, present
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Change, Office, Operation, Reply, View
from proxy.admin.subjects import ARCHIVED, alive, declared, find_declared, held
from proxy.admin.values import Label, Switch, TenantId
from proxy.admin.wording import fault, told
from proxy.errors import Conflict, NotFound
from proxy.settings.faults import Fault, path_text
from proxy.settings.tenants import Tenant
from proxy.storage.store import KEY, TENANT, Row, Session, expect_revision

ELSEWHERE: Mapping[str, str] = {
    "id": "it stands beside `rules`",
    "keys": "make them at /admin/v1/keys",
    "upstream_api_key": "set it at /admin/v1/credentials",
    "credentials": "set them at /admin/v1/credentials",
    "limits": "set them at /admin/v1/limits",
    "budgets": "set them at /admin/v1/budgets",
    "api_key_refs": "set them at /admin/v1/api_key_refs",
}
"""Settings of a tenant of the configuration file that are resources of their own here."""

RULES = tuple(name for name in Tenant.model_fields if name not in ELSEWHERE)
_NAMED = ", ".join(f"`{name}`" for name in RULES)
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: {"description": Tenant.model_fields[name].description} for name in RULES},
    "additionalProperties": False,
    "examples": [{"models": ["moonshotai/*"]}],
}
Rules = Annotated[
    dict[str, Any],
    Field(description=f"what a tenant of the configuration file has, too: {_NAMED}. Replaced as a whole"),
    WithJsonSchema(_SCHEMA),
]


class NewTenant(Body):
    """A tenant to be made."""

    id: TenantId = Field(description="its name in metrics, logs and paths", examples=["acme"])
    name: Label = Field(default="", description="for people; the id where nothing is said", examples=["Acme Inc."])
    rules: Rules = Field(default_factory=dict)
    disabled: Switch = Field(default=False, description="its keys are refused")


class TenantChange(Change):
    """What is to be different. What is not named stays."""

    name: Label = Field(default="", description="for people")
    rules: Rules = Field(default_factory=dict)
    disabled: Switch = Field(default=False, description="its keys are refused")


class TenantView(View):
    """A tenant."""

    object: Literal["tenant"]
    id: str = Field(description="its name in metrics, logs and paths")
    name: str = Field(description="for people")
    rules: dict[str, Any] = Field(description="as they were given")
    disabled: bool = Field(description="whether its keys are refused for the time being")
    archived_at: int | None = Field(description="Unix seconds; from then on its keys do not work any more")
    created_at: int = Field(description="Unix seconds; 0 for declared ones")
    declared: bool = Field(description="whether the configuration file has it, so that it cannot be changed here")
    revision: int = Field(description="counted up with each change; the `ETag`")


def view(row: Row) -> dict[str, Any]:
    """A row as clients see it. Declared ones have revision 0."""
    names = ("id", "name", "rules", "disabled", "archived_at", "created_at", "revision")
    shown = {name: row[name] for name in names}
    return TenantView(object="tenant", declared=not row["revision"], **shown).model_dump(mode="json")


async def find_tenant(office: Office, session: Session, call: Call, identity: str, param: str | None = None) -> Row:
    """A tenant that the caller may see, declared ones included. Raises NotFound with `param`."""
    if held(call.actor) in {None, identity}:
        row = find_declared(office.declared.tenants(), identity)
        if row is not None:
            return row
        stored = await session.find(TENANT, id=identity)
        if stored:
            return stored[0]
    raise NotFound(f"There is no tenant '{identity[:200]}'.", param=param)


async def expect_open(office: Office, session: Session, call: Call, identity: str) -> Row:
    """A tenant that keys can be made for. Raises NotFound, and Conflict where it is archived or disabled."""
    row = await find_tenant(office, session, call, identity, param="tenant")
    if row["archived_at"] is not None:
        raise Conflict(f"The tenant '{identity}' is archived.", param="tenant", code=ARCHIVED)
    if row["disabled"]:
        raise Conflict(f"The tenant '{identity}' is disabled.", param="tenant", code="disabled")
    return row


def expect_rules(rules: Mapping[str, Any]) -> None:
    """Rules that a tenant can have, alone. Raises InvalidRequest with `param` (`rules.models[0]`)."""
    faults = [
        Fault("rules" + path_text(("x", name))[1:], "does not stand in rules", hint)
        for name, hint in ELSEWHERE.items()
        if name in rules
    ]
    if not faults:
        try:
            Tenant.model_validate({**rules, "id": "acme"})
        except ValidationError as error:
            faults = [_below(fault(each)) for each in error.errors(include_url=False, include_input=False)]
    if faults:
        raise told(faults)


def _below(inner: Fault) -> Fault:
    joint = "" if inner.path[:1] in {"[", ""} else "."
    return Fault(f"rules{joint}{inner.path}", inner.message, inner.hint)


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every tenant that the caller may see."""
    wanted = {"archived_at": present(flag(call, "archived")), "id": held(call.actor)}
    return listed(await page(session, TENANT, call, wanted, office.declared.tenants()), view)


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await find_tenant(office, session, call, call.params["id"])
    return _reply(row)


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new one. Raises InvalidRequest, Conflict."""
    body: NewTenant = call.body
    expect_rules(body.rules)
    if find_declared(office.declared.tenants(), body.id) is not None:
        raise declared(f"The tenant '{body.id}'", param="id")
    if await session.find(TENANT, id=body.id):
        raise Conflict(f"There is a tenant '{body.id}' already, or was one: ids are not used again.", param="id")
    row = {**body.model_dump(), "name": body.name or body.id}
    return _reply(await session.add(TENANT, row), 201)


async def change(office: Office, session: Session, call: Call) -> Reply:
    """Another name, other rules, on or off. Raises InvalidRequest, NotFound, Conflict, Stale."""
    row = await _changeable(office, session, call)
    if row["archived_at"] is not None:
        raise Conflict(f"The tenant '{row['id']}' is archived.", code=ARCHIVED)
    values = call.body.model_dump(exclude_unset=True)
    expect_rules(values.get("rules", {}))
    return _reply(await changed(session, call, row, values))


async def changed(session: Session, call: Call, row: Row, values: Row) -> Row:
    """The tenant with these values; the same row where nothing is different. Raises Stale, Conflict."""
    if all(row[name] == value for name, value in values.items()):
        expect_revision(row, call.revision)
        return row
    return await session.change(TENANT, row["id"], values, revision=call.revision)


async def archive(office: Office, session: Session, call: Call) -> Reply:
    """Close it for ever. With keys alive only with `force`, which revokes them. Raises NotFound, Conflict, Stale.

    What the Responses API has kept of it is unreachable without keys, and goes when it is pruned next
    (`storage.state_pruning`): it may be a gigabyte, too much for the transaction of this change.
    """
    row = await _changeable(office, session, call)
    force = flag(call, "force")
    if row["archived_at"] is not None:
        return _reply(row)
    keys = [key for key in await session.find(KEY, tenant=row["id"], revoked_at=None) if alive(key, session.now)]
    if keys and not force:
        raise Conflict(
            f"The tenant '{row['id']}' has keys that work: {len(keys)}. Revoke them, or use ?force=true to revoke them "
            "with it.",
            code="in_use",
        )
    row = await session.change(
        TENANT, row["id"], {"archived_at": session.now}, revision=call.revision, action="archived"
    )
    for key in keys:
        await session.change(KEY, key["id"], {"revoked_at": session.now}, action="revoked")
    return _reply(row)


async def _changeable(office: Office, session: Session, call: Call) -> Row:
    row = await find_tenant(office, session, call, call.params["id"])
    if not row["revision"]:
        raise declared(f"The tenant '{row['id']}'")
    return row


def _reply(row: Row, status: int = 200) -> Reply:
    return Reply(view(row), status, row["revision"])


_ARCHIVED = {"archived": "true: only archived ones; false: only the others"}
_FORCE = {"force": "true: revoke the keys that still work"}
_ROOT, _ONE = "/admin/v1/tenants", "/admin/v1/tenants/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "tenants.list", "GET", _ROOT, EVERYBODY, show_all, "List tenants",
        view=TenantView, query={**PAGING, **_ARCHIVED}, listed=True,
    ),
    Operation(
        "tenants.create", "POST", _ROOT, OPERATORS, create, "Make a tenant", NewTenant, TenantView, status=201
    ),
    Operation("tenants.get", "GET", _ONE, EVERYBODY, show, "Show a tenant", view=TenantView),
    Operation("tenants.update", "PATCH", _ONE, OPERATORS, change, "Change a tenant", TenantChange, TenantView),
    Operation(
        "tenants.delete", "DELETE", _ONE, OPERATORS, archive, "Archive a tenant: its keys stop working for ever",
        view=TenantView, query=_FORCE,
    ),
)  # fmt: skip
