"""The admin API on a real SQLite file, with a clock and declarations that a test sets."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from proxy.accounts.roles import Actor
from proxy.admin.api import Api
from proxy.admin.operations import Office, Reply
from proxy.clock import Clock
from proxy.errors import ProxyError
from proxy.storage import schema
from proxy.storage.database import open_database
from proxy.storage.sealing import sealing
from proxy.storage.store import KEY, TENANT, Resource, Row, Store
from tests.storage.ready import lay_out

OWNER = Actor("bootstrap", "bootstrap", "owner")
OPERATOR = Actor("tok_o", "olga", "operator")
VIEWER = Actor("tok_v", "vera", "viewer")
NOW = 1_800_000_000
"""A Friday, 2027-01-15 08:00:00 UTC."""


def tenant_admin(tenant: str) -> Actor:
    return Actor("tok_t", "tom", "tenant_admin", tenant)


@dataclass
class Declarations:
    """What a configuration would declare."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def tenants(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("tenants", [])

    def keys(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("keys", [])

    def limits(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("limits", [])

    def budgets(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("budgets", [])

    def credentials(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("credentials", [])

    def api_key_refs(self) -> Sequence[Mapping[str, Any]]:
        return self.rows.get("api_key_refs", [])


@dataclass
class Bureau:
    """An API and everything behind it that a test looks at or turns."""

    api: Api
    path: Path
    declared: Declarations
    models: set[str]
    spent: dict[tuple[str, int], int]
    now: float = NOW
    changes: int = 0

    @property
    def store(self) -> Store:
        return self.api.office.store

    async def call(self, method: str, path: str, body: Any = None, actor: Actor = OWNER, **extra: Any) -> Reply:
        return await self.api.call(method, f"/admin/v1{path}", actor, body=body, **extra)

    async def fails(self, method: str, path: str, body: Any = None, actor: Actor = OWNER, **extra: Any) -> ProxyError:
        """The error of a call that must fail."""
        try:
            reply = await self.call(method, path, body, actor, **extra)
        except ProxyError as fault:
            return fault
        raise AssertionError(f"it did not fail: {reply}")

    async def ids(self, path: str, actor: Actor = OWNER, **query: str) -> list[str]:
        reply = await self.call("GET", path, actor=actor, query={name: [value] for name, value in query.items()})
        return [row["id"] for row in reply.value["data"]]

    async def add_tenant(self, name: str, **values: Any) -> None:
        row = {"id": name, "name": name, "rules": {}, "disabled": False, "archived_at": None}
        await self._add(TENANT, {**row, **values})

    async def add_key(self, identity: str, tenant: str, **values: Any) -> None:
        row: Row = {"id": identity, "tenant": tenant, "name": identity, "digest": identity.encode().ljust(32)}
        row |= {"last4": "", "owner": "", "tags": {}, "endpoints": [], "models": [], "networks": [], "disabled": False}
        await self._add(KEY, {**row, **values})

    async def _add(self, resource: Resource, row: Row) -> None:
        async with self.store.changing(OWNER) as session:
            await session.add(resource, row)

    async def audit(self, kind: str) -> list[Row]:
        """What the audit log has of a kind of object, oldest first."""
        async with self.store.reading() as session:
            query = select(schema.AUDIT).where(schema.AUDIT.c.object == kind).order_by(schema.AUDIT.c.id)
            return [dict(row) for row in (await session.connection.execute(query)).mappings()]


@asynccontextmanager
async def bureau(folder: Path) -> AsyncIterator[Bureau]:
    """Open it, with no tenants and nothing declared."""
    url = f"sqlite:///{folder}/proxy.db"
    lay_out(url)
    database = await open_database(url, folder=folder, migrate=True)
    numbers = count()
    clock = Clock(wall=lambda: made.now)

    async def changed() -> None:
        made.changes += 1

    declared, models, spent = Declarations(), set[str](), dict[tuple[str, int], int]()
    office = Office(
        store=Store(database, clock),
        sealing=sealing("pepper", ["an encryption key"]),
        clock=clock,
        declared=declared,
        models=Known(models),
        random=lambda size: next(numbers).to_bytes(size, "big"),
        changed=changed,
        spent=lambda: spent,
    )
    made = Bureau(Api(office), folder / "proxy.db", declared, models, spent)
    try:
        yield made
    finally:
        await database.close()


@dataclass
class Known:
    """The models that are known."""

    models: set[str]

    def known(self) -> frozenset[str]:
        return frozenset(self.models)
