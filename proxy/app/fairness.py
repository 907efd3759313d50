"""Whose turn it is: places that tenants share evenly, and each tenant's batches among themselves.

A tenant with a hundred batches gets no more than one with a single one; within a tenant the same holds for batches.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

Waiting = deque[asyncio.Future[None]]


class Places:
    """Places for requests under way.

    Attributes:
        taken: how many are.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        """`limit`: how many there are at the moment; asked whenever one is wanted or given back, and by `look`."""
        self._limit = limit
        self._tenants: OrderedDict[str, OrderedDict[str, Waiting]] = OrderedDict()
        self.taken = 0

    async def take(self, tenant: str, batch: str) -> None:
        """Wait for a place. Each one that is taken has to be given back."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tenants.setdefault(tenant, OrderedDict()).setdefault(batch, deque()).append(place)
        self.look()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """One place is free again."""
        self.taken -= 1
        self.look()

    def look(self) -> None:
        """Let in as many as there are places; there may be more of them by now."""
        while self._tenants and self.taken < self._limit():
            place = self._next()
            if not place.done():
                self.taken += 1
                place.set_result(None)

    def _next(self) -> "asyncio.Future[None]":
        """Who has waited longest, of the batch and the tenant whose turn it is; these go to the end of the line."""
        tenant, batches = self._tenants.popitem(last=False)
        batch, waiting = batches.popitem(last=False)
        place = waiting.popleft()
        if waiting:
            batches[batch] = waiting
        if batches:
            self._tenants[tenant] = batches
        return place
