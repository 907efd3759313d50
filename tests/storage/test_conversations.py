"""The contract of conversations, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace

import pytest

from proxy.errors import Conflict, NotFound, StateTooLarge
from proxy.storage.database import Database
from proxy.storage.state import Bounds, Conversation, State
from tests.storage.databases import NOW, Hand
from tests.storage.states import DAY, database, emptied, expect_right_size, ids, made, other, said, state, url

__all__ = ["database", "emptied", "other", "state", "url"]

TALK = Conversation("conv_1", "acme", NOW, {"topic": "é\0"})


async def items(state: State, tenant: str = "acme", identity: str = "conv_1") -> list[str]:
    page = await state.conversation_items(tenant, identity)
    assert page is not None
    assert not page.more
    return ids(page.items)


async def test_a_conversation_is_its_tenants_alone(state: State, database: Database) -> None:
    await state.create_conversation(TALK, [said("a"), said("b", "x" * 1000)])
    assert await state.conversation("acme", "conv_1") == TALK
    with pytest.raises(Conflict):
        await state.create_conversation(TALK, [])
    assert await state.conversation("beta", "conv_1") is None
    assert await state.update_conversation("beta", "conv_1", {}) is None
    assert not await state.add_items("beta", "conv_1", [said("c")])
    assert await state.conversation_items("beta", "conv_1") is None
    assert not await state.delete_item("beta", "conv_1", "a")
    assert not await state.delete_conversation("beta", "conv_1")
    assert await state.items("beta", ["a"]) == {}

    await state.create_conversation(replace(TALK, tenant="beta"), [said("a", "theirs")])
    assert await state.update_conversation("acme", "conv_1", {"n": "1" * 500}) == replace(
        TALK, metadata={"n": "1" * 500}
    )
    assert await state.conversation("beta", "conv_1") == replace(TALK, tenant="beta")
    assert (await state.items("acme", ["a"]))["a"] == said("a")
    await expect_right_size(database)
    assert await state.delete_conversation("acme", "conv_1")
    assert not await state.delete_conversation("acme", "conv_1")
    assert await state.conversation("acme", "conv_1") is None
    assert await state.items("acme", ["a", "b"]) == {}
    assert await items(state, "beta") == ["a"]
    await expect_right_size(database)


async def test_pages_go_either_way(state: State) -> None:
    names = [f"i{number}" for number in range(7)]
    await state.create_conversation(TALK, [said(name) for name in names[:3]])
    assert await state.add_items("acme", "conv_1", [said(name) for name in names[3:]])
    assert await state.add_items("acme", "conv_1", [])
    assert await items(state) == names
    for descending, wanted in ((False, names), (True, names[::-1])):
        found: list[str] = []
        after = None
        while True:
            page = await state.conversation_items("acme", "conv_1", after=after, limit=3, descending=descending)
            assert page is not None
            found += ids(page.items)
            after = found[-1]
            if not page.more:
                break
        assert found == wanted
    with pytest.raises(NotFound, match="Item with id 'none' not found") as raised:
        await state.conversation_items("acme", "conv_1", after="none")
    assert raised.value.param == "after"


async def test_an_item_that_is_removed_is_gone_and_its_place_is_not_given_again(
    state: State, database: Database
) -> None:
    await state.create_conversation(TALK, [said("a"), said("b"), said("c")])
    assert await state.delete_item("acme", "conv_1", "c")
    assert not await state.delete_item("acme", "conv_1", "c")
    assert not await state.delete_item("acme", "conv_2", "c")
    assert await state.add_items("acme", "conv_1", [said("d")])
    assert await items(state) == ["a", "b", "d"]
    assert await state.items("acme", ["c"]) == {}
    await expect_right_size(database)


async def test_an_id_that_comes_again_takes_the_place_of_the_first(
    state: State, hand: Hand, database: Database
) -> None:
    await state.create_conversation(TALK, [said("a"), said("b"), said("c")])
    await state.add_items("acme", "conv_1", [said("d"), said("b", "again"), said("d", "twice")])
    page = await state.conversation_items("acme", "conv_1")
    assert page is not None
    assert page.items == [said("a"), said("b", "again"), said("c"), said("d", "twice")]
    hand.now += 2000
    await state.create_conversation(replace(TALK, id="conv_2"), [said("b", "elsewhere")])
    assert (await state.items("acme", ["b"]))["b"] == said("b", "elsewhere")
    await expect_right_size(database)


async def test_a_response_adds_its_turn_once_it_has_ended_well(state: State, database: Database) -> None:
    await state.create_conversation(TALK, [said("a")])
    going = made("1", "in_progress", conversation="conv_1", background=True, worker="w")
    await state.save(going)
    assert await items(state) == ["a"]
    done = made("1", "incomplete", conversation="conv_1")
    for _ in range(3):
        await state.save(done)
    assert await items(state) == ["a", "in_1", "out_1"]
    await state.delete_item("acme", "conv_1", "out_1")
    await state.save(done)
    assert await items(state) == ["a", "in_1"]
    await state.save(made("2", "failed", conversation="conv_1"))
    reference = {"type": "item_reference", "id": "a"}
    await state.save(made("3", conversation="conv_1", input=[reference, said("in_3")]))
    assert await items(state) == ["a", "in_1", "in_3", "out_3"]
    await state.save(made("4", conversation="conv_gone"))
    assert await state.get("acme", "resp_4") is not None
    await expect_right_size(database)


async def test_what_was_cancelled_adds_nothing(state: State) -> None:
    await state.create_conversation(TALK, [])
    await state.save(made("1", "in_progress", conversation="conv_1", background=True))
    await state.cancel("acme", "resp_1")
    await state.save(made("1", conversation="conv_1", background=True))
    assert await items(state) == []


async def test_the_newest_item_is_found_whether_in_a_response_or_a_conversation(state: State, hand: Hand) -> None:
    await state.create_conversation(TALK, [said("a", "first")])
    await state.save(made("1", input=[said("a", "second")], created_at=NOW + 10))
    assert (await state.items("acme", ["a"]))["a"] == said("a", "second")
    hand.now = NOW + 20
    await state.add_items("acme", "conv_1", [said("a", "third")])
    assert (await state.items("acme", ["a"]))["a"] == said("a", "third")


async def test_processes_that_add_at_once_keep_one_order_and_lose_nothing(state: State, other: State) -> None:
    await state.create_conversation(TALK, [])

    async def talk(to: State, name: str) -> list[str]:
        names = []
        for number in range(6):
            batch = [f"{name}{number}.{part}" for part in range(3)]
            if number % 2:
                await to.add_items("acme", "conv_1", [said(each) for each in batch])
            else:
                turn = made(f"{name}{number}", conversation="conv_1", input=[said(each) for each in batch])
                await to.save(turn)
                batch.append(f"out_{name}{number}")
            names.append(batch)
        return [each for batch in names for each in batch]

    added = await asyncio.gather(talk(state, "x"), talk(other, "y"), talk(state, "z"))
    found = await items(state)
    assert len(found) == len(set(found)) == sum(map(len, added))
    for mine in added:
        assert [each for each in found if each in mine] == mine
    batches = {each.split(".")[0]: index for index, each in enumerate(found) if each.endswith(".0")}
    assert all(found[start + 2] == f"{name}.2" for name, start in batches.items())
    assert await items(other) == found


async def test_one_that_is_not_used_becomes_too_old(state: State, hand: Hand) -> None:
    await state.create_conversation(TALK, [said("a")])
    hand.now = NOW + 29 * DAY
    await state.add_items("acme", "conv_1", [said("b")])
    hand.now = NOW + 58 * DAY
    assert await state.update_conversation("acme", "conv_1", {}) is not None
    hand.now = NOW + 87 * DAY
    assert await items(state) == ["a", "b"]
    hand.now = NOW + 88 * DAY
    assert await state.conversation("acme", "conv_1") is None
    assert await state.conversation_items("acme", "conv_1") is None
    assert await state.items("acme", ["a"]) == {}
    assert not await state.add_items("acme", "conv_1", [said("c")])
    await state.save(made("1", conversation="conv_1", created_at=int(hand.now)))
    assert await state.get("acme", "resp_1") is not None


async def test_a_conversation_has_a_bound(hand: Hand, database: Database) -> None:
    small = State(database, hand.clock, Bounds(keep=DAY, size=2000, tenant_size=10**6))
    with pytest.raises(StateTooLarge, match="no more than 2000 are kept at once") as raised:
        await small.create_conversation(TALK, [said("a", "x" * 2000)])
    assert raised.value.param == "items"
    await small.create_conversation(TALK, [])
    for number in range(4):
        await small.add_items("acme", "conv_1", [said(f"i{number}", "x" * 1700)])
    with pytest.raises(StateTooLarge, match="The conversation has"):
        await small.add_items("acme", "conv_1", [said("one more", "x" * 1700)])
    with pytest.raises(StateTooLarge, match="The conversation has"):
        await small.save(made("1", conversation="conv_1", text="x" * 700))
    assert await small.get("acme", "resp_1") is None
    assert len(await items(small)) == 4
    smaller = State(database, hand.clock, Bounds(keep=DAY, size=500, tenant_size=10**6))
    with pytest.raises(StateTooLarge, match="The conversation has"):
        await smaller.conversation_items("acme", "conv_1")
    assert await smaller.conversation_items("acme", "conv_1", limit=2) is not None
    await expect_right_size(database)


async def test_conversations_count_and_the_oldest_go(hand: Hand, database: Database) -> None:
    state = State(database, hand.clock, Bounds(keep=DAY, size=100_000, tenant_size=10_000))
    await state.create_conversation(TALK, [said(f"i{number}") for number in range(20)])
    hand.now += 1
    await state.create_conversation(replace(TALK, id="conv_2"), [said(f"j{number}") for number in range(20)])
    assert await state.conversation("acme", "conv_1") is None
    assert len(await items(state, identity="conv_2")) == 20
    hand.now += 1
    await state.create_conversation(replace(TALK, id="conv_3"), [])
    await state.add_items("acme", "conv_3", [said(f"k{number}") for number in range(20)])
    assert await state.conversation("acme", "conv_2") is None
    await expect_right_size(database)
