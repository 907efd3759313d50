"""The ledger in the database: requests are added exactly once, and with them everything that is a sum of requests.

Adding a batch is one transaction. Which of its requests are new, the database tells: on PostgreSQL the INSERT returns
them to the rest of the same statement. On SQLite it says how many were. Nearly always that is all of them, and their
sums are made here (`summing`). Of a batch that was there in part, they are the rows above the highest number that there
was, for nobody else writes meanwhile; the database adds those up itself, as PostgreSQL does.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from proxy import codec
from proxy.pace import Pace
from proxy.storage import engines, groups, partitions, retention, summing
from proxy.storage.batches import document, unpacking, values
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import Database
from proxy.storage.json_sql import POSTGRESQL, SQLITE
from proxy.storage.ledger_schema import PRICES
from proxy.storage.refusals import StorageRefused
from proxy.storage.rollups import ROLL_UPS, addition

OLDEST_SQLITE = (3, 35, 0)
"""https://www.sqlite.org/changes.html: FILTER 3.30, iif 3.32, RETURNING (for what people manage) 3.35."""

REFUSED_BY_SQLITE = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG})
WORDS_OF_SQLITE = ("integer overflow", "Error binding parameter")  # their code is that of any error, or there is none
REFUSED_BY_POSTGRESQL = frozenset({"22", "23", "54"})
"""SQLSTATE classes: data exception, integrity constraint violation, program limit exceeded."""


AT_ONCE = 64
"""Rows that are looked at before others may have their turn: a tenth of a millisecond, in which no request goes on."""

BOUND_AT_ONCE = 128
"""Rows that SQLite gets at once: less than a millisecond of its thread, which a busy event loop may have to wait for.
Each time costs a turn of the event loop, in which nobody else may write."""

READ_AT_ONCE = 32
"""The same of rows that are JSON."""

REFUSED = "the database refuses one of these rows"


T = TypeVar("T")
Given = bytes | groups.Row
"""A row: a JSON list in the order of `entries.COLUMNS`, or as `entries.entry` makes it."""


class BadRow(ValueError):
    """One of the rows is such that the database will never take it. None of the batch was added."""


class LedgerStore:
    """What was requested, what it cost, and the sums of it. Raises StorageRefused where SQLite is too old."""

    def __init__(self, database: Database, pace: Pace | None = None) -> None:
        """`pace`: how rows are added while requests are under way; without it nobody is thought to be."""
        self.database = database
        self._pace = pace or Pace()
        self._days: set[int] = set()
        if database.location.path is not None:
            expect_sqlite(sqlite3.sqlite_version_info)

    async def add(self, rows: Sequence[Given]) -> int:
        """Add requests that are not there yet, and say how many these were.

        Texts that are too long are cut. Raises BadRow, StoreUnavailable.
        """
        if not rows:
            return 0
        with _refusals():
            if self.database.location.path is not None:
                batch = await _prepared(rows, self._pace)
                async with self.database.begin() as connection:
                    return await _add_to_sqlite(connection, batch)
            written = await _written(rows, self._pace)
            await partitions.expect_days(self.database, partitions.days_of(written), self._days)
            async with self.database.begin() as connection:
                added = await connection.execute(ADDING_TO_POSTGRESQL, {"rows": document(written)})
                return int(added.scalar_one())

    async def prune(self, now: float, kept: Mapping[str, int | None]) -> Mapping[str, int]:
        """Delete what is too old: see `retention.prune`. Raises StoreUnavailable."""
        return await retention.prune(self.database, now, kept)

    async def note_prices(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember versions of prices that are not known yet. Raises StoreUnavailable.

        `rows`: `version`, `model`, `figures` (a map), `seen_at` (Unix seconds).
        """
        # In one order everywhere, as whatever several processes add.
        ordered = sorted((dict(row) for row in rows), key=lambda row: str(row["version"]))
        if not ordered:
            return
        adding = engines.upsert(PRICES, sqlite=self.database.location.path is not None).on_conflict_do_nothing()
        async with self.database.begin() as connection:
            await connection.execute(adding, ordered)


def expect_sqlite(version: tuple[int, ...]) -> None:
    """Raises StorageRefused for a version without what the statements here are made of."""
    if version < OLDEST_SQLITE:
        has, needs = (".".join(map(str, each)) for each in (version, OLDEST_SQLITE))
        raise StorageRefused(f"Python here comes with SQLite {has}, and the ledger needs {needs} or newer")


LAST_OF_SQLITE = text("SELECT coalesce(max(rowid), 0) FROM requests")
ADDING_TO_SQLITE = {size: groups.insertion(size) for size in groups.SIZES}
ADDING_SUMS = tuple((rollup, {size: summing.addition(rollup, size) for size in groups.SIZES}) for rollup in ROLL_UPS)
SUMMING_ON_SQLITE = tuple(
    text(f"WITH fresh AS (SELECT * FROM requests WHERE rowid > :last)\n{addition(rollup, SQLITE)}")  # noqa: S608 - only names of ours
    for rollup in ROLL_UPS
)


class Batch(NamedTuple):
    """Rows as SQLite gets them. All that takes time is done before it is locked.

    Attributes:
        bound: by the number of rows that a statement adds, what is bound to it, once for each time that it runs.
        sums: of all of them, as what is bound to the statements that add them; number: how many rows these are.
    """

    bound: Mapping[int, Sequence[groups.Row]]
    sums: Mapping[str, Sequence[groups.Row]]
    number: int


async def _prepared(rows: Sequence[Given], pace: Pace) -> Batch:
    """In groups of those that are alike, wherever in the batch they came, some at a time."""
    at_once = READ_AT_ONCE if any(isinstance(row, bytes) for row in rows) else AT_ONCE
    neighbours, sums = groups.Neighbours(), summing.Sums()
    bound = defaultdict[int, list[groups.Row]](list)
    number = 0
    try:
        for some in _some(rows, at_once):
            neighbours.add(_taken_apart(some))
            await pace.give_way()
        for alike in _some(neighbours.rows(), AT_ONCE):
            for group in groups.groups(alike):
                number += len(group.own[0])
                sums.add(group)
                for size, values_of_some in group.bound():
                    bound[size].append(values_of_some)
            await pace.give_way()
    except ValueError:
        raise BadRow(REFUSED) from None
    return Batch(bound, await _summed(sums, pace), number)


async def _summed(sums: summing.Sums, pace: Pace) -> Mapping[str, Sequence[groups.Row]]:
    """By the statement that adds sums, what is bound to it. Where thousands of keys are in use, there are many."""
    bound = defaultdict[str, list[groups.Row]](list)
    for rollup, adding in ADDING_SUMS:
        rows = sums.rows(rollup)
        while some := list(islice(rows, AT_ONCE)):
            for size, values_of_some in groups.together(some):
                bound[adding[size]].append(values_of_some)
            await pace.give_way()
    return bound


def _some(rows: Sequence[T], number: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + number] for start in range(0, len(rows), number))


def _taken_apart(rows: Sequence[Given]) -> list[groups.Row]:
    written = [row for row in rows if isinstance(row, bytes)]
    if not written:
        return list(rows)  # type: ignore[arg-type]
    read = iter(values(written))
    return [next(read) if isinstance(row, bytes) else row for row in rows]


async def _written(rows: Sequence[Given], pace: Pace) -> list[bytes]:
    found: list[bytes] = []
    for some in _some(rows, READ_AT_ONCE):
        found += (row if isinstance(row, bytes) else codec.encode(row) for row in some)
        await pace.give_way()
    return found


async def _add_to_sqlite(connection: AsyncConnection, batch: Batch) -> int:
    last = (await connection.execute(LAST_OF_SQLITE)).scalar_one()
    added = 0
    for size, each in batch.bound.items():
        for some in _some(each, BOUND_AT_ONCE // size):
            added += (await connection.exec_driver_sql(ADDING_TO_SQLITE[size], some)).rowcount
    if added == batch.number:
        for statement, sums in batch.sums.items():
            await connection.exec_driver_sql(statement, sums)
    elif added:
        for summing_up in SUMMING_ON_SQLITE:
            await connection.execute(summing_up, {"last": last})
    return added


def _adding_to_postgresql() -> str:
    """One statement: the requests that were added are `fresh`; each roll-up takes its sums from them."""
    additions = "".join(f",\nto_{rollup.table.name} AS (\n{addition(rollup, POSTGRESQL)}\n)" for rollup in ROLL_UPS)
    return f"WITH fresh AS (\n{unpacking()}\nRETURNING *\n){additions}\nSELECT count(*) FROM fresh"


ADDING_TO_POSTGRESQL = text(_adding_to_postgresql())


@contextmanager
def _refusals() -> Iterator[None]:
    """Raises BadRow where the database refuses what it was given; wrong SQL stays what it is."""
    try:
        yield
    except OverflowError:  # SQLite's driver, of a number beyond 64 bits
        raise BadRow(REFUSED) from None
    except DBAPIError as fault:
        if not _refused(fault.orig):
            raise
        raise BadRow(REFUSED) from None  # its own words may hold values


def _refused(origin: BaseException | None) -> bool:
    if isinstance(origin, sqlite3.Error):
        code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_OK)
        return code & 0xFF in REFUSED_BY_SQLITE or str(origin).startswith(WORDS_OF_SQLITE)
    return str(getattr(origin, "sqlstate", ""))[:2] in REFUSED_BY_POSTGRESQL
