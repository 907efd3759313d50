"""Files, on both databases, with their contents on disk and in the database."""

from pathlib import Path

import pytest

from proxy.storage.contents import MIB
from proxy.storage.filing import UNFINISHED
from proxy.storage.filing_terms import InUse, Missing, NoRoom
from proxy.translation.lists import Span
from tests.storage.databases import Hand, Open
from tests.storage.filed import BOUNDS, Filed

ALL = Span(None, 100, newest=False)


@pytest.fixture(params=["disk", "database"])
async def filed(request: pytest.FixtureRequest, url: str, opening: Open, hand: Hand, tmp_path: Path) -> Filed:
    return Filed(await opening(url), hand, tmp_path / "files", request.param)


async def test_what_goes_in_comes_out(filed: Filed, hand: Hand) -> None:
    row = await filed.add(b"abc", name="night.jsonl")
    assert row["id"].startswith("file-")
    assert (row["bytes"], row["filename"], row["purpose"]) == (3, "night.jsonl", "batch")
    assert (row["created_at"], row["expires_at"]) == (int(hand.now), int(hand.now) + BOUNDS.keep)
    assert await filed.files.get("acme", row["id"]) == row
    assert await filed.read(row) == b"abc"


async def test_an_empty_file_is_a_file(filed: Filed) -> None:
    assert await filed.read(await filed.add(b"")) == b""


async def test_large_contents_go_in_pieces(filed: Filed) -> None:
    deposit = await filed.files.open("acme", "batch_output", bounded=False)
    content = bytes(range(256)) * (10 * MIB // 1024)
    for start in range(0, len(content), 100_000):
        await deposit.writer.write(content[start : start + 100_000])
    row = await filed.files.close(deposit, "batch_output", "out", None)
    pieces = [piece async for piece in filed.files.pieces(row)]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= MIB


async def test_nobody_else_finds_a_file(filed: Filed) -> None:
    row = await filed.add(b"abc")
    assert await filed.files.get("beta", row["id"]) is None
    assert await filed.files.page("beta", None, ALL) == ([], False)
    assert await filed.files.delete("beta", row["id"]) is False
    assert await filed.read(row) == b"abc"


async def test_what_is_written_is_no_file_yet(filed: Filed) -> None:
    deposit = await filed.files.open("acme", "batch")
    await deposit.writer.write(b"abc")
    assert await filed.files.get("acme", deposit.id) is None
    await filed.files.drop(deposit)
    assert await filed.files.page("acme", None, ALL) == ([], False)
    with pytest.raises(Missing):
        await anext(filed.contents.pieces(deposit.id, filed.contents.place))


async def test_lists_are_in_order_and_in_parts(filed: Filed, hand: Hand) -> None:
    made = []
    for _ in range(5):
        hand.now += 1
        made.append((await filed.add(b"abc"))["id"])
    deposit = await filed.files.open("acme", "batch_output", bounded=False)
    output = (await filed.files.close(deposit, "batch_output", "out", None))["id"]

    async def ids(purpose: str | None, span: Span) -> tuple[list[str], bool]:
        rows, more = await filed.files.page("acme", purpose, span)
        return [row["id"] for row in rows], more

    assert await ids(None, ALL) == ([*made, output], False)
    assert await ids("batch", Span(None, 2, newest=True)) == ([made[4], made[3]], True)
    assert await ids("batch", Span(made[3], 3, newest=True)) == ([made[2], made[1], made[0]], False)
    assert await ids("batch", Span(made[3], 3, newest=False)) == ([made[4]], False)
    assert await ids("batch_output", ALL) == ([output], False)


async def test_a_tenant_has_its_bound_and_output_has_none(filed: Filed) -> None:
    await filed.add(b"x" * 15_000)
    assert (await filed.files.open("acme", "batch")).room == 5_000
    first, second = await filed.files.open("acme", "batch"), await filed.files.open("acme", "batch")
    for deposit in (first, second):
        await deposit.writer.write(b"x" * 4_000)
    await filed.files.close(first, "batch", "a", None)
    with pytest.raises(NoRoom):
        await filed.files.close(second, "batch", "b", None)
    output = await filed.files.open("acme", "batch_output", bounded=False)
    await output.writer.write(b"x" * 50_000)
    await filed.files.close(output, "batch_output", "out", None)
    assert (await filed.files.open("beta", "batch")).room == BOUNDS.tenant


async def test_files_expire_and_are_removed(filed: Filed, hand: Hand) -> None:
    short, long = await filed.add(b"abc", seconds=10), await filed.add(b"abc", seconds=10**6)
    assert long["expires_at"] == long["created_at"] + BOUNDS.keep
    hand.now += 11
    assert await filed.files.get("acme", short["id"]) is None
    assert await filed.files.page("acme", None, ALL) == ([long], False)
    assert await filed.files.prune() == 1
    assert await filed.files.prune() == 0
    with pytest.raises(Missing):
        await anext(filed.files.pieces(short))


async def test_what_was_left_unfinished_is_removed(filed: Filed, hand: Hand) -> None:
    deposit = await filed.files.open("acme", "batch")
    await deposit.writer.write(b"x" * 2 * MIB)
    hand.now += UNFINISHED + 1
    assert await filed.files.prune() == 1
    with pytest.raises(Missing):
        await anext(filed.contents.pieces(deposit.id, filed.contents.place))


async def test_the_input_of_a_batch_stays_until_it_has_ended(filed: Filed, hand: Hand) -> None:
    file = await filed.add(b"abc", seconds=10)
    batch = await filed.begin(file=file)
    with pytest.raises(InUse):
        await filed.files.delete("acme", file["id"])
    hand.now += 11
    assert await filed.files.prune() == 0
    assert await filed.files.input(file["id"]) == file
    claimed = await filed.batches.claim(batch["id"], "me")
    assert claimed is not None
    await filed.batches.end(claimed, "cancelled", {})
    assert await filed.files.prune() == 1
    assert await filed.files.input(file["id"]) is None


async def test_a_file_is_deleted_with_its_contents(filed: Filed) -> None:
    row = await filed.add(b"abc")
    assert await filed.files.delete("acme", row["id"]) is True
    assert await filed.files.delete("acme", row["id"]) is False
    with pytest.raises(Missing):
        await anext(filed.files.pieces(row))
