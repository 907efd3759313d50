"""Responses on their way into the database, and out of it: each change one short transaction of the caller's.

What becomes of a response that two have to do with is decided by the WHERE of one statement, under the lock of its
row: who is first wins, and a response that has ended, or was deleted, is not begun again.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from proxy.storage import conversations, engines, state_sizes
from proxy.storage.connections import AsyncConnection
from proxy.storage.state_documents import (
    INDEX_ROW,
    PLAIN,
    ROW,
    Packed,
    expect_few,
    item_documents,
    item_keys,
    key_of,
    response_document,
    turn_items,
)
from proxy.storage.state_records import CANCELLED, DELETED, FAILED, TURNS, UNFINISHED, Bounds, Stored
from proxy.storage.state_schema import RESPONSE_ITEMS, RESPONSES

KEPT = ("status", "previous", "conversation", "background", "key_id", "worker", "lease", "size", "document")
"""Columns that are replaced when a response is saved again."""
LEASE = 20
"""Seconds that a process is taken to be alive after it has said so. Clocks of machines that share a database must agree
to some seconds."""
PLACING = insert(RESPONSE_ITEMS)


class Draft(NamedTuple):
    """A response that is ready to be kept.

    Attributes:
        row: its columns.
        items: keys of its items.
        turn: what it adds to its conversation: keys of items and their documents; empty where it has none, or not yet.
    """

    row: dict[str, Any]
    items: list[str]
    turn: dict[str, Packed]


async def drafted(stored: Stored, bounds: Bounds) -> Draft:
    """Everything that can be done without the database. Raises StateTooLarge, InvalidRequest."""
    turn = turn_items(stored)
    expect_few(len(turn))
    items, document = item_keys(turn), await response_document(stored, bounds.size)
    appended = stored.conversation is not None and stored.status in TURNS
    row = {
        "tenant": stored.tenant,
        "id": key_of(stored.id),
        "created_at": stored.created_at,
        "status": stored.status,
        "previous": _key(stored.previous),
        "conversation": _key(stored.conversation),
        "background": stored.background,
        "key_id": stored.key_id,
        "worker": stored.worker if stored.worker and stored.status in UNFINISHED else None,
        "appended": appended,
        "saves": 1,
        "counted": len(document.document) + ROW + INDEX_ROW * len(items),
        "size": document.size,
        "document": document.document,
    }
    return Draft(row, items, await item_documents(turn, 2 * bounds.size) if appended else {})


def _key(identity: str | None) -> str | None:
    return None if identity is None else key_of(identity)


async def save(connection: AsyncConnection, draft: Draft, now: int, bounds: Bounds) -> int | None:
    """Keep a response; the number of its row, None where what is there stays. Raises StateTooLarge."""
    row = {**draft.row, "lease": now + LEASE if draft.row["worker"] else 0}
    saving = _saving(row["status"], sqlite=connection.dialect.name == "sqlite")
    made = (await connection.execute(saving, row)).one_or_none()
    if made is None:
        return None
    fresh = made.saves == 1
    if not fresh:
        await connection.execute(delete(RESPONSE_ITEMS).where(RESPONSE_ITEMS.c.number == made.number))
    if draft.items:
        places = [{"tenant": row["tenant"], "id": key, "number": made.number} for key in draft.items]
        await connection.execute(PLACING, places)
    if row["appended"] and (fresh or not made.appended):
        where = conversations.where(row["tenant"], row["conversation"], now - bounds.keep)
        await conversations.append(connection, where, draft.turn, now, bounds)
    if not fresh:
        final = {"counted": row["counted"], "appended": made.appended or row["appended"]}
        await connection.execute(update(RESPONSES).where(RESPONSES.c.number == made.number).values(final))
    more = row["counted"] - (0 if fresh else made.counted)
    await state_sizes.add(connection, row["tenant"], row["id"], more)
    return int(made.number)


@cache
def _saving(status: str, *, sqlite: bool) -> Any:
    """Insert a row of this status, or replace what may be replaced.

    `counted` and `appended` stay, for the caller to see what they were. Made once: making it takes as long as doing it.
    """
    adding = engines.upsert(RESPONSES, sqlite=sqlite)
    values = {name: adding.excluded[name] for name in KEPT} | {"saves": RESPONSES.c.saves + 1}
    kept, allowed = RESPONSES.c, _may_become(status)
    adding = adding.on_conflict_do_update(index_elements=["id", "tenant"], set_=values, where=allowed)
    return adding.returning(kept.number, kept.saves, kept.counted, kept.appended)


def _may_become(status: str) -> ColumnElement[bool]:
    """What there is may be replaced by a response of this status.

    Whatever has not ended, and the same status again; what was given up (`failed`) or answered by an answer that came
    all the same. What is cancelled or deleted stays that, and nobody who gives up undoes an answer.
    """
    there = RESPONSES.c.status
    allowed = or_(there.in_(UNFINISHED), there == status)
    return or_(allowed, there.in_((*TURNS, FAILED))) if status in TURNS else allowed


def visible(tenant: str, identity: str, since: int) -> ColumnElement[bool]:
    """The response of a tenant that is called so, is not deleted, and was made after `since`."""
    kept = RESPONSES.c
    found = and_(kept.tenant == tenant, kept.id == key_of(identity))
    return and_(found, kept.created_at > since, kept.status != DELETED)


async def cancel(connection: AsyncConnection, tenant: str, identity: str, since: int) -> None:
    """Mark it cancelled, if it is made in the background and has not ended: one statement."""
    going = and_(RESPONSES.c.background, RESPONSES.c.status.in_(UNFINISHED))
    statement = update(RESPONSES).where(visible(tenant, identity, since), going)
    await connection.execute(statement.values(status=CANCELLED, worker=None))


async def prolong(connection: AsyncConnection, worker: str, identities: Sequence[str], now: int) -> None:
    """A worker lives, and makes these."""
    mine = and_(RESPONSES.c.worker == worker, RESPONSES.c.id.in_([key_of(each) for each in identities]))
    await connection.execute(update(RESPONSES).where(mine).values(lease=now + LEASE))


async def forget(connection: AsyncConnection, tenant: str, identity: str, since: int) -> bool:
    """Leave nothing of a response but the link to the one before it; whether there was one."""
    kept = RESPONSES.c
    query = select(kept.number, kept.counted).where(visible(tenant, identity, since)).with_for_update()
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return False
    await connection.execute(delete(RESPONSE_ITEMS).where(RESPONSE_ITEMS.c.number == found.number))
    nothing = {"status": DELETED, "worker": None, "key_id": "", "size": 0, "counted": ROW, "document": PLAIN + b"null"}
    await connection.execute(update(RESPONSES).where(kept.number == found.number).values(nothing))
    await state_sizes.add(connection, tenant, key_of(identity), ROW - found.counted)
    return True
