"""What is not seen through `storage/filing`: permissions, drafts, and threads that outlive their task."""

import os
from pathlib import Path

import pytest

from proxy.storage.contents import Contents, Draft, _DiskSink, _Opened
from proxy.storage.filing_terms import Missing
from tests.storage.databases import Open

ID = "file-0123"


@pytest.fixture
async def contents(opening: Open, tmp_path: Path) -> Contents:
    return Contents(await opening(f"sqlite:///{tmp_path}/proxy.db"), tmp_path / "a" / "files", "disk")


async def test_files_are_for_their_owner_alone(contents: Contents) -> None:
    writer = contents.writer(ID)
    await writer.write(b"abc")
    await writer.finish()
    assert (contents.folder / ID).stat().st_mode & 0o777 == 0o600
    assert contents.folder.stat().st_mode & 0o777 == 0o700


async def test_a_name_that_is_taken_is_not_written_over(contents: Contents) -> None:
    for data in (b"abc", b"other"):
        writer = contents.writer(ID)
        await writer.write(data)
        if data == b"abc":
            await writer.finish()
    with pytest.raises(FileExistsError):
        await writer.finish()
    assert (contents.folder / ID).read_bytes() == b"abc"


async def test_what_is_removed_twice_is_removed(contents: Contents) -> None:
    for place in ("disk", "database"):
        await contents.remove(ID, place)
        with pytest.raises(Missing):
            await anext(contents.pieces(ID, place))


async def test_a_draft_grows_and_is_read_anywhere(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "files", "batch_1.1")
    assert [await draft.add(b"one"), await draft.add(b"three")] == [0, 3]
    draft.close()
    assert await draft.add(b"x") == 8, "it goes on where it ended"
    other = Draft(tmp_path / "files", "batch_1.1")
    assert await other.read([(3, 5), (0, 3)]) == [b"three", b"one"]
    with pytest.raises(Missing):
        await other.read([(8, 2)])
    other.close()
    await draft.remove()
    with pytest.raises(Missing):
        await other.read([(0, 1)])


async def test_a_closed_file_takes_and_gives_nothing(tmp_path: Path) -> None:
    """A thread may come late: its number may be another file's by then."""
    file = _Opened(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    file.append(b"abc")
    file.close()
    file.close()
    file.sync()
    assert (file.read(3), file.read_at(0, 3)) == (b"", b"")
    with pytest.raises(Missing):
        file.append(b"d")
    assert (tmp_path / "x").read_bytes() == b"abc"


async def test_what_nobody_heard_of_is_closed(tmp_path: Path) -> None:
    file = _Opened(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    descriptor = file._descriptor
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


async def test_what_has_not_begun_is_abandoned(tmp_path: Path) -> None:
    await _DiskSink(tmp_path / "x").abandon()
    assert not (tmp_path / "x").exists()
