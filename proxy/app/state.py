"""What the Responses API keeps, opened for a process, and looked after while it runs."""

import asyncio
from typing import TYPE_CHECKING, Protocol

from proxy.app.membership import Kept
from proxy.app.tasks import Tasks
from proxy.clock import Clock
from proxy.errors import StoreUnavailable
from proxy.settings import Settings

if TYPE_CHECKING:
    from proxy.storage.state import State

DAY = 86_400
PRUNE_EVERY = 600.0
"""Seconds between two times that what is too old is removed."""


class Pruned(Protocol):
    """What becomes too old. See `storage.state`."""

    async def prune(self) -> int:
        """Remove it; how much it was. Raises StoreUnavailable."""
        ...


def open_state(settings: Settings, kept: Kept | None, clock: Clock, tasks: Tasks) -> "State | None":
    """The state in the store, pruned as long as the tasks run; None where nothing is kept."""
    if kept is None:
        return None
    from proxy.storage.state import Bounds, State

    responses = settings.responses
    state = State(kept.store.database, clock, Bounds(int(responses.keep * DAY), responses.size, responses.tenant_size))
    tasks.start(keep_pruning(state))
    return state


async def keep_pruning(state: Pruned, every: float = PRUNE_EVERY) -> None:
    """Until cancelled. `every`: seconds. While the database does not answer, everything stays and is tried again."""
    while True:
        await asyncio.sleep(every)
        try:
            await state.prune()
        except StoreUnavailable:
            continue  # readiness tells of it
