"""Whom a limit, a budget, a credential or a reference is for: a tenant, or one key of a tenant; and who sees it.

What the configuration declares is not for the API to change, so its tenants are told apart from those of the store:
a key that was made in the store for a declared tenant may be bounded, the tenant itself may not.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from proxy.accounts.roles import Actor
from proxy.admin.listing import text
from proxy.admin.operations import Call, Office
from proxy.errors import Conflict, InvalidRequest, NotFound, Stale
from proxy.storage.store import KEY, TENANT, Resource, Row, Session, expect_revision

DECLARED = "declared"
"""Code of a refusal to change what the configuration file declares."""
ARCHIVED = "archived"
"""Code of a refusal to change anything of a tenant that is archived."""
REVOKED = "revoked"
"""Code of a refusal to bound a key that is no more."""


KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$")]
"""`key_...`, or `tenant/name` for one that the configuration declares."""


class Subject(NamedTuple):
    """A tenant, or a key (its id) of it."""

    tenant: str
    key: str = ""


async def expect_subject(office: Office, session: Session, tenant: str | None, key: str | None) -> Subject:
    """Whom a request names. Raises InvalidRequest where it is not exactly one, NotFound, Conflict."""
    if tenant is not None and key is None:
        await expect_changeable(office, session, tenant)
        return Subject(tenant)
    if key is not None and tenant is None:
        return Subject(await _owner(office, session, key), key)
    raise InvalidRequest("Name either a tenant or a key, by its id.", param="tenant" if tenant is None else "key")


async def expect_changeable(office: Office, session: Session, tenant: str) -> None:
    """A tenant of the store that is in use. Raises NotFound and Conflict, with `param`."""
    if find_declared(office.declared.tenants(), tenant) is not None:
        raise declared(f"The tenant '{tenant}'", param="tenant")
    found = await session.find(TENANT, id=tenant)
    if not found:
        raise NotFound(f"There is no tenant '{tenant[:200]}'.", param="tenant")
    if found[0]["archived_at"] is not None:
        raise Conflict(f"The tenant '{tenant}' is archived.", param="tenant", code=ARCHIVED)


async def _owner(office: Office, session: Session, key: str) -> str:
    """The tenant of a key of the store."""
    if find_declared(office.declared.keys(), key) is not None:
        raise declared(f"The key '{key}'", param="key")
    found = await session.find(KEY, id=key)
    if not found:
        raise NotFound(f"There is no key '{key[:200]}'.", param="key")
    if found[0]["revoked_at"] is not None:
        raise Conflict(f"The key '{key}' is revoked.", param="key", code=REVOKED)
    return str(found[0]["tenant"])


def declared(what: str, *, param: str | None = None) -> Conflict:
    """The refusal to change what the configuration declares."""
    return Conflict(f"{what} is declared in the configuration file; change it there.", param=param, code=DECLARED)


def find_declared(rows: Iterable[Mapping[str, Any]], identity: str) -> Row | None:
    """A declared row by its id."""
    return next((dict(row) for row in rows if row["id"] == identity), None)


async def put(session: Session, resource: Resource, row: Row, found: list[Row], revision: int | None) -> Row:
    """Make a row, or replace the one that was found in its place. Raises Stale, Conflict."""
    if found:
        values = {name: value for name, value in row.items() if name != "id"}
        return await change(session, resource, found[0], values, revision)
    if revision is not None:
        raise Stale("There is none yet, so it has no revision; leave If-Match out to make it.")
    return await session.add(resource, row)


async def change(session: Session, resource: Resource, row: Row, values: Row, revision: int | None) -> Row:
    """The row with these values; the same revision where nothing is different. Raises Stale, Conflict."""
    if all(row[name] == value for name, value in values.items()):
        expect_revision(row, revision)
        return row
    return await session.change(resource, row["id"], values, revision=revision)


def held(actor: Actor) -> str | None:
    """The one tenant that a tenant_admin sees, empty for one without any; None for those who see all."""
    return (actor.tenant or "") if actor.role == "tenant_admin" else None


def held_to(call: Call) -> str | None:
    """The tenant that a list is narrowed to. Raises NotFound for a tenant_admin who asks for another's."""
    wanted, own = text(call, "tenant"), held(call.actor)
    if own is None:
        return wanted
    if wanted not in {None, own}:
        raise NotFound(f"There is no tenant '{wanted}'.", param="tenant")
    return own


async def named(session: Session, call: Call, resource: Resource, rows: Iterable[Mapping[str, Any]]) -> Row:
    """The row of the path, declared (one of `rows`) or stored. Raises NotFound.

    Also where the actor does not see the tenant whose it is: in the same words, as if there were no such row.
    """
    identity = call.params["id"]
    row = find_declared(rows, identity) or await session.get(resource, identity)
    if held(call.actor) not in {None, row["tenant"]}:
        raise NotFound(f"There is no {_called(resource)} '{identity[:200]}'.")
    return row


def expect_undeclared(call: Call, resource: Resource, rows: Iterable[Mapping[str, Any]]) -> None:
    """Raises Conflict where the path names a declared row."""
    if find_declared(rows, call.params["id"]) is not None:
        raise declared(f"The {_called(resource)} '{call.params['id']}'")


async def removed(session: Session, call: Call, resource: Resource, rows: Iterable[Mapping[str, Any]]) -> Row:
    """Delete the row of the path, and say what it was. Raises NotFound, Stale, and Conflict for a declared one."""
    expect_undeclared(call, resource, rows)
    return await session.remove(resource, call.params["id"], revision=call.revision)


def _called(resource: Resource) -> str:
    return resource.name.replace("_", " ")


def alive(row: Row, now: int) -> bool:
    """Whether a key or token is neither revoked nor expired. One that is disabled can come back, so it is alive."""
    return row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > now)


def deleted(resource: Resource, identity: str) -> dict[str, Any]:
    """What a deletion is answered with."""
    return {"id": identity, "object": resource.name, "deleted": True}


def exactly_one(*names: str) -> dict[str, Any]:
    """The JSON schema of a body of which one of these texts is given, and the others are not."""
    return {"oneOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in names]}
