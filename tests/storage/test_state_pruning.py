from dataclasses import replace

import pytest
from sqlalchemy import func, insert, select, text

from proxy.errors import StoreUnavailable
from proxy.storage import state_pruning
from proxy.storage.database import Database
from proxy.storage.schema import TENANTS
from proxy.storage.state import Bounds, Conversation, State
from proxy.storage.state_schema import STATE
from tests.storage.databases import NOW, Hand
from tests.storage.states import DAY, database, emptied, expect_right_size, ids, made, said, state, url

__all__ = ["database", "emptied", "state", "url"]

TALK = Conversation("conv_1", "acme", NOW, {})


async def rows(database: Database) -> list[int]:
    """How many there are of each table."""
    async with database.connect() as connection:
        return [(await connection.execute(select(func.count()).select_from(table))).scalar_one() for table in STATE]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion is small, so that a few rows are several."""
    monkeypatch.setattr(state_pruning, "AT_ONCE", 8)


async def test_what_is_too_old_goes_of_every_tenant(state: State, hand: Hand, database: Database) -> None:
    for number in range(20):
        await state.save(made(f"{number}", created_at=NOW, tenant=f"t{number % 2}"))
    await state.create_conversation(TALK, [said("a"), said("b")])
    hand.now = NOW + 5 * DAY
    await state.save(made("new", created_at=NOW + 5 * DAY))
    await state.save(made("gone", created_at=NOW, tenant="t1"))
    await state.delete("t1", "resp_gone")
    await state.create_conversation(replace(TALK, id="conv_2"), [said("c")])
    assert await state.prune() == 0
    hand.now = NOW + 30 * DAY
    assert await state.prune() == 22
    assert await state.prune() == 0
    assert (await rows(database))[:4] == [1, 2, 1, 1]
    assert ids(await state.history("acme", "resp_new")) == ["in_new", "out_new"]
    await expect_right_size(database)


async def test_what_is_too_much_goes_the_oldest_first(hand: Hand, database: Database) -> None:
    large = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=10**6))
    for number in range(20):
        await large.save(made(f"{number}", created_at=NOW + number))
    small = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=3_000))
    gone = await small.prune()
    assert 8 < gone < 20
    for number, there in ((gone - 1, False), (gone, True), (19, True)):
        assert (await small.get("acme", f"resp_{number}") is not None) == there
    assert await small.prune() == 0
    await expect_right_size(database)


async def test_a_portion_is_bounded_in_bytes_too(
    hand: Hand, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_pruning, "BYTES", 1000)
    large = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=10**6))
    for number in range(8):
        await large.save(made(f"{number}", created_at=NOW + number))
    first = await state_pruning.trim(database, "acme", state_pruning.Size(0, 0))
    assert 1 <= first < 8
    await expect_right_size(database)


async def test_of_a_tenant_that_was_deleted_nothing_stays(state: State, database: Database) -> None:
    tenant = {"id": "acme", "name": "", "rules": {}, "disabled": False, "created_at": NOW}
    async with database.begin() as connection:
        await connection.execute(insert(TENANTS).values(tenant | {"archived_at": NOW}))
        await connection.execute(insert(TENANTS).values(tenant | {"id": "beta"}))
    for name in ("acme", "beta"):
        await state.save(made("1", tenant=name, created_at=NOW + 10**6))
        await state.create_conversation(replace(TALK, tenant=name), [said("a")])
    assert await state.prune() == 2
    assert await state.get("acme", "resp_1") is None
    assert await state.get("beta", "resp_1") is not None
    assert (await rows(database))[:4] == [1, 2, 1, 1]
    async with database.connect() as connection:
        tenants = (await connection.execute(text("SELECT DISTINCT tenant FROM state_sizes"))).scalars().all()
    assert tenants == ["beta"]


async def test_what_was_kept_is_kept_though_nothing_can_be_removed(
    hand: Hand, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unable(*_: object) -> int:
        raise StoreUnavailable("busy")

    monkeypatch.setattr(state_pruning, "trim", unable)
    state = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=500))
    for number in range(3):
        await state.save(made(f"{number}"))
    assert await state.get("acme", "resp_0") is not None
