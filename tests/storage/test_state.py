"""The contract of what the Responses API keeps, on SQLite and on PostgreSQL."""

import asyncio
import random
from dataclasses import replace

import pytest

from proxy.errors import InvalidRequest, StateTooLarge
from proxy.storage.database import Database
from proxy.storage.state import Bounds, State
from tests.storage.databases import NOW, Hand
from tests.storage.states import BOUNDS, DAY, database, emptied, expect_right_size, ids, made, other, said, state, url

__all__ = ["database", "emptied", "other", "state", "url"]

ODD = "msg_\0 \U0001f600 " + "x" * 300


async def test_a_response_comes_back_as_it_was_saved_and_for_its_tenant_only(state: State) -> None:
    stored = made("1", text="é😀\0 " + "long " * 100, previous="resp_0", key_id="key_1")
    assert await state.save(stored) is stored
    assert await state.get("acme", "resp_1") == stored
    assert await state.get("beta", "resp_1") is None
    assert await state.get("acme", "resp_2") is None
    assert not await state.delete("beta", "resp_1")
    assert await state.cancel("beta", "resp_1") is None
    assert await state.history("beta", "resp_1") is None
    assert await state.items("beta", ["in_1", "out_1"]) == {}
    mine = made("1", tenant="beta", text="another")
    await state.save(mine)
    assert await state.get("acme", "resp_1") == stored
    assert await state.get("beta", "resp_1") == mine
    assert (await state.items("beta", ["in_1"]))["in_1"]["content"][0]["text"] == "another"


async def test_saving_again_replaces_and_counts_once(state: State, database: Database) -> None:
    going = made("1", "in_progress", background=True, worker="w")
    for status in ("queued", "in_progress", "in_progress"):
        await state.save(replace(going, status=status, response=going.response | {"status": status}))
    assert (await state.get("acme", "resp_1")) == going
    done = made("1", text="done " * 1000, background=True, created_at=going.created_at)
    for _ in range(3):
        await state.save(done)
    assert await state.get("acme", "resp_1") == done
    assert list(await state.items("acme", ["in_1", "out_1", "gone"])) == ["in_1", "out_1"]
    failed = made("1", "failed", created_at=going.created_at)
    assert await state.save(failed) == done, "nobody who gives up undoes an answer"
    less = made("1", "incomplete", created_at=going.created_at, input=[])
    await state.save(less)
    assert await state.get("acme", "resp_1") == less
    assert list(await state.items("acme", ["in_1", "out_1"])) == ["out_1"]
    await expect_right_size(database)


async def test_whoever_ends_a_response_first_has_the_last_word(state: State, other: State, database: Database) -> None:
    going = made("1", "in_progress", background=True, worker="w")
    done = made("1", background=True, created_at=going.created_at)
    await state.save(going)
    cancelled = await other.cancel("acme", "resp_1")
    assert cancelled is not None
    assert (cancelled.status, cancelled.response["status"], cancelled.worker) == ("cancelled", "cancelled", "")
    assert await state.save(done) == cancelled
    assert await state.save(going) == cancelled
    assert await state.get("acme", "resp_1") == cancelled
    partly = made("1", "cancelled", text="partly", background=True, created_at=going.created_at)
    assert await state.save(partly) is partly
    assert await state.get("acme", "resp_1") == partly

    await state.save(replace(going, id="resp_2"))
    second = made("2", background=True)
    await state.save(second)
    assert await other.cancel("acme", "resp_2") == await state.get("acme", "resp_2")
    assert (await state.save(made("2", "cancelled", background=True))).status == "completed"
    assert (await state.save(made("2", "in_progress", background=True))).status == "completed"
    await expect_right_size(database)


async def test_only_what_is_made_in_the_background_can_be_cancelled(state: State) -> None:
    await state.save(made("1", "in_progress"))
    there = await state.cancel("acme", "resp_1")
    assert there is not None
    assert there.status == "in_progress"


async def test_a_race_of_cancelling_and_completing_has_one_outcome(state: State, other: State) -> None:
    for number in range(4):
        going = made(f"{number}", "in_progress", background=True, worker="w")
        await state.save(going)
        done = made(f"{number}", background=True, created_at=going.created_at)
        both = (state.save(done), other.cancel("acme", going.id))
        if number % 2:
            cancelled, kept = await asyncio.gather(*both[::-1])
        else:
            kept, cancelled = await asyncio.gather(*both)
        there = await state.get("acme", going.id)
        assert kept == cancelled == there


async def test_of_a_deleted_response_nothing_is_left_and_nothing_comes_back(state: State, database: Database) -> None:
    for number, previous in ((1, None), (2, "resp_1"), (3, "resp_2")):
        await state.save(made(f"{number}", previous=previous))
    assert await state.delete("acme", "resp_2")
    assert not await state.delete("acme", "resp_2")
    assert await state.get("acme", "resp_2") is None
    assert await state.history("acme", "resp_2") is None
    assert list(await state.items("acme", ["in_2", "out_2", "out_3"])) == ["out_3"]
    assert ids(await state.history("acme", "resp_3")) == ["in_1", "out_1", "in_3", "out_3"]
    late = await state.save(made("2", background=True))
    assert late.status == "deleted"
    assert await state.get("acme", "resp_2") is None
    await expect_right_size(database)


async def test_a_history_is_that_of_the_chain_and_in_its_order(state: State) -> None:
    previous = None
    for number in range(12):
        await state.save(made(f"{number}", previous=previous, text=f"turn {number} " * (number % 7)))
        previous = f"resp_{number}"
    await state.save(made("side", previous="resp_3"))
    wanted = [f"{side}_{number}" for number in range(12) for side in ("in", "out")]
    assert ids(await state.history("acme", "resp_11")) == wanted
    assert ids(await state.history("acme", "resp_2")) == wanted[:6]
    assert ids(await state.history("acme", "resp_side")) == [*wanted[:8], "in_side", "out_side"]
    assert await state.history("acme", "resp_12") is None


async def test_a_chain_stops_where_the_one_before_is_not_there(state: State) -> None:
    await state.save(made("1", tenant="beta"))
    await state.save(made("2", previous="resp_1"))
    assert ids(await state.history("acme", "resp_2")) == ["in_2", "out_2"]


async def test_an_item_is_found_wherever_it_is_and_the_newest_of_several_wins(state: State, hand: Hand) -> None:
    await state.save(made("1"))
    await state.save(made("2", input=[said("in_1", "again"), {"type": "item_reference", "id": "out_1"}, said(ODD)]))
    found = await state.items("acme", ["in_1", "out_1", "out_2", ODD, "none"])
    assert {name: item["content"][0]["text"] for name, item in found.items()} == {
        "in_1": "again", "out_1": "hi", "out_2": "hi", ODD: "hi",
    }  # fmt: skip
    await state.delete("acme", "resp_2")
    found = await state.items("acme", ["in_1", "out_2"])
    assert {name: item["content"][0]["text"] for name, item in found.items()} == {"in_1": "hi"}
    assert await state.items("acme", []) == {}


async def test_ids_may_be_anything(state: State) -> None:
    stored = made("1", id=ODD, previous=ODD)
    stored.response["id"] = ODD
    await state.save(stored)
    there = await state.get("acme", ODD)
    assert there is not None
    assert there.response == stored.response
    with pytest.raises(StateTooLarge, match="Before the response are 1000 others or more"):
        await state.history("acme", ODD)  # it comes before itself
    assert await state.delete("acme", ODD)
    assert await state.get("acme", "\ud800") is None
    assert await state.items("acme", ["\ud800", "\0"]) == {}


async def test_what_is_too_old_is_not_seen(state: State, hand: Hand) -> None:
    await state.save(made("1", created_at=NOW))
    await state.save(made("2", created_at=NOW + 10, previous="resp_1"))
    hand.now = NOW + 30 * DAY
    assert await state.get("acme", "resp_1") is None
    assert await state.history("acme", "resp_1") is None
    assert await state.items("acme", ["out_1"]) == {}
    assert not await state.delete("acme", "resp_1")
    assert await state.cancel("acme", "resp_1") is None
    assert ids(await state.history("acme", "resp_2")) == ["in_2", "out_2"]


async def test_what_a_worker_had_under_way_is_found_by_its_name(state: State) -> None:
    first = made("1", "in_progress", background=True, worker="a", key_id="k")
    second = made("2", "queued", background=True, worker="a", tenant="beta")
    for stored in (first, second, made("3", "queued", background=True, worker="b"), made("4", worker="a")):
        await state.save(stored)
    assert await state.unfinished("a") == [first, second]
    await state.cancel("beta", "resp_2")
    await state.save(made("1", background=True, worker="a"))
    assert await state.unfinished("a") == []


async def test_what_nobody_says_to_make_is_abandoned(state: State, hand: Hand) -> None:
    for name, status, worker in (("1", "queued", "a"), ("2", "in_progress", "b"), ("3", "in_progress", "")):
        await state.save(made(name, status, background=True, worker=worker, tenant=f"tenant-{name}"))
    assert await state.status("tenant-2", "resp_2") == "in_progress"
    assert await state.status("tenant-1", "resp_2") is None
    hand.now += 15
    await state.prolong("a", ["resp_1", "resp_2"])
    hand.now += 5
    [found] = await state.abandoned()
    assert (found.id, found.tenant, found.lease) == ("resp_2", "tenant-2", NOW + 20)
    await state.save(replace(found, status="failed"))
    assert await state.abandoned() == []
    hand.now += 15
    assert [each.id for each in await state.abandoned()] == ["resp_1"]


async def test_what_is_too_large_is_refused_and_nothing_of_it_kept(state: State, database: Database) -> None:
    with pytest.raises(StateTooLarge, match="no more than 100000 are kept") as raised:
        await state.save(made("1", text="x" * 60_000))
    assert (raised.value.status, raised.value.code, raised.value.type) == (
        400, "state_too_large", "invalid_request_error",
    )  # fmt: skip
    with pytest.raises(StateTooLarge, match="more than 10000 are kept at once"):
        await state.save(made("1", input=[{"id": f"i{number}"} for number in range(10_000)]))
    deep: dict[str, object] = {"id": "x"}
    for _ in range(300):
        deep = {"deep": deep}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        await state.save(made("1", input=[deep]))
    assert await state.get("acme", "resp_1") is None
    await expect_right_size(database)


async def test_a_history_has_a_bound(state: State, hand: Hand, database: Database) -> None:
    small = State(database, hand.clock, Bounds(keep=DAY, size=2000, tenant_size=10**6))
    previous = None
    for number in range(20):
        await small.save(made(f"{number}", previous=previous, text="x" * 400))
        previous = f"resp_{number}"
    assert len(ids(await small.history("acme", "resp_3"))) == 8
    with pytest.raises(StateTooLarge, match="The history has"):
        await small.history("acme", "resp_19")
    assert len(await small.items("acme", [f"in_{number}" for number in range(4)])) == 4
    with pytest.raises(StateTooLarge, match="What the items are read from"):
        await small.items("acme", [f"in_{number}" for number in range(20)])


async def test_large_ones_are_read_and_written_beside_the_event_loop(hand: Hand, database: Database) -> None:
    state = State(database, hand.clock, replace(BOUNDS, size=10**6))
    noise = random.Random(1).randbytes(100_000).hex()  # noqa: S311 - what does not compress well
    stored = made("1", text=noise)
    await state.save(stored)
    assert await state.get("acme", "resp_1") == stored


async def test_of_a_tenant_with_too_much_the_oldest_go(hand: Hand, database: Database) -> None:
    state = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=7_000))
    await state.save(made("other", tenant="beta"))
    for number in range(20):
        await state.save(made(f"{number}", created_at=NOW + number, previous=f"resp_{number - 1}"))
    assert await state.get("acme", "resp_0") is None
    history = ids(await state.history("acme", "resp_19"))
    assert history[-2:] == ["in_19", "out_19"]
    assert 16 <= len(history) < 40
    assert await state.get("beta", "resp_other") is not None
    await expect_right_size(database)


async def test_what_was_just_saved_stays_even_alone(hand: Hand, database: Database) -> None:
    state = State(database, hand.clock, Bounds(keep=DAY, size=10_000, tenant_size=500))
    await state.save(made("1"))
    await state.save(made("2"))
    assert await state.get("acme", "resp_1") is None
    assert await state.get("acme", "resp_2") is not None
