"""What is too old goes: whole days (UTC), a little at a time, so that nobody has to wait for it.

Every process may do it at any time: what is gone already is not there to be deleted.
"""

from collections.abc import Mapping

from sqlalchemy import TextClause, text

from proxy.storage import partitions
from proxy.storage.database import Database
from proxy.storage.ledger_schema import US_PER_DAY
from proxy.storage.rollups import DAY, ROLL_UPS

AT_ONCE = 1000
"""Requests deleted in one transaction: some forty milliseconds on SQLite, where others wait for it."""
BUCKETS = 2
"""Hours or days whose sums are deleted in one transaction: of a large installation, thousands of rows each."""
KINDS = {seconds: kind for kind, seconds in (("hourly", 3600), ("daily", DAY))}

OLD_ON_SQLITE = """
DELETE FROM requests WHERE rowid IN (
    SELECT rowid FROM requests WHERE started_us < :before ORDER BY started_us LIMIT :some)"""
OLD_ON_POSTGRESQL = """
DELETE FROM requests_default WHERE ctid IN (
    SELECT ctid FROM requests_default WHERE started_us < :before LIMIT :some FOR UPDATE SKIP LOCKED)"""
"""Of the default partition: the others go as a whole."""


async def prune(database: Database, now: float, kept: Mapping[str, int | None]) -> Mapping[str, int]:
    """Delete what is older than so many days before `now` (Unix seconds). Raises StoreUnavailable.

    `kept`: days of `requests`, `hourly` and `daily` sums; None, or none of these: for ever. Returns how many rows went
    of each of them, and how many `partitions`: days of requests on PostgreSQL, whose rows nobody has counted.
    """
    gone = dict.fromkeys(("requests", "partitions", "hourly", "daily"), 0)
    if (first := _first_day(now, kept.get("requests"))) is not None:
        statement = OLD_ON_SQLITE
        if database.location.path is None:
            gone["partitions"] = await _drop(database, first)
            statement = OLD_ON_POSTGRESQL
        gone["requests"] = await _delete(database, text(statement), first * US_PER_DAY, AT_ONCE)
    for rollup in ROLL_UPS:
        kind = KINDS[rollup.seconds]
        if (first := _first_day(now, kept.get(kind))) is not None:
            gone[kind] += await _delete(database, _old_sums(rollup.table.name), first * DAY, BUCKETS)
    return gone


def _first_day(now: float, days: int | None) -> int | None:
    return None if days is None else int(now // DAY) - days


def _old_sums(table: str) -> TextClause:
    oldest = f"SELECT DISTINCT bucket FROM {table} WHERE bucket < :before ORDER BY bucket LIMIT :some"  # noqa: S608 - only names of ours
    return text(f"DELETE FROM {table} WHERE bucket IN ({oldest})")  # noqa: S608 - only names of ours


async def _delete(database: Database, statement: TextClause, before: int, some: int) -> int:
    total = 0
    while True:
        async with database.begin() as connection:
            found = (await connection.execute(statement, {"before": before, "some": some})).rowcount
        if not found:
            return total
        total += found


async def _drop(database: Database, first: int) -> int:
    """Drop the partitions of the days before, each in a transaction of its own: it waits for who reads them."""
    async with database.connect() as connection:
        old = sorted(day for day in await partitions.present(connection) if day < first)
    for day in old:
        async with database.begin() as connection:
            await connection.execute(text(f"DROP TABLE IF EXISTS {partitions.name_of(day)}"))
    return len(old)
