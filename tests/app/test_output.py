from pathlib import Path

import pytest

from proxy import codec
from proxy.app.output import Output, lines_of
from proxy.app.recording import Outcome, Recorder
from proxy.errors import StoreUnavailable
from proxy.storage.filing_terms import Row
from proxy.translation.lists import Span
from tests.storage.databases import Hand, Open, opening
from tests.storage.filed import Filed

__all__ = ["opening"]
LIMIT = 1000


def line(name: str) -> bytes:
    body = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {}}
    return codec.encode(body) + b"\n"


INPUT = b"".join(map(line, "abcde")) + b"no json\n" + line("x" * LIMIT)


@pytest.fixture(params=["disk", "database"])
async def filed(request: pytest.FixtureRequest, opening: Open, tmp_path: Path) -> Filed:
    return Filed(await opening(f"sqlite:///{tmp_path}/proxy.db"), Hand(), tmp_path / "files", request.param)


async def taken(filed: Filed, *ended: Outcome, owner: str = "me", batch: Row | None = None) -> Row:
    """A batch of which some lines have ended."""
    batch = batch or await filed.begin(file=await filed.add(INPUT))
    claimed = await filed.batches.claim(batch["id"], owner)
    assert claimed is not None
    recorder = Recorder(filed.batches, filed.contents, claimed)
    for each in ended:
        recorder.add(each)
    await recorder.keep()
    recorder.close()
    return claimed


async def content(filed: Filed, identity: str | None) -> list[str]:
    row = await filed.files.get("acme", identity or "")
    return [] if row is None else (await filed.read(row)).decode().splitlines()


async def test_lines_stand_in_their_order_whoever_ran_them(filed: Filed) -> None:
    first = await taken(filed, Outcome(3, good=True, line=b"three\n"), Outcome(2, good=False, line=b"two\n"))
    await filed.batches.release(first)
    second = await taken(filed, Outcome(1, good=True, line=b"one\n"), owner="other", batch=first)
    output = Output(filed.files, filed.batches, second)
    values = await output.make("completed", LIMIT)
    assert await content(filed, values["output_file"]) == ["one", "three"]
    assert await content(filed, values["error_file"]) == ["two"]
    assert (values["completed"], values["failed"], values["total"]) == (2, 1, 3)
    row = await filed.files.get("acme", values["output_file"])
    assert row is not None
    assert (row["filename"], row["purpose"]) == (f"{second['id']}_output.jsonl", "batch_output")
    await output.clear()
    if filed.contents.place == "disk":
        names = {path.name for path in filed.contents.folder.iterdir()}
        assert names == {second["input_file"], values["output_file"], values["error_file"]}


async def test_what_was_not_run_says_why(filed: Filed) -> None:
    batch = await taken(filed, Outcome(2, good=True, line=b"two\n"))
    values = await Output(filed.files, filed.batches, batch).make("expired", LIMIT)
    rest = [codec.decode(each) for each in await content(filed, values["error_file"])]
    assert [(each["custom_id"], each["error"]["code"]) for each in rest] == [(name, "batch_expired") for name in "acde"]
    assert (values["completed"], values["failed"], values["total"]) == (1, 4, 5)


async def test_a_file_with_nothing_in_it_is_not_made(filed: Filed) -> None:
    batch = await taken(filed)
    values = await Output(filed.files, filed.batches, batch).make("completed", LIMIT)
    assert values == {"output_file": None, "error_file": None, "completed": 0, "failed": 0, "total": 0}


async def test_an_input_that_has_gone_is_no_reason_to_keep_the_output_back(filed: Filed) -> None:
    batch = await taken(filed, Outcome(2, good=True, line=b"two\n"))
    gone = {**batch, "input_file": "file-none"}
    values = await Output(filed.files, filed.batches, gone).make("cancelled", LIMIT)
    assert (values["completed"], values["failed"]) == (1, 0)


async def test_what_breaks_off_leaves_no_file(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("down")

    batch = await taken(filed, Outcome(2, good=True, line=b"two\n"))
    with monkeypatch.context() as patch:
        patch.setattr(filed.files, "close", fail)
        with pytest.raises(StoreUnavailable):
            await Output(filed.files, filed.batches, batch).make("completed", LIMIT)
    values = await Output(filed.files, filed.batches, batch).make("completed", LIMIT)
    assert await content(filed, values["output_file"]) == ["two"]
    rows, _ = await filed.files.page("acme", "batch_output", span_of_all())
    assert len(rows) == 1


def span_of_all() -> Span:
    return Span(None, 10, newest=True)


async def test_lines_come_as_they_are_asked_for(filed: Filed) -> None:
    lines = lines_of(filed.files, await filed.add(INPUT), LIMIT)
    assert (await anext(lines)).number == 1
    assert [each.number for each in [each async for each in lines] if each.data is None] == [7]
