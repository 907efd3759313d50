"""Responses out of the database: one, a chain of them, or their items by id. Nothing here changes anything.

A chain is followed in one statement that reads no document; the documents then come some at a time. How far it may
reach has a bound, and a chain that is longer is refused: an answer without its history would be a wrong one.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_

from proxy.errors import StateTooLarge
from proxy.storage.connections import AsyncConnection
from proxy.storage.state_documents import (
    expect_few,
    expect_readable,
    item_key,
    key_of,
    output_items,
    unpacked,
)
from proxy.storage.state_records import UNFINISHED, Item, Stored
from proxy.storage.state_saving import visible
from proxy.storage.state_schema import CONVERSATION_ITEMS, CONVERSATIONS, RESPONSE_ITEMS, RESPONSES

KEPT, ITEMS = RESPONSES.c, CONVERSATION_ITEMS.c
LONGEST_CHAIN = 1000
"""Turns of a history."""
AT_ONCE = 50
"""Documents read in one statement: a fraction of a second even where each is large."""


async def get(connection: AsyncConnection, tenant: str, identity: str, since: int) -> Stored | None:
    """One response that was made after `since`."""
    found = (await connection.execute(select(RESPONSES).where(visible(tenant, identity, since)))).one_or_none()
    return None if found is None else await _stored(found)


async def status(connection: AsyncConnection, tenant: str, identity: str, since: int) -> str | None:
    """How far one response is, without its document."""
    query = select(KEPT.status).where(visible(tenant, identity, since))
    found: str | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def unfinished(connection: AsyncConnection, worker: str, since: int) -> list[Stored]:
    """What a worker had under way, oldest first."""
    return await _undone(connection, KEPT.worker == worker, KEPT.created_at > since)


async def abandoned(connection: AsyncConnection, now: int) -> list[Stored]:
    """What is under way at a worker that has not said for too long that it lives: some of it, the oldest first."""
    return await _undone(connection, KEPT.worker.is_not(None), KEPT.lease <= now)


async def _undone(connection: AsyncConnection, *which: ColumnElement[bool]) -> list[Stored]:
    query = select(RESPONSES).where(*which, KEPT.status.in_(UNFINISHED)).order_by(KEPT.number).limit(AT_ONCE)
    return [await _stored(row) for row in (await connection.execute(query)).all()]


async def _stored(row: Any) -> Stored:
    document = await unpacked(row.document)
    response = document["response"]
    if response.get("status") != row.status:  # it was cancelled since
        response["status"] = row.status
    return Stored(
        id=response.get("id", row.id),
        tenant=row.tenant,
        created_at=row.created_at,
        status=row.status,
        response=response,
        input=document["input"],
        previous=row.previous,
        conversation=row.conversation,
        background=row.background,
        key_id=row.key_id,
        worker=row.worker or "",
        lease=row.lease,
    )


async def history(connection: AsyncConnection, tenant: str, identity: str, since: int, bound: int) -> list[Item] | None:
    """The items of a chain, oldest first; None without a response at its end. Raises StateTooLarge."""
    turns = await _chain(connection, tenant, identity, since)
    if not turns:
        return None
    if len(turns) > LONGEST_CHAIN:
        raise StateTooLarge(
            f"Before the response are {LONGEST_CHAIN} others or more, and no more are used. Send the items instead.",
            param="previous_response_id",
        )
    expect_readable(sum(turn.size for turn in turns), bound, "The history")
    items: list[Item] = []
    async for _, document in _documents(connection, [turn.number for turn in reversed(turns) if turn.size]):
        items += [*document["input"], *output_items(document["response"])]
    return items


async def _chain(connection: AsyncConnection, tenant: str, identity: str, since: int) -> Sequence[Any]:
    """The turns of a chain, newest first; of one that is too long one more than LONGEST_CHAIN."""
    columns = (KEPT.number, KEPT.previous, KEPT.size)
    newest = select(literal(0).label("depth"), *columns).where(visible(tenant, identity, since))
    chain = newest.cte("chain", recursive=True)
    step = and_(KEPT.tenant == tenant, KEPT.id == chain.c.previous, KEPT.created_at > since)
    before = select(chain.c.depth + 1, *columns).select_from(chain.join(RESPONSES, step))
    chain = chain.union_all(before.where(chain.c.depth < LONGEST_CHAIN))
    return (await connection.execute(select(chain.c.number, chain.c.size).order_by(chain.c.depth))).all()


async def _documents(connection: AsyncConnection, numbers: Sequence[int]) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """The documents of responses, in this order, with their numbers."""
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        rows = await connection.execute(select(KEPT.number, KEPT.document).where(KEPT.number.in_(some)))
        found = {row.number: row.document for row in rows}
        for number in some:
            yield number, await unpacked(found[number])


class Place(NamedTuple):
    """Where an item is: in the response `number`, or at `position` in the conversation `number`; since when."""

    number: int
    position: int | None
    at: int
    size: int


async def items(
    connection: AsyncConnection, tenant: str, identities: Iterable[str], since: int, bound: int
) -> dict[str, Item]:
    """Id -> item, of those that are there; of several with one id the newest. Raises StateTooLarge."""
    wanted = {key_of(identity): identity for identity in identities}
    expect_few(len(wanted))
    places = await _in_responses(connection, tenant, list(wanted), since)
    for key, place in (await _in_conversations(connection, tenant, list(wanted), since)).items():
        if key not in places or place.at > places[key].at:
            places[key] = place
    sizes = {(place.number, place.position): place.size for place in places.values()}
    expect_readable(sum(sizes.values()), bound, "What the items are read from")
    found = {wanted[key]: item async for key, item in _of_conversations(connection, places)}
    return found | {wanted[key]: item async for key, item in _of_responses(connection, places)}


async def _in_responses(connection: AsyncConnection, tenant: str, keys: list[str], since: int) -> dict[str, Place]:
    """Key -> the newest response that has such an item."""
    place = RESPONSE_ITEMS.c
    mine = and_(place.tenant == tenant, place.id.in_(keys), KEPT.created_at > since)
    joined = RESPONSE_ITEMS.join(RESPONSES, KEPT.number == place.number)
    newest = select(place.id, func.max(place.number).label("number")).select_from(joined).where(mine)
    newest_of = newest.group_by(place.id).subquery()
    query = select(newest_of.c.id, KEPT.number, KEPT.created_at, KEPT.size)
    rows = await connection.execute(query.join(RESPONSES, KEPT.number == newest_of.c.number))
    return {row.id: Place(row.number, None, row.created_at, row.size) for row in rows}


async def _in_conversations(connection: AsyncConnection, tenant: str, keys: list[str], since: int) -> dict[str, Place]:
    """Key -> the newest such item of a conversation."""
    mine = and_(ITEMS.tenant == tenant, ITEMS.id.in_(keys), CONVERSATIONS.c.used_at > since)
    joined = CONVERSATION_ITEMS.join(CONVERSATIONS, CONVERSATIONS.c.number == ITEMS.conversation)
    rank = func.row_number().over(partition_by=ITEMS.id, order_by=(ITEMS.added_at.desc(), ITEMS.conversation.desc()))
    columns = (ITEMS.id, ITEMS.conversation, ITEMS.position, ITEMS.added_at, ITEMS.size, rank.label("rank"))
    ranked = select(*columns).select_from(joined).where(mine).subquery()
    rows = await connection.execute(select(ranked).where(ranked.c.rank == 1))
    return {row.id: Place(row.conversation, row.position, row.added_at, row.size) for row in rows}


async def _of_conversations(
    connection: AsyncConnection, places: Mapping[str, Place]
) -> AsyncIterator[tuple[str, Item]]:
    wanted = [(each.number, each.position) for each in places.values() if each.position is not None]
    for start in range(0, len(wanted), AT_ONCE):
        some = tuple_(ITEMS.conversation, ITEMS.position).in_(wanted[start : start + AT_ONCE])
        for row in (await connection.execute(select(ITEMS.id, ITEMS.document).where(some))).all():
            yield row.id, await unpacked(row.document)


async def _of_responses(connection: AsyncConnection, places: Mapping[str, Place]) -> AsyncIterator[tuple[str, Item]]:
    numbers = sorted({place.number for place in places.values() if place.position is None})
    async for number, document in _documents(connection, numbers):
        for item in (*document["input"], *output_items(document["response"])):
            key = item_key(item)
            if key is not None and key in places and places[key][:2] == (number, None):
                yield key, item
