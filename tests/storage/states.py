"""State for tests: fixtures that open it on both databases, and what is put into it."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from proxy.storage.database import Database, migrate_database, open_database
from proxy.storage.schema import TENANTS
from proxy.storage.state import Bounds, Item, State, Stored
from proxy.storage.state_schema import CONVERSATIONS, RESPONSES, STATE, STATE_SIZES
from tests.storage.databases import KINDS, NOW, Hand, Open, Postgres

DAY = 86_400
BOUNDS = Bounds(keep=30 * DAY, size=100_000, tenant_size=10_000_000)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def emptied() -> dict[str, str]:
    """Kind -> the URL of a migrated database that the tests of state share, one after the other."""
    return {}


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, emptied: dict[str, str]) -> str:
    """The URL of a database without any state. Migrating one for each test would take most of the time."""
    kind: str = request.param
    if kind not in emptied:
        if kind == "sqlite":
            emptied[kind] = f"sqlite:///{tmp_path_factory.mktemp('state')}/proxy.db"
            await migrate_database(emptied[kind], folder=Path())
        else:
            running: Postgres = request.getfixturevalue("postgres")
            emptied[kind] = await running.create()
    await _empty(emptied[kind])
    return emptied[kind]


async def _empty(url: str) -> None:
    database = await open_database(url, folder=Path(), migrate=False)
    async with database.begin() as connection:
        for table in (*STATE, TENANTS):
            await connection.execute(delete(table))
    await database.close()


@pytest.fixture
async def database(url: str, opening: Open) -> Database:
    return await opening(url)


@pytest.fixture
def state(database: Database, hand: Hand) -> State:
    return State(database, hand.clock, BOUNDS)


@pytest.fixture
async def other(url: str, database: Database, opening: Open, hand: Hand) -> State:
    """As another process has it."""
    return State(await opening(url), hand.clock, BOUNDS)


def said(identity: str, text: str = "hi", role: str = "user") -> Item:
    return {"id": identity, "type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def made(identity: str, /, status: str = "completed", text: str = "hi", **others: Any) -> Stored:
    """A response `resp_x` with one item of input, `in_x`, and one of output, `out_x`."""
    output = [said(f"out_{identity}", text, "assistant")]
    response = {"id": f"resp_{identity}", "object": "response", "status": status, "output": output}
    values: dict[str, Any] = {
        "id": f"resp_{identity}",
        "tenant": "acme",
        "created_at": NOW + next(NUMBERS) % 1000,
        "status": status,
        "response": response,
        "input": [said(f"in_{identity}", text)],
    }
    if status in {"queued", "in_progress"}:
        response["output"] = []
    return Stored(**values | others)


def ids(items: list[Item] | None) -> list[str]:
    assert items is not None
    return [item["id"] for item in items]


async def counted(database: Database) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Bytes of tenants: as they are counted, and as they are when they are added up."""
    async with database.connect() as connection:
        kept = await connection.execute(
            select(STATE_SIZES.c.tenant, func.sum(STATE_SIZES.c.bytes)).group_by(STATE_SIZES.c.tenant)
        )
        there: dict[str, int] = {}
        for table in (RESPONSES, CONVERSATIONS):
            for row in await connection.execute(select(table.c.tenant, table.c.counted)):
                there[row.tenant] = there.get(row.tenant, 0) + row.counted
        return {row[0]: int(row[1]) for row in kept if row[1]}, there


async def expect_right_size(database: Database) -> None:
    kept, there = await counted(database)
    assert kept == there
