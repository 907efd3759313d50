import asyncio

from proxy.storage import state_sizes
from proxy.storage.database import Database
from tests.storage.databases import Open
from tests.storage.states import database, emptied, url

__all__ = ["database", "emptied", "url"]


async def test_bytes_are_counted_by_tenant_whatever_they_are_of(database: Database) -> None:
    async with database.begin() as connection:
        await state_sizes.add_all(connection, [("acme", f"k{number}", number) for number in range(100)])
        await state_sizes.add_all(connection, [("beta", "k", 5), ("beta", "k", -5), ("gamma", "k", 0)])
        await state_sizes.add_all(connection, [])
        await state_sizes.add(connection, "acme", "elsewhere", -50)
        totals = [await state_sizes.total(connection, tenant) for tenant in ("acme", "beta", "gamma")]
    assert totals == [4900, 0, 0]


async def test_nobody_is_forgotten_where_many_count_at_once(url: str, database: Database, opening: Open) -> None:
    async def count(to: Database, name: str) -> None:
        for number in range(10):
            async with to.begin() as connection:
                await state_sizes.add_all(connection, [("acme", f"{name}{number}", 3), ("acme", f"{number}", 4)])

    another = await opening(url)
    await asyncio.gather(count(database, "a"), count(another, "b"), count(another, "c"))
    async with database.connect() as connection:
        assert await state_sizes.total(connection, "acme") == 210
