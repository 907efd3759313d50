"""The batches of all tenants: what they are for, how far they are, and which process works at them.

One process at a time has a batch: it holds a lease, which it prolongs while it lives, and which another one takes over
when it has run out. `epoch` counts who had it; whoever writes says his own, and one that has lost the batch learns of
it from that (`Lost`) before anything is changed. Clocks of machines that share a database must agree to some seconds.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update

from proxy.clock import Clock
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import Database
from proxy.storage.filing import ACTIVE, listed
from proxy.storage.filing_schema import BATCH_LINES, BATCHES, FILES
from proxy.storage.filing_terms import Crowded, Lost, Row
from proxy.translation.lists import Span

LEASE = 20
"""Seconds that a process has a batch without saying that it lives."""
CANDIDATES = 100
"""Batches looked at when a process looks for work."""
GROUP = 500
"""Lines asked for in one statement."""
AT_ONCE = 1000
"""Lines or batches removed in one transaction."""
CANCELLABLE = ("validating", "in_progress")


@dataclass(frozen=True, slots=True)
class Ended:
    """A line that has ended.

    Attributes:
        number: of the line.
        good: for the output file; else for the error file.
        size: bytes of the line of the output; `line` is that, where the database has it, else it is at `start` of the
            draft of `epoch`.
    """

    number: int
    good: bool
    size: int
    line: bytes | None = None
    epoch: int = 0
    start: int = 0


class Batches:
    """Every batch. Methods raise StoreUnavailable.

    Attributes:
        changed: set when this process has made or cancelled a batch.
    """

    def __init__(
        self, database: Database, clock: Clock, identity: Callable[[str], str], keep: int, queued: int
    ) -> None:
        """`identity`: makes a new id with this prefix; `keep`: seconds a batch that has ended is kept.

        `queued`: batches of one tenant that have not ended, at most.
        """
        self._database, self._clock, self._identity, self._keep = database, clock, identity, keep
        self._queued = queued
        self.changed = asyncio.Event()

    def _now(self) -> int:
        return int(self._clock.wall())

    # -- for those who ask

    async def create(self, given: Mapping[str, Any], window: int) -> Row | None:
        """A new batch; None where its tenant has no input file like that. `window`: seconds. Raises Crowded.

        `given`: tenant, key_id, key, endpoint, input_file, metadata, output_seconds.
        """
        now = self._now()
        row = {**given, "id": self._identity("batch_"), "status": "validating", "created_at": now}
        row |= {"expires_at": now + window, "owner": "", "lease": 0, "epoch": 0}
        row |= dict.fromkeys(("total", "completed", "failed"), 0)
        mine = (FILES.c.id == row["input_file"]) & (FILES.c.tenant == row["tenant"]) & FILES.c.ready
        async with self._database.begin() as connection:
            if (await connection.execute(select(FILES.c.id).where(mine, FILES.c.expires_at > now))).first() is None:
                return None
            await self._expect_room(connection, row["tenant"])
            await connection.execute(insert(BATCHES).values(row))
            made = await _one(connection, BATCHES.c.id == row["id"])
        self.changed.set()
        return made

    async def _expect_room(self, connection: AsyncConnection, tenant: str) -> None:
        await self._database.lock(connection)  # two that are made at once shall see each other
        query = select(func.count()).where(BATCHES.c.tenant == tenant, BATCHES.c.status.in_(ACTIVE))
        if (await connection.execute(query)).scalar_one() >= self._queued:
            raise Crowded

    async def get(self, tenant: str, identity: str) -> Row | None:
        """One batch; None for one that is not there or is another tenant's."""
        async with self._database.connect() as connection:
            return await _one(connection, (BATCHES.c.tenant == tenant) & (BATCHES.c.id == identity))

    async def page(self, tenant: str, span: Span) -> tuple[list[Row], bool]:
        """Batches in the order in which they were made, and whether there are more."""
        return await listed(self._database, select(BATCHES).where(BATCHES.c.tenant == tenant), BATCHES.c.id, span)

    async def cancel(self, tenant: str, identity: str) -> tuple[Row | None, bool]:
        """Have a batch cancelled, unless it has gone too far: what it is then, and whether it is being cancelled."""
        mine = (BATCHES.c.tenant == tenant) & (BATCHES.c.id == identity)
        change = update(BATCHES).where(mine, BATCHES.c.status.in_(CANCELLABLE))
        async with self._database.begin() as connection:
            await connection.execute(change.values(status="cancelling", cancelling_at=self._now()))
            row = await _one(connection, mine)
        self.changed.set()
        return row, row is not None and row["status"] == "cancelling"

    # -- for those who work

    async def candidates(self) -> Sequence[Row]:
        """Batches that nobody works at: their id and tenant. First the oldest of each tenant, then the second ones."""
        turn = func.row_number().over(partition_by=BATCHES.c.tenant, order_by=BATCHES.c.id).label("turn")
        waiting = select(BATCHES.c.id, BATCHES.c.tenant, turn).where(
            BATCHES.c.status.in_(ACTIVE), BATCHES.c.lease <= self._now()
        )
        free = waiting.subquery()
        query = select(free.c.id, free.c.tenant).order_by(free.c.turn, free.c.id).limit(CANDIDATES)
        async with self._database.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def claim(self, identity: str, owner: str) -> Row | None:
        """Take a batch up; None where somebody else was faster."""
        free = (BATCHES.c.id == identity) & BATCHES.c.status.in_(ACTIVE) & (BATCHES.c.lease <= self._now())
        values = {"owner": owner, "lease": self._now() + LEASE, "epoch": BATCHES.c.epoch + 1}
        async with self._database.begin() as connection:
            done = await connection.execute(update(BATCHES).where(free).values(values))
            return await _one(connection, BATCHES.c.id == identity) if done.rowcount else None

    async def prolong(self, owner: str, identities: Sequence[str]) -> None:
        """The process lives, and works at these of the batches it has."""
        own = (BATCHES.c.owner == owner) & BATCHES.c.id.in_(identities) & BATCHES.c.status.in_(ACTIVE)
        async with self._database.begin() as connection:
            await connection.execute(update(BATCHES).where(own).values(lease=self._now() + LEASE))

    async def states(self, owner: str) -> dict[str, tuple[str, int]]:
        """What a process has: id -> status and epoch."""
        query = select(BATCHES.c.id, BATCHES.c.status, BATCHES.c.epoch).where(BATCHES.c.owner == owner)
        async with self._database.connect() as connection:
            rows = await connection.execute(query.where(BATCHES.c.status.in_(ACTIVE)))
            return {row.id: (row.status, row.epoch) for row in rows}

    async def release(self, batch: Row) -> None:
        """Let another process have it at once."""
        async with self._database.begin() as connection:
            await connection.execute(update(BATCHES).where(_held(batch)).values(owner="", lease=0))

    async def move(self, batch: Row, values: Mapping[str, Any], *expected: str) -> bool:
        """Change a batch in one of the expected states; whether it was in one. Raises Lost."""
        async with self._database.begin() as connection:
            done = await connection.execute(
                update(BATCHES).where(_held(batch), BATCHES.c.status.in_(expected)).values(values)
            )
            if not done.rowcount:
                await _expect_held(connection, batch)
            return bool(done.rowcount)

    async def record(self, batch: Row, ended: Sequence[Ended]) -> None:
        """Write down lines that have ended, once, however often this is called. Raises Lost."""
        known = select(BATCH_LINES.c.number).where(BATCH_LINES.c.batch == batch["id"])
        async with self._database.begin() as connection:
            await _expect_held(connection, batch)
            numbers = [each.number for each in ended]
            there: set[int] = set()
            for at in range(0, len(numbers), GROUP):
                found = await connection.execute(known.where(BATCH_LINES.c.number.in_(numbers[at : at + GROUP])))
                there.update(found.scalars())
            new = [each for each in ended if each.number not in there]
            if not new:
                return
            await connection.execute(insert(BATCH_LINES), [_line(batch["id"], each) for each in new])
            good = sum(each.good for each in new)
            counts = {"completed": BATCHES.c.completed + good, "failed": BATCHES.c.failed + len(new) - good}
            await connection.execute(update(BATCHES).where(BATCHES.c.id == batch["id"]).values(counts))

    async def numbers(self, identity: str) -> set[int]:
        """The lines that have ended."""
        async with self._database.connect() as connection:
            query = select(BATCH_LINES.c.number).where(BATCH_LINES.c.batch == identity)
            return set((await connection.execute(query)).scalars())

    async def written(self, identity: str) -> int:
        """Bytes of them."""
        query = select(func.coalesce(func.sum(BATCH_LINES.c.size), 0)).where(BATCH_LINES.c.batch == identity)
        async with self._database.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def lines(self, identity: str, after: int) -> list[Ended]:
        """Some of them, in their order, behind the one called `after`; none where there are no more."""
        kept = BATCH_LINES
        query = select(kept.c.number, kept.c.good, kept.c.size, kept.c.line, kept.c.epoch, kept.c.start)
        query = query.where(kept.c.batch == identity, kept.c.number > after).order_by(kept.c.number).limit(GROUP)
        async with self._database.connect() as connection:
            return [Ended(*row) for row in await connection.execute(query)]

    async def end(self, batch: Row, status: str, values: Mapping[str, Any]) -> None:
        """It has ended in this state, and `<status>_at` is now. Raises Lost."""
        known = {"status": status, f"{status}_at": self._now(), "owner": "", "lease": 0}
        if not await self.move(batch, {**values, **known}, *ACTIVE):
            raise Lost
        await self._clear(batch["id"])

    async def _clear(self, identity: str) -> None:
        lines = BATCH_LINES
        some = select(lines.c.number).where(lines.c.batch == identity).order_by(lines.c.number).limit(AT_ONCE)
        while True:
            async with self._database.begin() as connection:
                found = list((await connection.execute(some)).scalars())
                if not found:
                    return
                await connection.execute(delete(lines).where(lines.c.batch == identity, lines.c.number <= found[-1]))

    async def prune(self) -> int:
        """Remove some of the batches that ended too long ago, with what is left of their lines: how many."""
        old = (BATCHES.c.created_at <= self._now() - self._keep) & BATCHES.c.status.not_in(ACTIVE)
        async with self._database.connect() as connection:
            found = list((await connection.execute(select(BATCHES.c.id).where(old).limit(GROUP))).scalars())
        for identity in found:
            await self._clear(identity)
        async with self._database.begin() as connection:
            await connection.execute(delete(BATCHES).where(BATCHES.c.id.in_(found)))
        return len(found)


def _held(batch: Row) -> ColumnElement[bool]:
    identity, epoch = BATCHES.c.id == batch["id"], BATCHES.c.epoch == batch["epoch"]
    return and_(identity, epoch)


async def _expect_held(connection: AsyncConnection, batch: Row) -> None:
    """Raises Lost. Nobody takes the batch over before the transaction has ended."""
    query = select(BATCHES.c.id).where(_held(batch), BATCHES.c.status.in_(ACTIVE)).with_for_update()
    if (await connection.execute(query)).first() is None:
        raise Lost


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Row | None:
    found = (await connection.execute(select(BATCHES).where(which))).mappings().one_or_none()
    return None if found is None else dict(found)


def _line(batch: str, ended: Ended) -> dict[str, Any]:
    return {
        "batch": batch,
        "number": ended.number,
        "good": ended.good,
        "epoch": ended.epoch,
        "start": ended.start,
        "size": ended.size,
        "line": ended.line,
    }
