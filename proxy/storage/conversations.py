"""Conversations: their items in the order in which they were added, by whatever process.

Who changes a conversation has its row locked until the end of the transaction, so that positions are given in one
order. An item with an id that the conversation has already takes the place of that one.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from proxy.errors import Conflict, NotFound
from proxy.storage import engines, state_sizes
from proxy.storage.connections import AsyncConnection
from proxy.storage.state_documents import ROW, Packed, expect_readable, key_of, unpacked
from proxy.storage.state_records import Bounds, Conversation, Item, ItemPage
from proxy.storage.state_schema import CONVERSATION_ITEMS, CONVERSATIONS

KEPT, ITEMS = CONVERSATIONS.c, CONVERSATION_ITEMS.c
AT_ONCE = 100
"""Items read in one go: requests under way must not wait until thousands have been."""
WHOLE = "The conversation"


def where(tenant: str, key: str, since: int) -> ColumnElement[bool]:
    """The conversation of a tenant with this key that was used after `since`."""
    return and_(KEPT.tenant == tenant, KEPT.id == key, KEPT.used_at > since)


async def create(connection: AsyncConnection, conversation: Conversation, document: Packed, now: int) -> None:
    """A new one without items. Raises Conflict for an id that is taken."""
    row: dict[str, Any] = {
        "tenant": conversation.tenant,
        "id": key_of(conversation.id),
        "created_at": conversation.created_at,
        "used_at": now,
        "last": 0,
        "counted": len(document.document) + ROW,
        "size": 0,
        "document": document.document,
    }
    adding = engines.upsert(CONVERSATIONS, sqlite=connection.dialect.name == "sqlite").values(row)
    adding = adding.on_conflict_do_nothing(index_elements=["tenant", "id"]).returning(KEPT.number)
    if (await connection.execute(adding)).one_or_none() is None:
        raise Conflict("There is such a conversation already.")
    await state_sizes.add(connection, row["tenant"], row["id"], row["counted"])


async def append(
    connection: AsyncConnection, which: ColumnElement[bool], items: Mapping[str, Packed], now: int, bounds: Bounds
) -> bool:
    """Add items at the end; whether there is such a conversation.

    `items`: key -> document, in their order. Raises StateTooLarge where it were larger than what is read at once.
    """
    last = {"last": KEPT.last + len(items), "used_at": now}
    columns = (KEPT.number, KEPT.tenant, KEPT.id, KEPT.last, KEPT.counted, KEPT.size)
    locking = update(CONVERSATIONS).where(which).values(last).returning(*columns)
    found = (await connection.execute(locking)).one_or_none()
    if found is None or not items:
        return found is not None
    known = await _known(connection, found, items)
    rows = [
        {
            "conversation": found.number,
            "position": known[key].position if key in known else found.last - len(items) + index,
            "tenant": found.tenant,
            "id": key,
            "added_at": now,
            "counted": len(document.document) + ROW,
            "size": document.size,
            "document": document.document,
        }
        for index, (key, document) in enumerate(items.items(), 1)
    ]
    if known:
        gone = and_(ITEMS.conversation == found.number, ITEMS.id.in_(known), ITEMS.tenant == found.tenant)
        await connection.execute(delete(CONVERSATION_ITEMS).where(gone))
    await connection.execute(insert(CONVERSATION_ITEMS), rows)
    counted, size = (
        sum(row[name] for row in rows) - sum(getattr(row, name) for row in known.values())
        for name in ("counted", "size")
    )
    expect_readable(found.size + size, bounds.size, WHOLE)
    await _grow(connection, found, counted, size, now)
    return True


async def _known(connection: AsyncConnection, found: Any, items: Mapping[str, Packed]) -> dict[str, Any]:
    """Those items that the conversation has already, by their keys."""
    mine = (ITEMS.tenant == found.tenant, ITEMS.id.in_(list(items)), ITEMS.conversation == found.number)
    rows = await connection.execute(select(ITEMS.id, ITEMS.position, ITEMS.counted, ITEMS.size).where(*mine))
    return {row.id: row for row in rows}


async def _grow(connection: AsyncConnection, found: Any, counted: int, size: int, now: int) -> None:
    """Count bytes of a conversation whose row is locked."""
    values = {"counted": found.counted + counted, "size": found.size + size, "used_at": now}
    await connection.execute(update(CONVERSATIONS).where(KEPT.number == found.number).values(values))
    await state_sizes.add(connection, found.tenant, found.id, counted)


async def read(connection: AsyncConnection, which: ColumnElement[bool]) -> Any:
    """The row of a conversation, None where there is no such one."""
    return (await connection.execute(select(CONVERSATIONS).where(which))).one_or_none()


async def describe(connection: AsyncConnection, which: ColumnElement[bool], document: Packed, now: int) -> int | None:
    """Another document; when it was made, None where there is no such conversation."""
    query = select(KEPT.number, KEPT.tenant, KEPT.id, KEPT.created_at, KEPT.document).where(which).with_for_update()
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        return None
    more = len(document.document) - len(found.document)
    values = {"document": document.document, "used_at": now, "counted": KEPT.counted + more}
    await connection.execute(update(CONVERSATIONS).where(KEPT.number == found.number).values(values))
    await state_sizes.add(connection, found.tenant, found.id, more)
    return int(found.created_at)


async def forget(connection: AsyncConnection, which: ColumnElement[bool]) -> bool:
    """Remove a conversation with its items; whether there was one."""
    removing = delete(CONVERSATIONS).where(which).returning(KEPT.number, KEPT.tenant, KEPT.id, KEPT.counted)
    found = (await connection.execute(removing)).one_or_none()
    if found is None:
        return False
    await connection.execute(delete(CONVERSATION_ITEMS).where(ITEMS.conversation == found.number))
    await state_sizes.add(connection, found.tenant, found.id, -found.counted)
    return True


async def forget_item(connection: AsyncConnection, which: ColumnElement[bool], key: str, now: int) -> bool:
    """Remove one item; whether there was one."""
    columns = (KEPT.number, KEPT.tenant, KEPT.id, KEPT.counted, KEPT.size)
    found = (await connection.execute(select(*columns).where(which).with_for_update())).one_or_none()
    if found is None:
        return False
    item = and_(ITEMS.tenant == found.tenant, ITEMS.id == key, ITEMS.conversation == found.number)
    removing = delete(CONVERSATION_ITEMS).where(item).returning(ITEMS.counted, ITEMS.size)
    gone = (await connection.execute(removing)).one_or_none()
    if gone is None:
        return False
    await _grow(connection, found, -gone.counted, -gone.size, now)
    return True


async def page(
    connection: AsyncConnection, found: Any, after: str | None, limit: int | None, *, descending: bool
) -> ItemPage:
    """Items of a conversation from behind the one called `after`. Raises NotFound where it has no such one."""
    query = select(ITEMS.document).where(ITEMS.conversation == found.number)
    if after is not None:
        start = await _position(connection, found, after)
        query = query.where(ITEMS.position < start if descending else ITEMS.position > start)
    query = query.order_by(ITEMS.position.desc() if descending else ITEMS.position)
    items: list[Item] = []
    async with connection.stream(query if limit is None else query.limit(limit + 1)) as result:
        async for some in result.scalars().partitions(AT_ONCE):
            items += [await unpacked(each) for each in some]
    more = limit is not None and len(items) > limit
    return ItemPage(items[:limit], more)


async def _position(connection: AsyncConnection, found: Any, identity: str) -> int:
    mine = (ITEMS.tenant == found.tenant, ITEMS.id == key_of(identity), ITEMS.conversation == found.number)
    position = (await connection.execute(select(ITEMS.position).where(*mine))).scalar_one_or_none()
    if position is None:
        raise NotFound(f"Item with id '{identity[:200]}' not found.", param="after")
    return int(position)
