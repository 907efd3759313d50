import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from proxy.app import recording
from proxy.app.recording import Outcome, Recorder
from proxy.errors import StoreUnavailable
from proxy.storage.batching import Batches, Ended
from proxy.storage.contents import Contents, Draft
from proxy.storage.filing_terms import Lost, Row

BATCH: Row = {"id": "batch_1", "epoch": 3}


class Kept:
    """Lines that were written down; faults are raised first, and writing takes until it may end."""

    def __init__(self) -> None:
        self.groups: list[list[Ended]] = []
        self.faults: list[Exception] = []
        self.free = asyncio.Event()
        self.free.set()

    async def record(self, batch: Row, ended: Sequence[Ended]) -> None:
        assert batch is BATCH
        await self.free.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.groups.append(list(ended))


def recorder(kept: Kept, folder: Path, place: str) -> Recorder:
    contents = Contents(cast("Any", None), folder, place)
    return Recorder(cast("Batches", kept), contents, BATCH)


def outcome(number: int) -> Outcome:
    return Outcome(number, good=True, line=b"line %d\n" % number)


async def finish(here: Recorder, number: int) -> None:
    here.add(outcome(number))
    await here.keep()


async def test_lines_that_end_meanwhile_go_together(tmp_path: Path) -> None:
    kept = Kept()
    here = recorder(kept, tmp_path, "database")
    assert here.settled
    kept.free.clear()
    tasks = [asyncio.create_task(finish(here, 0))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(finish(here, number)) for number in range(1, 5)]
    await asyncio.sleep(0)
    assert not here.settled
    kept.free.set()
    await asyncio.gather(*tasks)
    assert [[ended.number for ended in group] for group in kept.groups] == [[0], [1, 2, 3, 4]]
    assert kept.groups[0] == [Ended(0, good=True, size=7, line=b"line 0\n")]
    assert here.settled
    here.close()


async def test_on_disk_the_database_learns_where_lines_are(tmp_path: Path) -> None:
    kept = Kept()
    here = recorder(kept, tmp_path, "disk")
    await finish(here, 1)
    here.add(outcome(2))
    await finish(here, 3)
    here.close()
    places = [(ended.start, ended.size) for group in kept.groups for ended in group]
    assert [ended.epoch for group in kept.groups for ended in group] == [3, 3, 3]
    draft = Draft(tmp_path, "batch_1.3")
    assert await draft.read(places) == [b"line 1\n", b"line 2\n", b"line 3\n"]
    draft.close()


async def test_it_tries_until_it_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAUSE", 0.001)
    kept = Kept()
    kept.faults = [StoreUnavailable("down"), OSError("full"), StoreUnavailable("down")]
    here = recorder(kept, tmp_path, "database")
    await asyncio.gather(*(finish(here, number) for number in range(3)))
    assert sorted(ended.number for group in kept.groups for ended in group) == [0, 1, 2]


async def test_large_groups_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "GROUP", 2)
    kept = Kept()
    here = recorder(kept, tmp_path, "database")
    for number in range(5):
        here.add(outcome(number))
    await here.keep()
    assert [len(group) for group in kept.groups] == [2, 2, 1]
    await here.keep()


async def test_who_has_lost_the_batch_hears_of_it(tmp_path: Path) -> None:
    kept = Kept()
    kept.faults = [Lost()]
    with pytest.raises(Lost):
        await finish(recorder(kept, tmp_path, "database"), 1)


async def test_what_is_cut_off_is_written_down_later(tmp_path: Path) -> None:
    kept = Kept()
    here = recorder(kept, tmp_path, "database")
    kept.free.clear()
    task = asyncio.create_task(finish(here, 1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not here.settled
    kept.free.set()
    await here.keep()
    assert [ended.number for group in kept.groups for ended in group] == [1]
