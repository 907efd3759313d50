"""How much each tenant has stored: counted with every change, in its transaction, so that nobody has to add it up.

On PostgreSQL a row that every request of a tenant changes would be a queue of them all; so the bytes of a tenant are
spread over some rows, whose sum counts. One of them alone may be below zero. In a transaction they come last, and in
one order: two transactions then never wait for each other.
"""

import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select

from proxy.storage import engines
from proxy.storage.connections import AsyncConnection
from proxy.storage.state_schema import STATE_SIZES

SHARDS = 16
SUMMING = select(func.coalesce(func.sum(STATE_SIZES.c.bytes), 0)).where(STATE_SIZES.c.tenant == bindparam("whose"))


async def total(connection: AsyncConnection, tenant: str) -> int:
    """Bytes of a tenant."""
    return int((await connection.execute(SUMMING, {"whose": tenant})).scalar_one())


async def add(connection: AsyncConnection, tenant: str, key: str, more: int) -> None:
    """Count bytes, fewer ones if negative. `key`: of what they are, which decides about the row."""
    await add_all(connection, [(tenant, key, more)])


async def add_all(connection: AsyncConnection, changes: Iterable[tuple[str, str, int]]) -> None:
    """The same for several: tenant, key, bytes."""
    sums: dict[tuple[str, int], int] = {}
    for tenant, key, more in changes:
        shard = tenant, zlib.crc32(key.encode()) % SHARDS
        sums[shard] = sums.get(shard, 0) + more
    rows = [{"tenant": tenant, "shard": shard, "bytes": more} for (tenant, shard), more in sorted(sums.items()) if more]
    if rows:
        await connection.execute(_adding(sqlite=connection.dialect.name == "sqlite"), rows)


@cache
def _adding(*, sqlite: bool) -> Any:
    adding = engines.upsert(STATE_SIZES, sqlite=sqlite)
    both = {"bytes": STATE_SIZES.c.bytes + adding.excluded.bytes}
    return adding.on_conflict_do_update(index_elements=["tenant", "shard"], set_=both)
