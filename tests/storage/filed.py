"""Files and batches on a database, for tests."""

import itertools
from pathlib import Path
from typing import Any

from proxy.storage.batching import Batches
from proxy.storage.contents import Contents
from proxy.storage.database import Database
from proxy.storage.filing import Files
from proxy.storage.filing_terms import Bounds, Row
from tests.storage.databases import Hand

BOUNDS = Bounds(file=10_000, tenant=20_000, keep=1000)
WINDOW = 100
QUEUED = 20


class Filed:
    """Both, with a clock that is turned by hand."""

    def __init__(self, database: Database, hand: Hand, folder: Path, place: str = "disk") -> None:
        numbers = itertools.count()
        self.contents = Contents(database, folder, place)
        self.files = Files(
            database, self.contents, hand.clock, BOUNDS, lambda size: next(numbers).to_bytes(size, "big")
        )
        self.batches = Batches(database, hand.clock, self.files.identity, BOUNDS.keep, QUEUED)

    async def add(self, content: bytes, tenant: str = "acme", seconds: int | None = None, name: str = "in") -> Row:
        deposit = await self.files.open(tenant, "batch")
        await deposit.writer.write(content)
        return await self.files.close(deposit, "batch", name, seconds)

    async def begin(self, tenant: str = "acme", **others: Any) -> Row:
        file = others.pop("file", None) or await self.add(b"{}\n", tenant)
        given = {"tenant": tenant, "key_id": "", "key": "web", "endpoint": "/v1/chat/completions"}
        given |= {"input_file": file["id"], "metadata": None, "output_seconds": None} | others
        made = await self.batches.create(given, WINDOW)
        assert made is not None
        return made

    async def read(self, row: Row) -> bytes:
        return b"".join([piece async for piece in self.files.pieces(row)])
