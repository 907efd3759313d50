"""What is too old, or too much of one tenant, goes: the oldest first, a little at a time.

Every process may do it at any time: what another has locked is left to that one. A tenant that was deleted keeps
nothing, however new.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, literal, select

from proxy.storage import state_sizes
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import Database
from proxy.storage.schema import TENANTS
from proxy.storage.state_records import Bounds
from proxy.storage.state_schema import (
    CONVERSATION_ITEMS,
    CONVERSATIONS,
    COUNTED,
    RESPONSE_ITEMS,
    RESPONSES,
    STATE_SIZES,
)

AT_ONCE = 100
"""Responses and conversations removed in one transaction: some milliseconds on SQLite, where others wait for it."""
BYTES = 16 * 1024 * 1024
"""Bytes of them, or one: a conversation may have very many items."""
ROOM = 20
"""A tenant that has too much is brought down to a twentieth less, so that the next save is not one too many again."""
EVER = 2**62
"""A moment after everything."""
MADE, USED = RESPONSES.c, CONVERSATIONS.c


class Old(NamedTuple):
    """What is to go: a response, or a conversation; `at`: when it was made, or last used."""

    at: int
    number: int
    tenant: str
    id: str
    counted: int
    conversation: bool


class Size(NamedTuple):
    """How much a tenant may have, and how much is left where it has more."""

    bound: int
    left: int


def size_of(bounds: Bounds) -> Size:
    """From the settings."""
    return Size(bounds.tenant_size, bounds.tenant_size - bounds.tenant_size // ROOM)


async def prune(database: Database, now: int, bounds: Bounds) -> int:
    """Remove what is too old or too much, of every tenant; how many it was. Raises StoreUnavailable."""
    gone, size = 0, size_of(bounds)
    for tenant, deleted in await _tenants(database):
        gone += await _expire(database, tenant, EVER if deleted else now - bounds.keep)
        while some := await trim(database, tenant, size):
            gone += some
        if deleted:
            await _forget_size(database, tenant)
    return gone


async def _tenants(database: Database) -> list[tuple[str, bool]]:
    """Every tenant that has something, and whether it was deleted."""
    deleted = and_(TENANTS.c.id == STATE_SIZES.c.tenant, TENANTS.c.archived_at.is_not(None))
    query = select(STATE_SIZES.c.tenant, TENANTS.c.id.is_not(None).label("deleted")).distinct()
    async with database.connect() as connection:
        rows = await connection.execute(query.select_from(STATE_SIZES.outerjoin(TENANTS, deleted)))
        return sorted((row.tenant, bool(row.deleted)) for row in rows)


async def _expire(database: Database, tenant: str, before: int) -> int:
    total = 0
    while True:
        async with database.begin() as connection:
            old = await _oldest(connection, tenant, before)
            await _remove(connection, old)
        if not old:
            return total
        total += len(old)


async def trim(database: Database, tenant: str, size: Size, spared: int | None = None) -> int:
    """Remove the oldest of a tenant that has too much, AT_ONCE at most; how many it was. Raises StoreUnavailable.

    `spared`: the number of a response that stays, because it has just been saved.
    """
    async with database.begin() as connection:
        has = await state_sizes.total(connection, tenant)
        if has <= size.bound:
            return 0
        old: list[Old] = []
        for each in await _oldest(connection, tenant, EVER, spared):
            if has <= size.left:
                break
            has -= each.counted
            old.append(each)
        await _remove(connection, old)
        return len(old)


async def _oldest(connection: AsyncConnection, tenant: str, before: int, spared: int | None = None) -> list[Old]:
    """Those that are not from after `before`, locked: AT_ONCE and BYTES at most."""
    made = select(MADE.created_at, MADE.number, MADE.tenant, MADE.id, MADE.counted, literal(0)).where(
        MADE.tenant == tenant, MADE.created_at <= before, COUNTED
    )
    if spared is not None:
        made = made.where(MADE.number != spared)
    used = select(USED.used_at, USED.number, USED.tenant, USED.id, USED.counted, literal(1)).where(
        USED.tenant == tenant, USED.used_at <= before, COUNTED
    )
    old = await _locked(connection, made.order_by(MADE.created_at, MADE.number))
    old += await _locked(connection, used.order_by(USED.used_at, USED.number))
    some = sorted(old)[:AT_ONCE]
    total = list(accumulate(each.counted for each in some))
    return some[: 1 + bisect_right(total, BYTES)]


async def _locked(connection: AsyncConnection, query: "Select[*tuple[Any, ...]]") -> list[Old]:
    rows = await connection.execute(query.limit(AT_ONCE).with_for_update(skip_locked=True))
    return [Old(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


async def _remove(connection: AsyncConnection, old: Sequence[Old]) -> None:
    made = [each.number for each in old if not each.conversation]
    used = [each.number for each in old if each.conversation]
    if made:
        await connection.execute(delete(RESPONSE_ITEMS).where(RESPONSE_ITEMS.c.number.in_(made)))
        await connection.execute(delete(RESPONSES).where(MADE.number.in_(made)))
    if used:
        await connection.execute(delete(CONVERSATION_ITEMS).where(CONVERSATION_ITEMS.c.conversation.in_(used)))
        await connection.execute(delete(CONVERSATIONS).where(USED.number.in_(used)))
    await state_sizes.add_all(connection, [(each.tenant, each.id, -each.counted) for each in old])


async def _forget_size(database: Database, tenant: str) -> None:
    """Of a deleted tenant, whose rows are gone."""
    async with database.begin() as connection:
        await connection.execute(delete(STATE_SIZES).where(STATE_SIZES.c.tenant == tenant))
