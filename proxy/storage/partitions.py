"""The partitions of `requests` on PostgreSQL, one for each day (UTC), made when the first request of a day arrives.

Days that are far from today are no days of ours but a wrong clock: they have no partition each, but one for all of
them, `requests_default`. Should such a day come near after all, what lies there moves into its partition.

A partition is made on its own and then attached, which holds up nobody who reads or writes other days
(https://www.postgresql.org/docs/current/sql-altertable.html, ATTACH PARTITION). Locks are taken in one order: the
table, the default partition, the new one.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from proxy.storage.connections import AsyncConnection
from proxy.storage.database import Database
from proxy.storage.ledger_schema import US_PER_DAY

PAST, FUTURE = 366, 1
"""Days from today that have partitions: what an outage may have delayed, and clocks that are ahead."""
DEFAULT = "requests_default"
NAME = re.compile(r"requests_d(\d{4})(\d{2})(\d{2})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = re.compile(rb'\["[^"\\]*",(-?\d{1,20}),')
"""How a row begins: with its id and the microsecond it started at."""

PRESENT = text(
    "SELECT relname FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = to_regclass('requests')"
)
TODAY = text("SELECT CAST(floor(extract(epoch FROM now()) / 86400) AS integer)")
LOCKS = (
    text("LOCK TABLE ONLY requests IN SHARE UPDATE EXCLUSIVE MODE"),  # one process after the other
    text(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE"),
)


def days_of(rows: Sequence[bytes]) -> set[int]:
    """The days (since 1970) of rows; one that does not begin like a row has none."""
    return {int(found[1]) // US_PER_DAY for row in rows if (found := START.match(row)) is not None}


def name_of(day: int) -> str:
    """`requests_d20250131`."""
    return f"requests_d{EPOCH + timedelta(days=day):%Y%m%d}"


def day_of(name: str) -> int | None:
    """The day of a partition; None for the default one, and for whatever others have attached."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    return (datetime(year, month, day, tzinfo=UTC) - EPOCH).days


async def present(connection: AsyncConnection) -> set[int]:
    """The days that have a partition."""
    names = (await connection.execute(PRESENT)).scalars()
    return {day for day in map(day_of, names) if day is not None}


async def expect_days(database: Database, days: Iterable[int], known: set[int]) -> None:
    """Make the partitions that are missing. `known`: days that have one, remembered. Raises StoreUnavailable.

    A day whose partition was dropped since is none of theirs: it is older than requests are kept.
    """
    unknown = set(days) - known
    if not unknown:
        return
    async with database.connect() as connection:
        there = await present(connection)
        today = (await connection.execute(TODAY)).scalar_one()
    near = range(today - PAST, today + FUTURE + 1)
    missing = {day for day in unknown - there if day in near}
    if missing:
        there |= await _make(database, missing)
    known.clear()
    known |= there


async def _make(database: Database, days: set[int]) -> set[int]:
    async with database.begin() as connection:
        for lock in LOCKS:
            await connection.execute(lock)
        for day in sorted(days - await present(connection)):  # somebody else may have been quicker
            for statement in _making(name_of(day), day * US_PER_DAY, (day + 1) * US_PER_DAY):
                await connection.execute(text(statement))
    return days


def _making(name: str, start: int, end: int) -> tuple[str, ...]:
    moved = f"DELETE FROM {DEFAULT} WHERE started_us >= {start} AND started_us < {end} RETURNING *"  # noqa: S608 - only numbers
    return (
        f"CREATE TABLE {name} (LIKE requests INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved",  # noqa: S608 - and names of ours
        f"ALTER TABLE requests ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
    )
