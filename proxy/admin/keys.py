"""Virtual keys: made, shown without their secrets, changed, revoked, deleted. Replacing them is admin/rotation.py.

A key may be of a tenant of the store or of the configuration file. Keys that the file declares are shown and not
changed.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from proxy.accounts.keys import IDENTITY_BYTES, LAST, RANDOM_BYTES, digest, identity, mint
from proxy.accounts.patterns import covers
from proxy.admin.key_forms import KeyChange, KeyDeleted, KeyView, MadeKey, NewKey, view
from proxy.admin.listing import PAGING, flag, page, present, shaped, text
from proxy.admin.operations import EVERYBODY, KEYHOLDERS, OPERATORS, Call, Office, Operation, Reply
from proxy.admin.subjects import REVOKED, alive, declared, held_to, named
from proxy.admin.tenants import expect_open
from proxy.errors import Conflict, InvalidRequest
from proxy.storage import schema
from proxy.storage.store import BUDGET, KEY, LIMIT, Row, Session, expect_revision


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every key that the caller may see and that suits the filters. Raises InvalidRequest, NotFound."""
    wanted = {
        "tenant": held_to(call),
        "name": text(call, "name"),
        "owner": text(call, "owner"),
        "disabled": flag(call, "disabled"),
        "revoked_at": present(flag(call, "revoked")),
        "service_account": text(call, "service_account"),
    }
    found = await page(session, KEY, call, wanted, office.declared.keys())
    replaced = await replaced_ones(session, [row["id"] for row in found.rows])
    views = [view(row, session.now, replaced=row["id"] in replaced) for row in found.rows]
    return shaped(views, more=found.more)


async def replaced_ones(session: Session, ids: Sequence[str]) -> frozenset[str]:
    """Those of the keys that others were made from."""
    column = schema.KEYS.c.rotated_from
    found = await session.connection.execute(select(column).where(column.in_(ids)))
    return frozenset(found.scalars())


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    return await reply(session, await named(session, call, KEY, office.declared.keys()))


async def changeable(office: Office, session: Session, call: Call) -> Row:
    """The key of the path, if it is not declared. Raises NotFound, Conflict."""
    row = await named(session, call, KEY, office.declared.keys())
    if not row["revision"]:
        raise declared(f"The key '{row['name']}' of the tenant '{row['tenant']}'")
    return row


async def reply(session: Session, row: Row) -> Reply:
    """A key as the answer."""
    replaced = await replaced_ones(session, [row["id"]])
    return Reply(view(row, session.now, replaced=bool(replaced)), 200, row["revision"])


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new key. Its secret is in this answer and nowhere else. Raises InvalidRequest, NotFound, Conflict."""
    body: NewKey = call.body
    await expect_open(office, session, call, body.tenant)
    expires_at = ending(session.now, body.expires_at, body.expires_in_seconds)
    await expect_free(office, session, body.tenant, body.name)
    given = body.model_dump(mode="json", exclude={"expires_at", "expires_in_seconds"})
    return made(
        session, *await add(office, session, {**given, "expires_at": expires_at}), matchless(office, body.models)
    )


async def add(office: Office, session: Session, row: Row) -> tuple[Row, str]:
    """Mint a key and keep its digest: the row, and the secret. Raises Conflict."""
    secret = mint(office.random(RANDOM_BYTES))
    kept = {
        "id": new_id(office),
        "digest": office.sealing.digest(digest(secret)),
        "last4": secret[-LAST:],
        "disabled": False,
    }
    return await session.add(KEY, {**row, **kept}), secret


def new_id(office: Office) -> str:
    """A public id that nobody can guess."""
    return identity("key_", office.random(IDENTITY_BYTES))


def made(session: Session, row: Row, secret: str, warnings: tuple[str, ...] = ()) -> Reply:
    """The one answer that has a secret."""
    value = MadeKey(**view(row, session.now), key=secret).model_dump(mode="json")
    return Reply(value, 201, row["revision"], warnings)


async def expect_free(office: Office, session: Session, tenant: str, name: str) -> None:
    """A name that no key of the tenant has. Raises Conflict."""
    if name in await names_of(office, session, tenant):
        raise Conflict(f"The tenant '{tenant}' has a key '{name}' already.", param="name")


async def names_of(office: Office, session: Session, tenant: str) -> frozenset[str]:
    """The names of the keys of a tenant: of those that do not work any more, too."""
    column = schema.KEYS.c.name
    found = await session.connection.execute(select(column).where(schema.KEYS.c.tenant == tenant))
    declared_ones = office.declared.keys()
    return frozenset(found.scalars()) | {row["name"] for row in declared_ones if row["tenant"] == tenant}


def ending(now: int, at: int | None, seconds: int | None = None) -> int | None:
    """When it expires. Raises InvalidRequest for the past."""
    if seconds is not None:
        return now + seconds
    if at is not None and at <= now:
        raise InvalidRequest(f"'expires_at' is in the past: it is {now} now.", param="expires_at")
    return at


def matchless(office: Office, patterns: Iterable[str]) -> tuple[str, ...]:
    """A warning for each pattern that no known model or alias matches; nothing while no models are known."""
    known = office.models.known()
    return tuple(
        f"models: no known model matches '{pattern}'."
        for pattern in patterns
        if known and not any(covers(pattern, name) for name in known)
    )


async def change(office: Office, session: Session, call: Call) -> Reply:
    """Another name, owner or scope, on or off. Raises InvalidRequest, NotFound, Conflict, Stale."""
    row = await changeable(office, session, call)
    body: KeyChange = call.body
    if row["revoked_at"] is not None:
        raise Conflict(f"The key '{row['name']}' is revoked; make another one.", code=REVOKED)
    values = body.model_dump(mode="json", exclude_unset=True)
    values = {name: value for name, value in values.items() if row[name] != value}
    if "expires_at" in values:
        ending(session.now, body.expires_at)
    if "name" in values:
        await expect_free(office, session, row["tenant"], body.name)
    if values:
        row = await session.change(KEY, row["id"], values, revision=call.revision)
    else:
        expect_revision(row, call.revision)
    answer = await reply(session, row)
    return Reply(answer.value, 200, answer.revision, matchless(office, values.get("models", ())))


async def revoke(office: Office, session: Session, call: Call) -> Reply:
    """Refuse it from now on and for ever. A second time does nothing. Raises NotFound, Conflict, Stale."""
    row = await changeable(office, session, call)
    if row["revoked_at"] is None:
        values = {"revoked_at": session.now}
        row = await session.change(KEY, row["id"], values, revision=call.revision, action="revoked")
    return await reply(session, row)


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Forget a key that does not work any more, with its limits and budgets. Raises NotFound, Conflict, Stale."""
    row = await changeable(office, session, call)
    if alive(row, session.now):
        raise Conflict(f"The key '{row['name']}' may still be in use; revoke it first.", code="in_use")
    for resource in (LIMIT, BUDGET):
        for each in await session.find(resource, key=row["id"]):
            await session.remove(resource, each["id"])
    await session.remove(KEY, row["id"], revision=call.revision)
    value: dict[str, Any] = KeyDeleted(object="key.deleted", id=row["id"], deleted=True).model_dump(mode="json")
    return Reply(value)


_FILTERS = {
    "tenant": "only those of this tenant",
    "name": "only those of this name",
    "owner": "only those of this owner",
    "disabled": "true: only disabled ones; false: only the others",
    "revoked": "true: only revoked ones; false: only the others",
    "service_account": "only that of this service account",
}
_ROOT, _ONE = "/admin/v1/keys", "/admin/v1/keys/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "keys.list", "GET", _ROOT, EVERYBODY, show_all, "List keys",
        view=KeyView, query={**PAGING, **_FILTERS}, listed=True,
    ),
    Operation("keys.create", "POST", _ROOT, KEYHOLDERS, create, "Make a key", NewKey, MadeKey, status=201),
    Operation("keys.get", "GET", _ONE, EVERYBODY, show, "Show a key", view=KeyView),
    Operation("keys.update", "PATCH", _ONE, KEYHOLDERS, change, "Change a key", KeyChange, KeyView),
    Operation("keys.revoke", "POST", _ONE + "/revoke", KEYHOLDERS, revoke, "Revoke a key at once", view=KeyView),
    Operation(
        "keys.delete", "DELETE", _ONE, OPERATORS, delete, "Forget a key that is revoked or has expired", view=KeyDeleted
    ),
)  # fmt: skip
