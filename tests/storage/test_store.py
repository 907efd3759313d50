"""The contract of the store, on SQLite and on PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from proxy.errors import Conflict, InvalidRequest, NotFound, Stale, StoreUnavailable
from proxy.storage import schema
from proxy.storage import store as stores
from proxy.storage.audit import Event, Wanted
from proxy.storage.idempotency import Answered
from proxy.storage.store import ASKING, BUDGET, CREDENTIAL, KEY, TENANT, Row, Store
from tests.storage.databases import ACTOR, NOW, Hand, add_key

TENANT_ROW: Row = {"id": "acme", "name": "Acme", "rules": {"models": ["*"]}}


async def logged(store: Store) -> list[Row]:
    async with store.reading() as session:
        return (await session.audit_page(Wanted(), 1000)).rows


async def test_reports_wait_for_each_other_and_nobody_waits_for_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as asking:
        for _ in range(ASKING):
            await asking.enter_async_context(store.asking())
        monkeypatch.setattr(stores, "ASKING_PATIENCE", 0.01)
        with pytest.raises(StoreUnavailable):
            await asking.enter_async_context(store.asking())
        async with store.changing(ACTOR), store.reading():
            pass
    async with store.asking() as session:
        assert session.now == NOW


async def test_a_row_comes_back_as_it_was_put(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        made = await add_key(session, "web", tags={"team": "é😀"}, models=["a/*"], expires_at=NOW + 1)
    async with store.reading() as session:
        read = await session.get(KEY, "key_web")
    assert read == made
    assert read["tags"] == {"team": "é😀"}
    assert read["digest"] == b"web".ljust(32, b"-")
    assert (read["created_at"], read["revision"], read["disabled"]) == (NOW, 1, False)
    assert all(type(name) is str for name in read)


async def test_what_is_there_already_is_a_conflict_and_the_transaction_goes_on(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")
        with pytest.raises(Conflict):
            await add_key(session, "web")
        with pytest.raises(Conflict):
            await add_key(session, "other", name="web")
        await add_key(session, "cron")
        with pytest.raises(Conflict):
            await session.change(KEY, "key_cron", {"name": "web"})
    async with store.reading() as session:
        assert [row["id"] for row in await session.find(KEY)] == ["key_cron", "key_web"]
    assert len(await logged(store)) == 2


async def test_what_does_not_fit_is_the_callers_fault(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")
        with pytest.raises(InvalidRequest):
            await add_key(session, "long", owner="x" * 257)
        with pytest.raises(InvalidRequest):
            await session.change(KEY, "key_web", {"owner": "\0"})


async def test_a_change_needs_the_revision_it_names(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")
        changed = await session.change(KEY, "key_web", {"owner": "me"}, revision=1)
        assert (changed["owner"], changed["revision"]) == ("me", 2)
        with pytest.raises(Stale, match="revision 2 now, not 1"):
            await session.change(KEY, "key_web", {"owner": "you"}, revision=1)
        with pytest.raises(Stale):
            await session.remove(KEY, "key_web", revision=1)
        await session.remove(KEY, "key_web", revision=2)
        with pytest.raises(NotFound, match="no key 'key_web'"):
            await session.get(KEY, "key_web")
        with pytest.raises(NotFound):
            await session.change(KEY, "key_web", {})
        with pytest.raises(NotFound):
            await session.remove(KEY, "key_web")


async def test_of_many_changes_at_one_revision_one_is_made(store: Store, second: Store) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")

    async def change(which: Store, number: int) -> int | None:
        try:
            async with which.changing(ACTOR) as session:
                await session.change(KEY, "key_web", {"owner": str(number)}, revision=1)
        except Stale:
            return None
        return number

    outcomes = await asyncio.gather(*(change((store, second)[number % 2], number) for number in range(20)))
    won = [number for number in outcomes if number is not None]
    assert len(won) == 1
    async with store.reading() as session:
        assert (await session.get(KEY, "key_web"))["owner"] == str(won[0])


async def test_no_change_is_lost_and_each_moves_the_generation_once(store: Store, second: Store) -> None:
    async with store.changing(ACTOR) as session:
        await session.add(BUDGET, {"id": "b", "tenant": "acme", "micros": 0, "per": "day"})

    async def raise_it(which: Store) -> None:
        async with which.changing(ACTOR) as session:
            row = await session.get(BUDGET, "b")
            await session.change(BUDGET, "b", {"micros": row["micros"] + 1})

    await asyncio.gather(*(raise_it(which) for which in (store, second) * 25))
    async with store.reading() as session:
        row = await session.get(BUDGET, "b")
    assert (row["micros"], row["revision"]) == (50, 51)
    assert await store.generation() == await second.generation() == 51
    log = await logged(store)
    assert len(log) == 51
    assert [entry["after"]["micros"] for entry in reversed(log)] == list(range(51))


async def test_a_generation_is_for_a_transaction_that_changed_something(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        await session.find(KEY)
    assert await store.generation() == 0
    async with store.changing(ACTOR) as session:
        await add_key(session, "a")
        await add_key(session, "b")
        await session.remove(KEY, "key_a")
    assert await store.generation() == 1


async def break_off(store: Store, fault: BaseException) -> None:
    async with store.changing(ACTOR) as session:
        await session.add(TENANT, TENANT_ROW)
        raise fault


@pytest.mark.parametrize("fault", [ValueError, asyncio.CancelledError, Conflict])
async def test_what_was_broken_off_leaves_nothing(store: Store, fault: Any) -> None:
    with pytest.raises(fault):
        await break_off(store, fault("broken off"))
    assert await logged(store) == []
    assert await store.generation() == 0
    async with store.reading() as session:
        assert await session.find(TENANT) == []


async def test_a_cancelled_task_leaves_nothing_locked(store: Store) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with store.changing(ACTOR) as session:
            await session.add(TENANT, TENANT_ROW)
            entered.set()
            while True:
                await session.find(TENANT)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await entered.wait()
        task.cancel()
    async with store.changing(ACTOR) as session:
        await session.add(TENANT, TENANT_ROW)
    assert len(await logged(store)) == 1


async def test_who_reads_changes_nothing(store: Store) -> None:
    async with store.reading() as session:
        with pytest.raises(RuntimeError, match="for reading"):
            await session.note(Event("key.created", "x"))


async def test_who_reads_sees_one_state_and_does_not_wait(store: Store, second: Store) -> None:
    async with store.reading() as session:
        assert await session.find(KEY) == []
        async with second.changing(ACTOR) as other:
            await add_key(other, "web")
        assert await session.find(KEY) == []
    async with store.reading() as session:
        assert len(await session.find(KEY)) == 1


async def test_the_log_says_who_did_what_and_no_secret(store: Store) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")
        await session.change(KEY, "key_web", {"disabled": True}, action="disabled")
        await session.remove(KEY, "key_web")
        await session.add(TENANT, TENANT_ROW)
        sealed = {"id": "c", "tenant": "acme", "name": "n", "kind": "sealed", "sealed": b"x"}
        await session.add(CREDENTIAL, sealed)
    credential, tenant, removed, disabled, created = await logged(store)
    assert [row["action"] for row in (created, disabled, removed)] == ["key.created", "key.disabled", "key.deleted"]
    assert (created["at"], created["actor_id"], created["actor_role"], created["object"]) == (
        NOW,
        "cli",
        "owner",
        "key",
    )
    assert (created["object_id"], created["tenant"], tenant["tenant"]) == ("key_web", "acme", "acme")
    assert (created["before"], removed["after"]) == (None, None)
    assert (disabled["before"]["disabled"], disabled["after"]["disabled"]) == (False, True)
    assert "digest" not in created["after"]
    assert "sealed" not in credential["after"]


@pytest.mark.parametrize(
    "statement",
    [
        update(schema.AUDIT).values(action="nothing"),
        delete(schema.AUDIT),
        text("UPDATE audit SET actor_id = 'somebody else' WHERE id = 1"),
        text("DELETE FROM audit WHERE id = 1"),
    ],
)
async def test_the_log_cannot_be_changed_whatever_is_sent(store: Store, statement: Any) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, "web")
    before = await logged(store)
    with pytest.raises(Exception, match="append-only"):
        async with store.database.begin() as connection:
            await connection.execute(statement)
    assert await logged(store) == before


async def test_a_snapshot_has_everything(store: Store, hand: Hand) -> None:
    async with store.changing(ACTOR) as session:
        await session.add(TENANT, TENANT_ROW)
        await add_key(session, "web")
    await store.add_spent({("b", 0): 5, ("b", NOW): 7, ("b", NOW - 31 * 86_400): 1, ("b", NOW - 90 * 86_400): 9})
    found = await store.snapshot()
    assert found.generation == 1
    assert [row["id"] for row in found.rows["tenant"]] == ["acme"]
    assert [row["id"] for row in found.rows["key"]] == ["key_web"]
    assert found.rows["budget"] == []
    assert found.spent == {("b", 0): 5, ("b", NOW): 7, ("b", NOW - 31 * 86_400): 1}


async def test_spending_adds_up_whoever_adds(store: Store, second: Store) -> None:
    budgets = [("a", 0), ("b", NOW)]
    work = [which.add_spent(dict.fromkeys(order, 3)) for which in (store, second) for order in (budgets, budgets[::-1])]
    work += [which.add_spent({("a", 0): 1}) for which in (store, second) for _ in range(25)]
    await asyncio.gather(*work)
    await store.add_spent({})
    assert (await store.snapshot()).spent == {("a", 0): 62, ("b", NOW): 12}
    assert await store.generation() == 0


async def test_uses_are_remembered_and_never_go_back(store: Store, second: Store) -> None:
    async with store.changing(ACTOR) as session:
        for name in "ab":
            await add_key(session, name)
    await asyncio.gather(store.touch_keys({"key_a": 20, "key_b": 10}), second.touch_keys({"key_b": 30, "key_a": 15}))
    await store.touch_keys({"key_a": 19, "gone": 5})
    await store.touch_keys({})
    async with store.reading() as session:
        assert [(row["last_used_at"], row["revision"]) for row in await session.find(KEY)] == [(20, 1), (30, 1)]
    assert await store.generation() == 1


async def test_uses_of_admin_tokens(store: Store) -> None:
    row = {"id": "t", "name": "n", "digest": b"d" * 32, "last4": "", "role": "owner", "created_at": NOW, "revision": 1}
    async with store.database.begin() as connection:
        await connection.execute(insert(schema.ADMIN_TOKENS).values(row))
    await store.touch_tokens({"t": 7})
    async with store.database.connect() as connection:
        assert (await connection.execute(select(schema.ADMIN_TOKENS.c.last_used_at))).scalar_one() == 7


async def test_changes_and_uses_of_the_same_keys_never_block_each_other_for_good(store: Store, second: Store) -> None:
    names = "abcdef"
    async with store.changing(ACTOR) as session:
        for name in names:
            await add_key(session, name)

    async def change() -> None:
        async with store.changing(ACTOR) as session:
            for name in reversed(names):
                await session.change(KEY, f"key_{name}", {"owner": "me"})

    uses = {f"key_{name}": NOW for name in names}
    await asyncio.gather(*(work for _ in range(5) for work in (change(), second.touch_keys(uses))))
    async with store.reading() as session:
        assert {(row["revision"], row["last_used_at"]) for row in await session.find(KEY)} == {(6, NOW)}


ANSWER = Answered(b"f" * 32, 201, b"sealed")


async def test_an_answer_is_kept_for_a_day(store: Store, hand: Hand) -> None:
    async with store.changing(ACTOR) as session:
        assert await session.answered("once") is None
        await session.keep_answer("once", ANSWER)
        assert await session.answered("once") == ANSWER
    assert await store.generation() == 0
    hand.now += 24 * 3600 - 1
    async with store.changing(ACTOR) as session:
        assert await session.answered("once") == ANSWER
        with pytest.raises(Conflict):
            await session.keep_answer("once", ANSWER)
    hand.now += 1
    async with store.changing(ACTOR) as session:
        assert await session.answered("once") is None
        await session.keep_answer("once", ANSWER)


async def test_what_is_sent_many_times_at_once_is_done_once(store: Store, second: Store) -> None:
    async def create(which: Store, number: int) -> str:
        async with which.changing(ACTOR) as session:
            if (before := await session.answered("once")) is not None:
                return before.answer.decode()
            row = await add_key(session, f"k{number}")
            await session.keep_answer("once", Answered(b"f" * 32, 201, row["id"].encode()))
            return str(row["id"])

    answers = await asyncio.gather(*(create((store, second)[number % 2], number) for number in range(10)))
    async with store.reading() as session:
        assert [row["id"] for row in await session.find(KEY)] == [answers[0]]
    assert len(set(answers)) == 1


async def test_thousands_of_rows_are_read_some_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.storage.store.AT_ONCE", 10)
    async with store.changing(ACTOR) as session:
        for number in range(200):
            await add_key(session, f"key{number}")
    turn, turns = 0, list[int]()

    def converted(row: Any) -> Row:
        turns.append(turn)
        return dict(row)

    monkeypatch.setattr("proxy.storage.store.plain", converted)
    reading = asyncio.create_task(store.snapshot())
    while not reading.done():
        turn += 1
        await asyncio.sleep(0)
    assert len((await reading).rows["key"]) == 200
    assert max(map(turns.count, turns)) <= 60, "others had their turn in between"
