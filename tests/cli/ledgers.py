"""A ledger to look at: requests of the tests, put where a configuration keeps its own."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from proxy.accounts.entries import Entry
from proxy.cli.storing import opened
from tests.storage.kept import DAY, HOUR, KIMI, LLAMA, MONDAY, a_request, keep

__all__ = ["DAY", "HOUR", "KIMI", "LLAMA", "MONDAY", "a_request", "fill", "kept"]


async def kept(config: Path, requests: Iterable[Entry]) -> None:
    """Put requests into the ledger of a configuration."""
    async with opened(config) as (_, store, _):
        await keep(store.database, requests)


def fill(config: Path, *requests: Entry) -> None:
    """The same for tests that have no loop."""
    asyncio.run(kept(config, requests))
