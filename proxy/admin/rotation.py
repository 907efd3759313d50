"""Replacing a key without downtime: a new one beside it, and both work until the grace has passed.

The new key takes the name over, so that dashboards, log filters and whatever else goes by names go on to show the
application. The old one becomes `web-rotated-1`: what logs and metrics still show under that name is what has not
been changed over yet.

The new key has copies of the limits and budgets of the old one, and of what its budgets have spent: a key cannot be
rotated out of its bounds. During the grace each of the two is bounded for itself.
"""

from typing import Any

from sqlalchemy import insert, select

from proxy.admin.key_forms import MadeKey, Rotation
from proxy.admin.keys import add, changeable, ending, made, names_of
from proxy.admin.operations import KEYHOLDERS, Call, Office, Operation, Reply
from proxy.admin.subjects import REVOKED, alive
from proxy.admin.tenants import expect_open
from proxy.errors import Conflict
from proxy.storage import schema
from proxy.storage.store import BUDGET, KEY, LIMIT, Row, Session, expect_revision

NAME_LENGTH = 63
"""Characters of the name of a key."""
ID_BYTES = 12
_TAKEN_OVER = ("tenant", "name", "owner", "tags", "endpoints", "models", "networks", "service_account")


async def rotate(office: Office, session: Session, call: Call) -> Reply:
    """The new key, with its secret. Raises InvalidRequest, NotFound, Conflict, Stale."""
    old = await changeable(office, session, call)
    body: Rotation = call.body
    if not alive(old, session.now):
        raise Conflict(f"The key '{old['name']}' is revoked or has expired; make another one.", code=REVOKED)
    expect_revision(old, call.revision)
    await expect_open(office, session, call, old["tenant"])
    given = body.model_fields_set & {"expires_at", "expires_in_seconds"}
    until = ending(session.now, body.expires_at, body.expires_in_seconds) if given else old["expires_at"]
    ends = session.now + body.grace_seconds
    if old["expires_at"] is not None:
        ends = min(ends, old["expires_at"])
    values = {"name": await _retired(office, session, old), "expires_at": ends}
    await session.change(KEY, old["id"], values, revision=old["revision"], action="rotated")
    row = {name: old[name] for name in _TAKEN_OVER} | {"rotated_from": old["id"], "expires_at": until}
    new, secret = await add(office, session, row)
    await _bound(office, session, old, new)
    return made(session, new, secret)


async def _retired(office: Office, session: Session, old: Row) -> str:
    """The first name of the form `web-rotated-1` that no key of the tenant has."""
    names = await names_of(office, session, old["tenant"])
    number = 1
    while (name := _suffixed(old["name"], f"-rotated-{number}")) in names:
        number += 1
    return name


def _suffixed(name: str, suffix: str) -> str:
    return name[: NAME_LENGTH - len(suffix)] + suffix


async def _bound(office: Office, session: Session, old: Row, new: Row) -> None:
    """The limits and budgets of the old key, once more for the new one."""
    for resource, prefix in ((LIMIT, "lim_"), (BUDGET, "bdg_")):
        for row in await session.find(resource, key=old["id"]):
            copy = {**row, "id": prefix + office.random(ID_BYTES).hex(), "key": new["id"]}
            await session.add(resource, copy)
    await _carry_over(session, old["id"], new["id"])


async def _carry_over(session: Session, old: str, new: str) -> None:
    """What the budgets of the old key have spent counts for those of the new one."""
    spent = schema.SPENT
    found = await session.connection.execute(
        select(spent).where(spent.c.budget.startswith(f"key:{old}:", autoescape=True))
    )
    rows: list[dict[str, Any]] = [
        {**row, "budget": row["budget"].replace(f"key:{old}:", f"key:{new}:", 1)} for row in found.mappings()
    ]
    if rows:
        await session.connection.execute(insert(spent), rows)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "keys.rotate", "POST", "/admin/v1/keys/{id}/rotate", KEYHOLDERS, rotate,
        "Replace a key; the old one works until the grace has passed", Rotation, MadeKey, status=201,
    ),
)  # fmt: skip
