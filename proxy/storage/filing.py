"""The files that clients upload and that batches make: what they are called, whose they are, how long they are kept.

A file is found by its tenant and its id, and only once all of it is there. What is in it is the business of
`storage/contents`.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from proxy.clock import Clock
from proxy.storage.connections import AsyncConnection
from proxy.storage.contents import Contents, Writer
from proxy.storage.database import Database
from proxy.storage.filing_schema import BATCHES, FILES
from proxy.storage.filing_terms import MOST_FILES, Bounds, InUse, NoRoom, Row
from proxy.translation.lists import Span

RANDOM = 12
"""Random bytes of an id, which nobody guesses; its milliseconds before them put ids in order."""
UNFINISHED = 24 * 3600
"""Seconds after which a file that is not complete is one that nobody writes any more."""
AT_ONCE = 100
"""Files removed between two looks at whether there is something else to do."""
ACTIVE = ("validating", "in_progress", "finalizing", "cancelling")
"""States of a batch that somebody has to work at."""


@dataclass(slots=True)
class Deposit:
    """A file on its way in. `id`: what it will be called; `writer`: takes its contents; `room`: bytes it may have.

    `arrived`: bytes that count as on their way.
    """

    id: str
    tenant: str
    writer: Writer
    room: int
    arrived: int = 0


class Files:
    """The files of all tenants. Methods raise StoreUnavailable and OSError.

    Attributes:
        contents: what is in them.
        bounds: see there.
    """

    def __init__(
        self, database: Database, contents: Contents, clock: Clock, bounds: Bounds, random: Callable[[int], bytes]
    ) -> None:
        """`random`: so many random bytes."""
        self._database, self._clock, self._random = database, clock, random
        self.contents, self.bounds = contents, bounds
        self._arriving: Counter[str] = Counter()

    def identity(self, prefix: str) -> str:
        """A new id. Later ids are greater ones."""
        return f"{prefix}{int(self._clock.wall() * 1000):012x}{self._random(RANDOM).hex()}"

    async def open(self, tenant: str, purpose: str, *, bounded: bool = True) -> Deposit:
        """Begin a new file. `bounded`: what the tenant has stored already counts; else there is room for anything."""
        identity, now = self.identity("file-"), int(self._clock.wall())
        row = {"id": identity, "tenant": tenant, "purpose": purpose, "filename": "", "bytes": 0, "ready": False}
        row |= {"place": self.contents.place, "created_at": now, "expires_at": now + self.bounds.keep}
        async with self._database.begin() as connection:
            await connection.execute(insert(FILES).values(row))
            stored, _ = await _stored(connection, tenant)
        room = max(0, self.bounds.tenant - stored) if bounded else 1 << 62
        return Deposit(identity, tenant, self.contents.writer(identity), room)

    def arrive(self, deposit: Deposit, more: int) -> bool:
        """So many bytes are to be written; whether there is room for them.

        What comes at the same time counts, as far as this process has it: else a tenant could fill the disk with many
        files at once, of which most are refused when they are complete.
        """
        if self._arriving[deposit.tenant] + more > deposit.room:
            return False
        self.overdraw(deposit.tenant, more)
        deposit.arrived += more
        return True

    def _arrived(self, deposit: Deposit) -> None:
        """Nothing of it is on its way any more."""
        self.overdraw(deposit.tenant, -deposit.arrived)
        deposit.arrived = 0

    async def room(self, tenant: str) -> int:
        """Bytes that a tenant may still store."""
        async with self._database.connect() as connection:
            return max(0, self.bounds.tenant - (await _stored(connection, tenant))[0])

    def overdraw(self, tenant: str, more: int) -> int:
        """So many bytes more, or fewer, are on their way to a tenant's files, room or not: how many are now."""
        total = self._arriving[tenant] + more
        self._arriving[tenant] = total
        if not total:
            del self._arriving[tenant]
        return total

    async def close(self, deposit: Deposit, purpose: str, filename: str, seconds: int | None) -> Row:
        """The file is complete; it is kept for so many seconds, at most as long as any. Raises NoRoom."""
        await deposit.writer.finish()
        now = int(self._clock.wall())
        values = {"purpose": purpose, "filename": filename, "bytes": deposit.writer.size, "ready": True}
        values |= {"created_at": now, "expires_at": now + min(seconds or self.bounds.keep, self.bounds.keep)}
        async with self._database.begin() as connection:
            await self._database.lock(connection)  # two that end at once shall see each other
            stored, files = await _stored(connection, deposit.tenant)
            if stored + deposit.writer.size > max(self.bounds.tenant, deposit.room) or files >= MOST_FILES:
                raise NoRoom
            await connection.execute(update(FILES).where(FILES.c.id == deposit.id).values(values))
            made = await _one(connection, FILES.c.id == deposit.id) or {}
        self._arrived(deposit)
        return made

    async def drop(self, deposit: Deposit) -> None:
        """It will not be complete."""
        self._arrived(deposit)
        await deposit.writer.abandon()
        async with self._database.begin() as connection:
            await connection.execute(delete(FILES).where(FILES.c.id == deposit.id))

    async def get(self, tenant: str, identity: str) -> Row | None:
        """One file; None for one that is not there, is another tenant's, or is too old."""
        mine = (FILES.c.tenant == tenant) & (FILES.c.id == identity) & self._alive()
        async with self._database.connect() as connection:
            return await _one(connection, mine)

    async def page(self, tenant: str, purpose: str | None, span: Span) -> tuple[list[Row], bool]:
        """Files in the order in which they were made, and whether there are more."""
        query = select(FILES).where(FILES.c.tenant == tenant, self._alive())
        if purpose is not None:
            query = query.where(FILES.c.purpose == purpose)
        return await listed(self._database, query, FILES.c.id, span)

    def _alive(self) -> ColumnElement[bool]:
        return FILES.c.ready & (FILES.c.expires_at > int(self._clock.wall()))

    def pieces(self, row: Row) -> AsyncGenerator[bytes, None]:
        """What is in a file. Raises Missing."""
        return self.contents.pieces(row["id"], row["place"])

    async def input(self, identity: str) -> Row | None:
        """The input file of a batch, which may have become too old meanwhile."""
        async with self._database.connect() as connection:
            return await _one(connection, (FILES.c.id == identity) & FILES.c.ready)

    async def delete(self, tenant: str, identity: str) -> bool:
        """Remove a file; whether there was one. Raises InUse."""
        row = await self.get(tenant, identity)
        if row is None:
            return False
        async with self._database.begin() as connection:
            using = select(BATCHES.c.id).where(BATCHES.c.input_file == identity, BATCHES.c.status.in_(ACTIVE)).limit(1)
            if (await connection.execute(using)).first() is not None:
                raise InUse
            # first nobody finds it any more; what is left when this process ends now, `prune` removes
            await connection.execute(update(FILES).where(FILES.c.id == identity).values(ready=False))
        await self._remove(row)
        return True

    async def _remove(self, row: Row) -> None:
        await self.contents.remove(row["id"], row["place"])
        async with self._database.begin() as connection:
            await connection.execute(delete(FILES).where(FILES.c.id == row["id"]))

    async def prune(self) -> int:
        """Remove some of the files that are too old, and what was left unfinished: how many, 0 where there are none."""
        now = int(self._clock.wall())
        needed = select(BATCHES.c.input_file).where(BATCHES.c.status.in_(ACTIVE))
        old = (FILES.c.expires_at <= now) | (~FILES.c.ready & (FILES.c.created_at <= now - UNFINISHED))
        query = select(FILES.c.id, FILES.c.place).where(old, FILES.c.id.not_in(needed)).limit(AT_ONCE)
        async with self._database.connect() as connection:
            rows: list[Row] = [dict(row) for row in (await connection.execute(query)).mappings()]
        for row in rows:
            await self._remove(row)
        return len(rows)


async def listed(database: Database, query: Any, identity: Any, span: Span) -> tuple[list[Row], bool]:
    """A part of what a query finds, in the order of ids, and whether there is more."""
    if span.after is not None:
        query = query.where(identity < span.after if span.newest else identity > span.after)
    query = query.order_by(identity.desc() if span.newest else identity).limit(span.limit + 1)
    async with database.connect() as connection:
        rows: list[Row] = [dict(row) for row in (await connection.execute(query)).mappings()]
    return rows[: span.limit], len(rows) > span.limit


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Row | None:
    found = (await connection.execute(select(FILES).where(which))).mappings().one_or_none()
    return None if found is None else dict(found)


async def _stored(connection: AsyncConnection, tenant: str) -> tuple[int, int]:
    """Bytes of all files of a tenant, and how many there are."""
    query = select(func.coalesce(func.sum(FILES.c.bytes), 0), func.count())
    size, files = (await connection.execute(query.where(FILES.c.tenant == tenant, FILES.c.ready))).one()
    return int(size), int(files)
