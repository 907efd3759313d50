"""What the Responses API keeps between requests: responses with their items, and conversations. Per tenant.

A response is kept with the items of its own turn only: what came before is found through `previous`. An item is found
by its id alone, too, because clients refer to it (`item_reference`). Nothing of another tenant is ever found.

This is the front: each method is one transaction. What happens in it stands in `state_saving`, `state_reading`,
`conversations` and `state_pruning`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from proxy.clock import Clock
from proxy.errors import StoreUnavailable
from proxy.storage import conversations, state_pruning, state_reading, state_saving, state_sizes
from proxy.storage.database import Database
from proxy.storage.state_documents import encoded, expect_readable, item_documents, key_of, packed, unpacked
from proxy.storage.state_records import DELETED, Bounds, Conversation, Item, ItemPage, Stored

__all__ = ["Bounds", "Conversation", "Item", "ItemPage", "State", "Stored"]


class State:
    """Responses and conversations in the database. Every method raises StoreUnavailable."""

    def __init__(self, database: Database, clock: Clock, bounds: Bounds) -> None:
        self._database, self._clock, self._bounds = database, clock, bounds
        self._size = state_pruning.size_of(bounds)

    def _now(self) -> int:
        return int(self._clock.wall())

    def _since(self) -> int:
        """What was made, or used, after this moment is kept."""
        return self._now() - self._bounds.keep

    # -- responses

    async def save(self, stored: Stored) -> Stored:
        """Keep a response, or what has become of it. Its output items, and those of a conversation, are kept with it.

        With `conversation`, the items of `input` and of the output are added to it when the status is completed or
        incomplete, exactly once; those that only refer to items (`item_reference`) are not. Removes what is too much
        of this tenant. Raises StateTooLarge, InvalidRequest.

        Returns what is kept then: `stored` itself, or, where the response has ended otherwise meanwhile, what it is:
        `cancelled` by somebody, or `completed` before `cancelled` came. Of one that was deleted meanwhile nothing is
        kept, and the status of what is returned is `deleted`.
        """
        draft = await state_saving.drafted(stored, self._bounds)
        async with self._database.begin() as connection:
            number = await state_saving.save(connection, draft, self._now(), self._bounds)
            if number is None:
                there = await state_reading.get(connection, stored.tenant, stored.id, 0)
                return there or replace(stored, status=DELETED)
            total = await state_sizes.total(connection, stored.tenant)
        await self._trim(stored.tenant, total, spared=number)
        return stored

    async def get(self, tenant: str, identity: str) -> Stored | None:
        """One response; None for one that is not there, is another tenant's, or is too old."""
        async with self._database.connect() as connection:
            return await state_reading.get(connection, tenant, identity, self._since())

    async def status(self, tenant: str, identity: str) -> str | None:
        """How far a response is, None where `get` finds none. Nothing else of it is read: it may be large."""
        async with self._database.connect() as connection:
            return await state_reading.status(connection, tenant, identity, self._since())

    async def delete(self, tenant: str, identity: str) -> bool:
        """Forget a response; whether there was one. Responses after it keep their own turns and lose this one."""
        async with self._database.begin() as connection:
            return await state_saving.forget(connection, tenant, identity, self._since())

    async def history(self, tenant: str, identity: str) -> list[Item] | None:
        """Every item up to and with a response, oldest first: inputs and outputs. None where there is no such response.

        A turn in between that has been deleted or has become too old is left out. Raises StateTooLarge for more than
        1,000 turns, or than four times `size` bytes.
        """
        async with self._database.connect() as connection:
            return await state_reading.history(connection, tenant, identity, self._since(), self._bounds.size)

    async def items(self, tenant: str, identities: Sequence[str]) -> dict[str, Item]:
        """Items by their ids, wherever they are kept: in a response, its input or a conversation.

        Of several items with one id it is the newest. Raises StateTooLarge where they are spread over responses of
        more than four times `size` bytes.
        """
        if not identities:
            return {}
        async with self._database.connect() as connection:
            return await state_reading.items(connection, tenant, identities, self._since(), self._bounds.size)

    async def unfinished(self, worker: str) -> list[Stored]:
        """Responses in the background that are queued or in progress and were a worker's; for whoever starts again.

        Some of them, where there are many: those that are saved as ended make room for others.
        """
        async with self._database.connect() as connection:
            return await state_reading.unfinished(connection, worker, self._since())

    async def prolong(self, worker: str, identities: Sequence[str]) -> None:
        """A worker lives, and makes these; to be said again before LEASE seconds have passed."""
        async with self._database.begin() as connection:
            await state_saving.prolong(connection, worker, identities, self._now())

    async def abandoned(self) -> list[Stored]:
        """Responses that are queued or in progress at a worker that has not said so in time; some, as `unfinished`."""
        async with self._database.connect() as connection:
            return await state_reading.abandoned(connection, self._now())

    async def cancel(self, tenant: str, identity: str) -> Stored | None:
        """Mark a response in the background cancelled, unless it has ended; returns what it is then."""
        since = self._since()
        async with self._database.begin() as connection:
            await state_saving.cancel(connection, tenant, identity, since)
            return await state_reading.get(connection, tenant, identity, since)

    # -- conversations

    async def create_conversation(self, conversation: Conversation, items: Sequence[Item]) -> None:
        """A new one. Raises Conflict for an id that is taken, StateTooLarge, InvalidRequest."""
        documents = await item_documents(items, self._bounds.size)
        about, now = await packed(encoded(conversation.metadata)), self._now()
        which = conversations.where(conversation.tenant, key_of(conversation.id), self._since())
        async with self._database.begin() as connection:
            await conversations.create(connection, conversation, about, now)
            await conversations.append(connection, which, documents, now, self._bounds)
            total = await state_sizes.total(connection, conversation.tenant)
        await self._trim(conversation.tenant, total)

    async def conversation(self, tenant: str, identity: str) -> Conversation | None:
        """One conversation, None where there is no such one."""
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.connect() as connection:
            found = await conversations.read(connection, which)
        if found is None:
            return None
        return Conversation(identity, tenant, found.created_at, await unpacked(found.document))

    async def update_conversation(self, tenant: str, identity: str, metadata: dict[str, str]) -> Conversation | None:
        """Other metadata."""
        document = await packed(encoded(metadata))
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.begin() as connection:
            created_at = await conversations.describe(connection, which, document, self._now())
        return None if created_at is None else Conversation(identity, tenant, created_at, metadata)

    async def delete_conversation(self, tenant: str, identity: str) -> bool:
        """Forget a conversation and its items."""
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.begin() as connection:
            return await conversations.forget(connection, which)

    async def add_items(self, tenant: str, identity: str, items: Sequence[Item]) -> bool:
        """Add items at its end; whether there is such a conversation. Each item has an id.

        One with an id that the conversation has already takes the place of that one. Raises StateTooLarge, also where
        the conversation would have more than four times `size` bytes.
        """
        documents = await item_documents(items, self._bounds.size)
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.begin() as connection:
            added = await conversations.append(connection, which, documents, self._now(), self._bounds)
            total = await state_sizes.total(connection, tenant)
        await self._trim(tenant, total)
        return added

    async def conversation_items(
        self,
        tenant: str,
        identity: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> ItemPage | None:
        """Its items in order, from behind the one called `after`; None where there is no such conversation.

        `limit`: items at most; None: all. Raises NotFound, its `param` `after`, where it has no such item.
        """
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.connect() as connection:
            found = await conversations.read(connection, which)
            if found is None:
                return None
            if limit is None:
                expect_readable(found.size, self._bounds.size, conversations.WHOLE)
            return await conversations.page(connection, found, after, limit, descending=descending)

    async def delete_item(self, tenant: str, identity: str, item: str) -> bool:
        """Forget one item of a conversation; whether there was one."""
        which = conversations.where(tenant, key_of(identity), self._since())
        async with self._database.begin() as connection:
            return await conversations.forget_item(connection, which, key_of(item), self._now())

    # -- looking after it

    async def _trim(self, tenant: str, total: int, spared: int | None = None) -> None:
        if total > self._size.bound:
            with suppress(StoreUnavailable):  # what was to be kept is kept; who comes next tries again
                await state_pruning.trim(self._database, tenant, self._size, spared)

    async def prune(self) -> int:
        """Forget what has become too old, of every tenant; how many responses and conversations it was.

        Also what is too much, and all of tenants that were deleted.
        """
        return await state_pruning.prune(self._database, self._now(), self._bounds)
