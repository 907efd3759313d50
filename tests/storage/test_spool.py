"""Writing requests down: what is in the files after whatever may happen, read by another process's eyes."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import codec
from proxy.errors import LedgerFull
from proxy.storage import spool as spools
from proxy.storage.segments import Lines, Segment, adopt
from proxy.storage.spool import MANY, Spool

LIMIT = 1 << 20


def row(name: str, size: int = 0) -> bytes:
    return codec.encode([name, "x" * size])


def lines(segment: Segment, *, last: bool = False) -> Lines:
    found = Lines(segment.read(), last=last)
    while found.look(1000):
        pass
    return found


def newest(spool: Spool) -> Lines:
    """What an adopter would find in the segment that is being written to."""
    return lines(Segment(spool._place, spool._place.path(spool._number), 0), last=True)


def after_a_kill(root: Path) -> list[bytes]:
    """Every row, once nobody has the locks any more."""
    found = []
    for place, segments in adopt(root):
        for segment in segments:
            found += lines(segment, last=segment.last).rows()
        place.leave()
    return sorted(found)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, LIMIT, refuse=False)
    yield made
    if made._file >= 0:
        made.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, 2000, refuse=True)
    yield made
    made.close()


@pytest.fixture
def grouped(tmp_path: Path) -> Iterator[Spool]:
    """One whose lines are written together, when `flush` is called."""
    made = Spool(tmp_path, LIMIT, refuse=False, soon=lambda: True)
    yield made
    if made._file >= 0:
        made.close()


class Disk:
    """A disk that can be full: `room` bytes, None = as many as there are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self.writes = 0
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        self.writes += 1
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, data[: self.room])
        if self.room is not None:
            self.room -= written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_what_is_written_is_there_at_once(spool: Spool) -> None:
    spool.begin("a", row("a"))
    assert newest(spool).rows() == [row("a")]
    spool.end("a", row("a", 1))
    spool.end("b", row("b"))
    assert newest(spool).rows() == [row("a", 1), row("b")]
    assert (spool.rows, spool.under_way) == (2, 0)


def test_each_segment_stands_for_itself(spool: Spool) -> None:
    spool.begin("a", row("a"))
    spool.begin("b", row("b"))
    assert not spool.due()
    spool.end("b", row("b", 1))
    assert spool.due()
    assert spool.turn()
    (closed,) = spool.closed
    assert (closed.rows, closed.size, spool.kept) == (1, closed.path.stat().st_size, closed.size)
    assert lines(closed).rows() == [row("b", 1)]
    assert newest(spool).rows() == [row("a")]
    spool.end("a", row("a", 1))
    assert newest(spool).rows() == [row("a", 1)]
    assert not spool.due()  # while one waits already
    closed.delete()
    spool.forget(closed)
    spool.forget(closed)
    assert spool.due()
    assert spool.kept == 0


def test_many_that_are_under_way_are_carried_over_by_another_thread(spool: Spool) -> None:
    names = [f"a{number}" for number in range(MANY + 1)]
    assert spool.prepare() is None
    for name in names:
        spool.begin(name, row(name))
    draft = spool.prepare()
    assert draft is not None
    spool.end(names[0], row(names[0], 1))
    spool.begin("later", row("later"))
    draft.write()
    spool.end(names[1], row(names[1], 1))
    assert spool.turn(draft)
    assert lines(spool.closed[0]).rows() == [row(names[0], 1), row(names[1], 1)]
    assert set(newest(spool).rows()) == {row(name) for name in [*names[2:], "later"]}
    spool.end(names[2], row(names[2], 1))
    assert spool.turn()
    assert set(newest(spool).rows()) == {row(name) for name in [*names[3:], "later"]}


def test_a_draft_that_comes_too_late_is_not_used(spool: Spool) -> None:
    for number in range(MANY + 1):
        spool.begin(f"a{number}", row(f"a{number}"))
    draft, unwritten = spool.prepare(), spool.prepare()
    assert draft is not None
    draft.write()
    spool.turn()
    assert spool.turn(draft)
    assert spool.turn(unwritten)
    assert len(newest(spool).rows()) == MANY + 1
    assert not list(spool._place.folder.glob(".*"))


def test_a_long_segment_is_turned_where_nobody_comes_to_ship_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 80_000, refuse=False)
    for number in range(50):
        spool.end(str(number), row(str(number), 1000))
    assert len(spool.closed) == 2
    assert spool.rows == 50
    assert sum(segment.rows for segment in spool.closed) == sum(len(lines(each).rows()) for each in spool.closed)
    spool.close()
    assert len(after_a_kill(tmp_path)) == 50


def test_without_room_the_oldest_is_forgotten_unless_it_is_on_its_way(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 80_000, refuse=False)
    for number in range(50):
        spool.end(str(number), row(str(number), 1000))
    spool.closed[0].busy = True
    first, second = spool.closed
    for number in range(50, 300):
        spool.end(str(number), row(str(number), 1000))
        assert spool.size <= 80_000
    assert spool.closed[0] is first
    assert not second.path.exists()
    assert spool.dropped > 0
    assert spool.dropped + spool.rows == 300
    spool.close()
    kept = {codec.decode(each)[0] for each in after_a_kill(tmp_path)}
    assert len(kept) == 300 - spool.dropped
    assert {"0", "299"} <= kept


def test_a_line_that_could_not_be_written_waits_and_is_written_to_a_new_segment(spool: Spool, disk: Disk) -> None:
    spool.begin("a", row("a"))
    spool.begin("b", row("b"))
    disk.room = 7  # a torn line
    spool.end("a", row("a", 1))
    assert spool.fault is not None
    spool.begin("c", row("c"))
    spool.end("d", row("d"))
    assert spool.rows == 2
    assert spool.due()
    assert not spool.turn()
    assert spool.trouble is not None
    torn = newest(spool)
    assert (torn.damaged, torn.rows()) == (0, [row("a"), row("b")])
    disk.room = None
    assert spool.turn()
    assert spool.fault is spool.trouble is None
    assert newest(spool).rows() == [row("a", 1), row("d"), row("b"), row("c")]
    assert not spool.closed
    assert spool.rows == 2


def test_lines_of_a_turn_are_one_write(grouped: Spool, disk: Disk) -> None:
    for name in "abc":
        grouped.begin(name, row(name))
    grouped.end("b", row("b", 1))
    assert (disk.writes, newest(grouped).rows()) == (0, [])
    assert (grouped.rows, grouped.under_way) == (1, 2)
    grouped.flush()
    assert (disk.writes, newest(grouped).rows()) == (1, [row("b", 1), row("a"), row("c")])
    grouped.flush()
    assert disk.writes == 1


def test_nothing_waits_where_nobody_would_write_it(tmp_path: Path) -> None:
    answers = [True, False]
    spool = Spool(tmp_path, LIMIT, refuse=False, soon=answers.pop)
    spool.begin("a", row("a"))
    assert newest(spool).rows() == [row("a")]
    spool.begin("b", row("b"))
    spool.end("a", row("a", 1))  # behind what waits
    assert newest(spool).rows() == [row("a")]
    spool.flush()
    assert newest(spool).rows() == [row("a", 1), row("b")]
    assert not answers
    spool.close()


def test_where_nothing_shall_begin_that_is_not_written_down_nothing_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT, refuse=True, soon=lambda: True)
    spool.begin("a", row("a"))
    assert newest(spool).rows() == [row("a")]
    spool.close()


@pytest.mark.parametrize("cut", [0, 1, 20, 21, 22, 41, 61, 62, 63, 120, 181])
def test_lines_of_which_a_part_was_written_are_there_once(grouped: Spool, disk: Disk, cut: int) -> None:
    grouped.begin("a", row("a"))
    grouped.flush()
    disk.room = cut
    grouped.end("b", row("b", 1))
    grouped.begin("c", row("c"))
    grouped.end("a", row("a", 1))
    grouped.end("d", row("d", 100))
    grouped.flush()
    assert grouped.fault is not None
    assert grouped.rows == 3
    grouped.end("e", row("e", 1))  # waits, too
    disk.room = None
    assert grouped.turn()
    kept = newest(grouped)
    assert row("c") in kept.rows()
    found = list(kept.ended.values())
    for segment in grouped.closed:
        assert segment.finals is None  # it has to be read
        assert segment.rows == len(lines(segment).ended)
        found += lines(segment).ended.values()
    assert sorted(found) == [row("a", 1), row("b", 1), row("d", 100), row("e", 1)]
    assert grouped.rows == 4


def test_a_segment_is_not_turned_nor_the_spool_closed_before_its_lines_are_written(
    grouped: Spool, tmp_path: Path
) -> None:
    grouped.begin("a", row("a"))
    grouped.end("b", row("b"))
    assert grouped.due()
    assert grouped.turn()
    [segment] = grouped.closed
    assert (segment.rows, lines(segment).rows()) == (1, [row("b")])
    assert newest(grouped).rows() == [row("a")]
    grouped.end("a", row("a", 1))
    grouped.close()
    assert after_a_kill(tmp_path) == [row("a", 1), row("b")]


def test_a_long_segment_is_turned_when_its_lines_have_been_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 80_000, refuse=False, soon=lambda: True)
    for number in range(50):
        spool.end(str(number), row(str(number), 1000))
        if number % 7 == 6:
            spool.flush()
    spool.flush()
    assert spool.closed
    assert spool.rows == 50
    assert sum(segment.rows for segment in spool.closed) == sum(len(lines(each).rows()) for each in spool.closed)
    spool.close()
    assert len(after_a_kill(tmp_path)) == 50


def test_a_disk_that_is_full_raises_nothing(spool: Spool, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "WAITING", 1000)
    disk.room = 0
    for number in range(100):
        spool.begin(str(number), row(str(number)))
        spool.end(str(number), row(str(number), 80))
    assert spool.dropped == 100 - spool.rows
    assert 0 < spool.rows <= 10
    disk.room = None
    assert spool.turn()
    assert [codec.decode(each)[0] for each in newest(spool).rows()] == [str(n) for n in range(spool.dropped, 100)]


def test_a_new_segment_that_cannot_be_begun_leaves_the_old_one_in_use(spool: Spool, disk: Disk) -> None:
    spool.begin("a", row("a"))
    spool.end("b", row("b"))
    disk.room = 3
    assert not spool.turn()
    assert (spool.fault, bool(spool.trouble)) == (None, True)
    disk.room = None
    spool.end("c", row("c"))
    assert sorted(newest(spool).rows()) == [row("a"), row("b"), row("c")]
    assert spool.turn()
    assert spool.trouble is None


def test_a_file_that_is_closed_with_an_error_is_closed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system of the network, which may find out as late as then that it has no room."""
    close = os.close

    def full(file: int) -> None:
        close(file)
        if file == old:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    spool.begin("a", row("a"))
    spool.end("b", row("b"))
    old = spool._file
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", full)
        assert spool.turn()
    spool.end("a", row("a", 1))
    assert newest(spool).rows() == [row("a", 1)]
    assert [segment.rows for segment in spool.closed] == [1]


def test_a_folder_that_was_removed_is_made_again_with_what_was_in_the_newest_file(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    spool = Spool(root, LIMIT, refuse=False)
    spool.begin("a", row("a"))
    spool.end("b", row("b"))
    shutil.rmtree(root)
    spool.end("c", row("c"))  # nobody notices
    assert spool.turn()
    spool.close()
    assert after_a_kill(root) == [row("a"), row("b"), row("c")]


def test_a_folder_that_cannot_be_made_again_lets_rows_wait(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    spool = Spool(root, LIMIT, refuse=False)
    spool.end("a", row("a"))
    shutil.rmtree(root)
    root.symlink_to(tmp_path / "nowhere" / "at" / "all")
    assert not spool.turn()
    assert spool.fault is not None
    spool.end("b", row("b"))
    root.unlink()
    assert spool.turn()
    spool.close()
    assert after_a_kill(root) == [row("a"), row("b")]


def test_a_second_folder_without_room_is_given_up(tmp_path: Path, disk: Disk) -> None:
    root = tmp_path / "spool"
    spool = Spool(root, LIMIT, refuse=False)
    spool.end("a", row("a"))
    shutil.rmtree(root)
    disk.room = 0
    assert not spool.turn()
    disk.room = None
    assert spool.turn()
    spool.close()
    assert after_a_kill(root) == [row("a")]


def test_the_operator_may_have_requests_refused_instead(strict: Spool) -> None:
    strict.begin("a", row("a"))
    count = 0
    while strict.size + 100 < 2000:
        count += 1
        strict.begin(str(count), row(str(count)))
    with pytest.raises(LedgerFull) as refused:
        strict.begin("one more", row("one more", 100))
    assert (refused.value.status, refused.value.code) == (503, "ledger_full")
    assert "when_full: refuse" in refused.value.message
    assert strict.size <= 2000
    strict.end("one more", row("one more", 100))
    assert strict.dropped == 1
    strict.end("a", row("a", 1))  # what has begun has its end, whatever room there is
    assert strict.rows == 1
    strict.turn()
    strict.turn()
    assert strict.closed


def test_what_cannot_be_written_is_refused_as_well(strict: Spool, disk: Disk) -> None:
    disk.room = 0
    for _ in range(2):
        with pytest.raises(LedgerFull):
            strict.begin("a", row("a"))
    assert strict.under_way == 0
    disk.room = None
    assert strict.turn()
    strict.begin("a", row("a"))
    assert newest(strict).rows() == [row("a")]


def test_a_spool_that_is_done_leaves_nothing_behind(spool: Spool, tmp_path: Path) -> None:
    spool.begin("a", row("a"))
    spool.end("a", row("a"))
    spool.turn()
    spool.turn()
    while spool.closed:
        spool.closed[0].delete()
        spool.forget(spool.closed[0])
    spool.close()
    assert list(tmp_path.iterdir()) == []
    spool.end("b", row("b"))  # too late, and no harm
    assert spool.fault is not None


def test_what_is_adopted_comes_first_and_is_removed_when_it_has_gone(tmp_path: Path, spool: Spool) -> None:
    dead = Spool(tmp_path, LIMIT, refuse=False)
    dead.end("a", row("a"))
    dead.turn()
    dead.begin("b", row("b"))
    dead.close()
    spool.end("c", row("c"))
    spool.turn()
    for place, segments in adopt(tmp_path):
        spool.adopt(place, segments)
    assert [segment.last for segment in spool.closed] == [False, True, False]
    assert spool.kept == sum(segment.size for segment in spool.closed)
    first, second, own = spool.closed
    spool.put_off(first)
    assert list(spool.closed) == [second, own, first]
    for segment in (first, second):
        assert first.place.folder.exists()
        segment.delete()
        spool.forget(segment)
    assert not first.place.folder.exists()


def test_an_empty_folder_of_a_dead_process_is_removed(tmp_path: Path, spool: Spool) -> None:
    dead = Spool(tmp_path, LIMIT, refuse=False)
    os.close(dead._file)
    dead._place.path(1).unlink()
    dead._place.leave()
    ((place, segments),) = adopt(tmp_path)
    spool.adopt(place, segments)
    assert not place.folder.exists()
    assert not spool.closed


def test_what_was_adopted_and_not_shipped_is_for_the_next_one(tmp_path: Path) -> None:
    for name in "ab":
        spool = Spool(tmp_path, LIMIT, refuse=False)
        for place, segments in adopt(tmp_path):
            spool.adopt(place, segments)
        spool.end(name, row(name))
        spool.close()
    assert after_a_kill(tmp_path) == [row("a"), row("b")]
