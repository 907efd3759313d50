"""Batches on both databases: leases, and lines that end once."""

import asyncio
from pathlib import Path

import pytest

from proxy.storage import batching
from proxy.storage.batching import LEASE, Ended
from proxy.storage.filing_terms import Crowded, Lost, Row
from proxy.translation.lists import Span
from tests.storage.databases import Hand, Open
from tests.storage.filed import QUEUED, WINDOW, Filed


@pytest.fixture
async def filed(url: str, opening: Open, hand: Hand, tmp_path: Path) -> Filed:
    return Filed(await opening(url), hand, tmp_path / "files")


async def claimed(filed: Filed, batch: Row | None = None, owner: str = "me") -> Row:
    batch = batch or await filed.begin()
    found = await filed.batches.claim(batch["id"], owner)
    assert found is not None
    return found


async def test_a_new_batch_has_its_window(filed: Filed, hand: Hand) -> None:
    batch = await filed.begin(metadata={"night": "1"})
    assert batch["status"] == "validating"
    assert batch["expires_at"] == int(hand.now) + WINDOW
    assert batch["metadata"] == {"night": "1"}
    assert filed.batches.changed.is_set()
    assert await filed.batches.get("acme", batch["id"]) == batch
    assert await filed.batches.get("beta", batch["id"]) is None


async def test_the_input_has_to_be_the_tenants_own(filed: Filed) -> None:
    file = await filed.add(b"{}", tenant="beta")
    given = {"tenant": "acme", "key_id": "", "key": "web", "endpoint": "/v1/embeddings", "input_file": file["id"]}
    assert await filed.batches.create(given | {"metadata": None, "output_seconds": None}, WINDOW) is None


async def test_a_tenant_has_so_many_that_have_not_ended(filed: Filed) -> None:
    file = await filed.add(b"{}\n")
    found = await asyncio.gather(*(filed.begin(file=file) for _ in range(QUEUED + 3)), return_exceptions=True)
    assert [type(each) for each in found if isinstance(each, BaseException)] == [Crowded] * 3
    await filed.begin("beta")
    (one, *_) = [each for each in found if not isinstance(each, BaseException)]
    await filed.batches.end(await claimed(filed, one), "failed", {})
    await filed.begin(file=file)
    with pytest.raises(Crowded):
        await filed.begin(file=file)


async def test_lists_begin_with_the_newest(filed: Filed, hand: Hand) -> None:
    made = []
    for _ in range(3):
        hand.now += 1
        made.append((await filed.begin())["id"])
    await filed.begin("beta")
    rows, more = await filed.batches.page("acme", Span(None, 2, newest=True))
    assert ([row["id"] for row in rows], more) == ([made[2], made[1]], True)
    rows, more = await filed.batches.page("acme", Span(made[1], 2, newest=True))
    assert ([row["id"] for row in rows], more) == ([made[0]], False)


async def test_one_process_has_a_batch(filed: Filed, hand: Hand) -> None:
    batch = await filed.begin()
    taken = await asyncio.gather(*(filed.batches.claim(batch["id"], str(owner)) for owner in range(5)))
    (first,) = [row for row in taken if row is not None]
    assert first["epoch"] == 1
    assert await filed.batches.candidates() == []
    hand.now += LEASE - 1
    await filed.batches.prolong(first["owner"], [batch["id"]])
    hand.now += 2
    assert await filed.batches.claim(batch["id"], "other") is None
    hand.now += LEASE
    assert [row["id"] for row in await filed.batches.candidates()] == [batch["id"]]
    second = await claimed(filed, batch, "other")
    assert second["epoch"] == 2
    assert await filed.batches.states(first["owner"]) == {}
    assert await filed.batches.states("other") == {batch["id"]: ("validating", 2)}


async def test_who_has_lost_a_batch_changes_nothing(filed: Filed, hand: Hand) -> None:
    first = await claimed(filed)
    hand.now += LEASE
    second = await claimed(filed, first, "other")
    for work in (
        filed.batches.move(first, {"status": "in_progress"}, "validating"),
        filed.batches.record(first, [Ended(1, good=True, size=1, line=b"x")]),
        filed.batches.end(first, "failed", {}),
    ):
        with pytest.raises(Lost):
            await work
    await filed.batches.release(first)
    assert await filed.batches.get("acme", second["id"]) == second


async def test_what_is_released_is_free_at_once(filed: Filed) -> None:
    batch = await claimed(filed)
    await filed.batches.release(batch)
    assert (await claimed(filed, batch, "other"))["epoch"] == 2


async def test_a_line_ends_once(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "GROUP", 2)
    batch = await claimed(filed)
    lines = [Ended(number, good=number != 2, size=1, line=b"%d" % number) for number in (1, 2, 3)]
    await filed.batches.record(batch, lines)
    await filed.batches.record(batch, [*lines, Ended(4, good=False, size=7, epoch=1, start=9)])
    await filed.batches.record(batch, lines)
    found = await filed.batches.get("acme", batch["id"])
    assert found is not None
    assert (found["completed"], found["failed"]) == (2, 2)
    assert await filed.batches.numbers(batch["id"]) == {1, 2, 3, 4}
    assert await filed.batches.lines(batch["id"], 0) == lines[:2]
    assert await filed.batches.lines(batch["id"], 3) == [Ended(4, good=False, size=7, epoch=1, start=9)]


async def test_a_batch_moves_only_from_where_it_should_be(filed: Filed) -> None:
    batch = await claimed(filed)
    assert await filed.batches.move(batch, {"status": "in_progress", "total": 3}, "validating") is True
    assert await filed.batches.move(batch, {"status": "in_progress"}, "validating") is False


async def test_it_is_cancelled_until_it_is_too_late(filed: Filed) -> None:
    batch = await claimed(filed)
    filed.batches.changed.clear()
    assert await filed.batches.cancel("beta", batch["id"]) == (None, False)
    row, cancelling = await filed.batches.cancel("acme", batch["id"])
    assert row is not None
    assert (row["status"], cancelling, row["cancelling_at"]) == ("cancelling", True, batch["created_at"])
    assert filed.batches.changed.is_set()
    assert (await filed.batches.cancel("acme", batch["id"]))[1] is True
    await filed.batches.end(batch, "cancelled", {})
    row, cancelling = await filed.batches.cancel("acme", batch["id"])
    assert row is not None
    assert (row["status"], cancelling) == ("cancelled", False)


async def test_the_end_leaves_no_lines(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "AT_ONCE", 2)
    batch = await claimed(filed)
    await filed.batches.record(batch, [Ended(number, good=True, size=1, line=b"x") for number in range(1, 6)])
    await filed.batches.end(batch, "completed", {"output_file": "file-1"})
    found = await filed.batches.get("acme", batch["id"])
    assert found is not None
    assert (found["status"], found["output_file"], found["lease"]) == ("completed", "file-1", 0)
    assert found["completed_at"] is not None
    assert await filed.batches.numbers(batch["id"]) == set()
    assert await filed.batches.candidates() == []


async def test_batches_that_ended_long_ago_are_removed(filed: Filed, hand: Hand) -> None:
    old, running = await claimed(filed), await filed.begin()
    await filed.batches.end(old, "failed", {"errors": [{"code": "empty_file"}]})
    assert await filed.batches.prune() == 0
    hand.now += 1001
    assert await filed.batches.prune() == 1
    assert await filed.batches.get("acme", old["id"]) is None
    assert await filed.batches.get("acme", running["id"]) is not None
