"""The store: every change in one transaction with its audit entry and the next generation.

A *resource* is a table with rules: which columns are secret, what it is called in the audit log. All of them are read
and changed by the same few methods of a `Session`. A generation is a number that grows with every change; whoever
holds a copy in memory compares it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, Table, Text, bindparam, cast, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from proxy.accounts.roles import Actor
from proxy.clock import Clock
from proxy.errors import Conflict, NotFound, Stale
from proxy.storage import audit, engines, idempotency, schema
from proxy.storage.audit import Event, Wanted, plain, plain_rows
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import GENERATION, Database
from proxy.storage.failures import unavailable
from proxy.storage.fitting import expect_fit
from proxy.storage.idempotency import Answered

Row = dict[str, Any]

AT_ONCE = 100
"""Rows of a snapshot read in one go: a millisecond or two."""
SPENT_KEPT = 40 * 86_400
"""Seconds back to which spending is read: the longest period of a budget that begins anew is a month."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A table that the admin API changes.

    Attributes:
        name: in the audit log and in messages: `key`.
        table: where it is kept.
        secret: columns that never reach the audit log.
    """

    name: str
    table: Table
    secret: frozenset[str] = frozenset()


TENANT = Resource("tenant", schema.TENANTS)
SERVICE_ACCOUNT = Resource("service_account", schema.SERVICE_ACCOUNTS)
KEY = Resource("key", schema.KEYS, frozenset({"digest"}))
CREDENTIAL = Resource("credential", schema.CREDENTIALS, frozenset({"sealed"}))
API_KEY_REF = Resource("api_key_ref", schema.API_KEY_REFS)
LIMIT = Resource("limit", schema.LIMITS)
BUDGET = Resource("budget", schema.BUDGETS)
ADMIN_TOKEN = Resource("admin_token", schema.ADMIN_TOKENS, frozenset({"digest"}))
RESOURCES = (TENANT, SERVICE_ACCOUNT, KEY, CREDENTIAL, API_KEY_REF, LIMIT, BUDGET, ADMIN_TOKEN)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `more`: whether others follow."""

    rows: list[Row]
    more: bool


class Session:
    """Reading and changing within one transaction."""

    def __init__(self, connection: AsyncConnection, actor: Actor | None, now: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.changed = False

    async def get(self, resource: Resource, identity: str) -> Row:
        """One row. Raises NotFound."""
        found = await self.find(resource, id=identity)
        if not found:
            raise NotFound(f"There is no {resource.name.replace('_', ' ')} '{identity[:200]}'.")
        return found[0]

    async def find(self, resource: Resource, **equal: Any) -> list[Row]:
        """Every row whose columns have these values, oldest first."""
        table = resource.table
        query = select(table).where(*(table.c[name] == value for name, value in equal.items()))
        rows = await self.connection.execute(query.order_by(table.c.created_at, table.c.id))
        return plain_rows(rows)

    async def add(self, resource: Resource, row: Row) -> Row:
        """Insert a row: `created_at` and `revision` are filled in. Raises Conflict for one that is there already."""
        row = {**row, "created_at": self.now, "revision": 1}
        expect_fit(resource.table, row)
        try:
            async with self.connection.begin_nested():
                await self.connection.execute(insert(resource.table).values(row))
        except IntegrityError:
            raise Conflict(f"There is such a {resource.name.replace('_', ' ')} already.") from None
        row = await self.get(resource, row["id"])
        await self._note(resource, "created", None, row)
        return row

    async def change(
        self, resource: Resource, identity: str, values: Row, *, revision: int | None = None, action: str = "updated"
    ) -> Row:
        """Change columns of a row. `revision`: the one it must still have. Raises NotFound, Stale, Conflict."""
        before = await self.get(resource, identity)
        expect_revision(before, revision)
        expect_fit(resource.table, values)
        table = resource.table
        statement = update(table).where(table.c.id == identity, table.c.revision == before["revision"])
        try:
            async with self.connection.begin_nested():
                done = await self.connection.execute(statement.values({**values, "revision": before["revision"] + 1}))
        except IntegrityError:
            raise Conflict(f"There is such a {resource.name.replace('_', ' ')} already.") from None
        if done.rowcount != 1:
            raise Stale("It was changed by somebody else at the same moment; read it again.")
        after = await self.get(resource, identity)
        await self._note(resource, action, before, after)
        return after

    async def remove(self, resource: Resource, identity: str, *, revision: int | None = None) -> Row:
        """Delete a row and return what it was. Raises NotFound, Stale."""
        before = await self.get(resource, identity)
        expect_revision(before, revision)
        await self.connection.execute(delete(resource.table).where(resource.table.c.id == identity))
        await self._note(resource, "deleted", before, None)
        return before

    async def audit_page(self, wanted: Wanted, limit: int) -> Page:
        """A page of the audit log, newest first; further ones are asked for by `wanted.after`."""
        rows = await audit.read(self.connection, wanted, limit + 1)
        backwards = wanted.before is not None and wanted.after is None
        return Page(rows[-limit:] if backwards else rows[:limit], len(rows) > limit)

    async def note(self, event: Event) -> None:
        """Add to the audit log what no other method does; the generation moves."""
        self.changed = True
        await audit.note(self.connection, self._acting(), self.now, event)

    async def answered(self, key: str) -> Answered | None:
        """What the actor was answered under this `Idempotency-Key` within the last 24 hours."""
        return await idempotency.find(self.connection, self._acting().id, key, self.now)

    async def keep_answer(self, key: str, answered: Answered) -> None:
        """Keep an answer for 24 hours; no change that anybody has to hear of. Raises Conflict where there is one."""
        expect_fit(schema.IDEMPOTENCY, {"key": key})
        try:
            async with self.connection.begin_nested():
                await idempotency.keep(self.connection, self._acting().id, key, self.now, answered)
        except IntegrityError:
            raise Conflict("This Idempotency-Key was used a moment ago.") from None

    async def _note(self, resource: Resource, action: str, before: Row | None, after: Row | None) -> None:
        either = after or before or {}
        tenant = either["id"] if resource is TENANT else either.get("tenant")
        shown = _shown(resource, before), _shown(resource, after)
        await self.note(Event(f"{resource.name}.{action}", either["id"], tenant, *shown))

    def _acting(self) -> Actor:
        if self.actor is None:
            raise RuntimeError("a session for reading cannot change anything")
        return self.actor


def expect_revision(row: Row, revision: int | None) -> None:
    """Raises Stale where the row is not of this revision."""
    if revision is not None and row["revision"] != revision:
        raise Stale(f"It is at revision {row['revision']} now, not {revision}; read it again.")


def _shown(resource: Resource, row: Row | None) -> Row | None:
    return None if row is None else {name: value for name, value in row.items() if name not in resource.secret}


ASKING = 2
"""Reports at once: each takes a connection and a processor for seconds, which requests and their ledger need, too."""
ASKING_PATIENCE = 30.0
"""Seconds to wait for one's turn."""


class Store:
    """Tenants, keys, limits and the audit log, in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock
        self._turns = asyncio.Semaphore(ASKING)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """A transaction that sees one state. Raises StoreUnavailable."""
        async with self.database.connect() as connection:
            yield Session(connection, None, int(self._clock.wall()))

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Session]:
        """The same for what may read very many rows: ASKING at once. Raises StoreUnavailable after ASKING_PATIENCE."""
        try:
            async with asyncio.timeout(ASKING_PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            raise unavailable("others ask for very much of it") from None
        try:
            async with self.reading() as session:
                yield session
        finally:
            self._turns.release()

    @asynccontextmanager
    async def changing(self, actor: Actor) -> AsyncIterator[Session]:
        """A transaction that is kept when the block ends well, with the next generation. Raises StoreUnavailable."""
        async with self.database.begin() as connection:
            await self.database.lock(connection)
            session = Session(connection, actor, int(self._clock.wall()))
            yield session
            if session.changed:
                await self._advance(connection)

    async def generation(self) -> int:
        """The number of the last change. Raises StoreUnavailable."""
        async with self.database.connect() as connection:
            return await _generation(connection)

    async def snapshot(self) -> "Snapshot":
        """Everything the path of a request needs, at one moment. Raises StoreUnavailable."""
        now = int(self._clock.wall())
        async with self.database.connect() as connection:
            number = await _generation(connection)
            found = {resource.name: await _everything(connection, _in_order(resource)) for resource in RESOURCES}
            kept = schema.SPENT
            spent = await _everything(
                connection, select(kept).where(or_(kept.c.period == 0, kept.c.period > now - SPENT_KEPT))
            )
            return Snapshot(number, found, {(row["budget"], row["period"]): row["micros"] for row in spent})

    async def _advance(self, connection: AsyncConnection) -> None:
        meta = schema.META
        following = cast(cast(meta.c.value, BigInteger) + 1, Text)
        statement = update(meta).where(meta.c.name == GENERATION).values(value=following).returning(meta.c.value)
        number = (await connection.execute(statement)).scalar_one()
        await self.database.announce(connection, int(number))

    async def add_spent(self, spent: Mapping[tuple[str, int], int]) -> None:
        """Add money to what budgets have spent. Raises StoreUnavailable."""
        if not spent:
            return
        # In one order everywhere: transactions that lock rows in different orders wait for each other.
        rows = [
            {"budget": budget, "period": period, "micros": micros} for (budget, period), micros in sorted(spent.items())
        ]
        kept = schema.SPENT
        adding = engines.upsert(kept, sqlite=self.database.location.path is not None)
        total = {"micros": kept.c.micros + adding.excluded.micros}
        adding = adding.on_conflict_do_update(index_elements=[kept.c.budget, kept.c.period], set_=total)
        async with self.database.begin() as connection:
            await connection.execute(adding, rows)

    async def touch_keys(self, used: Mapping[str, int]) -> None:
        """Remember when keys were last used: no change that anybody has to hear of. Raises StoreUnavailable."""
        await self._touch(schema.KEYS, used)

    async def touch_tokens(self, used: Mapping[str, int]) -> None:
        """The same for admin tokens."""
        await self._touch(schema.ADMIN_TOKENS, used)

    async def _touch(self, table: Table, used: Mapping[str, int]) -> None:
        if not used:
            return
        kept = table.c.last_used_at
        later = or_(kept.is_(None), kept < bindparam("used_at"))  # another process may have been told of a later use
        statement = update(table).where(table.c.id == bindparam("identity"), later)
        rows = [{"identity": identity, "used_at": at} for identity, at in sorted(used.items())]
        async with self.database.begin() as connection:
            await self.database.lock(connection)
            await connection.execute(statement.values(last_used_at=bindparam("used_at")), rows)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the path of a request needs.

    Attributes:
        generation: of the last change it has.
        rows: name of a resource -> its rows, oldest first.
        spent: (budget, period) -> micro-dollars, of periods that can still be running.
    """

    generation: int
    rows: Mapping[str, list[Row]]
    spent: Mapping[tuple[str, int], int]


def _in_order(resource: Resource) -> Select[Any]:
    table = resource.table
    return select(table).order_by(table.c.created_at, table.c.id)


async def _everything(connection: AsyncConnection, query: Select[Any]) -> list[Row]:
    """Every row, some at a time: requests under way must not wait until thousands have been read."""
    rows: list[Row] = []
    async with connection.stream(query) as result:
        async for some in result.mappings().partitions(AT_ONCE):
            rows += map(plain, some)
    return rows


async def _generation(connection: AsyncConnection) -> int:
    meta = schema.META
    found = (await connection.execute(select(meta.c.value).where(meta.c.name == GENERATION))).scalar_one_or_none()
    return int(found or 0)
