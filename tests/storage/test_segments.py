"""Files of the spool, read again after whatever has happened to them."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import codec
from proxy.storage import segments
from proxy.storage.segments import Lines, Place, Segment, adopt, batches, begun, ended, gone


def row(name: str, more: object = 0) -> bytes:
    return codec.encode([name, more])


def read(data: bytes, *, last: bool = False, at_once: int = 10) -> Lines:
    lines = Lines(data, last=last)
    while lines.look(at_once):
        pass
    return lines


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place.make(tmp_path / "deep" / "spool")
    yield made
    made.leave()


def put(place: Place, number: int, content: bytes) -> None:
    os.close(place.new(number, content))


def test_final_rows_are_kept_and_provisional_ones_only_of_the_last_segment() -> None:
    data = begun(row("a")) + begun(row("b")) + ended(row("a", 1)) + ended(row("c"))
    assert read(data).rows() == [row("a", 1), row("c")]
    assert read(data, last=True).rows() == [row("a", 1), row("c"), row("b")]


def test_rows_are_let_go_of_some_at_a_time() -> None:
    lines = read(begun(row("a")) + begun(row("b")) + ended(row("c")) + ended(row("d")), last=True)
    left = []
    while lines.let_go(3):
        left.append(len(lines.rows()))
    assert left == [1]
    assert lines.rows() == []


def test_an_end_may_come_before_its_beginning() -> None:
    assert read(ended(row("a", 1)) + begun(row("a")), last=True).rows() == [row("a", 1)]


def test_what_had_ended_before_a_segment_began_is_no_row_of_it() -> None:
    data = begun(row("a")) + begun(row('b"\\')) + gone("a") + gone('b"\\')
    lines = read(data, last=True)
    assert (lines.rows(), lines.damaged) == ([], 0)


@given(
    written=st.lists(st.tuples(st.sampled_from("be"), st.text(max_size=5)), max_size=12),
    at_once=st.integers(1, 5),
    last=st.booleans(),
)
def test_at_every_cut_what_was_written_whole_is_read(
    written: list[tuple[str, str]], at_once: int, *, last: bool
) -> None:
    whole = [(begun if kind == "b" else ended)(row(name)) for kind, name in written]
    data = b"".join(whole)
    position = 0
    for number, line in enumerate(whole):
        for cut in (position, position + 1, position + len(line) - 1):
            lines = read(data[:cut], last=last, at_once=at_once)
            assert lines.damaged == 0
            finals = {row(name) for kind, name in written[:number] if kind == "e"}
            assert finals == set(lines.ended.values())
        position += len(line)


@pytest.mark.parametrize("where", range(len(ended(row("bad"))) - 1))
def test_any_byte_that_is_wrong_is_found_and_the_others_are_read(where: int) -> None:
    line = bytearray(ended(row("bad")))
    line[where] ^= 1
    lines = read(ended(row("a")) + bytes(line) + begun(row("b")) + ended(row("c")))
    assert lines.rows() == [row("a"), row("c")]
    assert lines.damaged >= 1


def test_one_kind_of_line_does_not_turn_into_another() -> None:
    assert read(b"e" + begun(row("a"))[1:], last=True).damaged == 1
    assert read(b"x %08x %b\n" % (crc32(row("a")), row("a"))).damaged == 1


def test_batches_have_bounds() -> None:
    rows = [b"x" * 10] * 5 + [b"y" * 100]
    assert [len(batch) for batch in batches(rows, 2, 1000)] == [2, 2, 2]
    assert [len(batch) for batch in batches(rows, 9, 30)] == [3, 2, 1]
    assert list(batches([], 9, 9)) == []


def test_folders_and_files_are_their_owners_alone(place: Place) -> None:
    put(place, 1, b"x")
    for folder in (place.folder, place.folder.parent, place.folder.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700
    for file in place.folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_folder_of_a_living_process_is_not_taken(place: Place) -> None:
    assert Place.take(place.folder) is None
    place.leave()
    taken = Place.take(place.folder)
    assert taken is not None
    assert Place.take(place.folder) is None
    taken.remove()
    assert not place.folder.exists()


def test_a_lock_that_was_removed_meanwhile_is_not_had(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has opened the lock, and gets it when the folder has gone."""
    place.leave()
    taken = Place.take(place.folder)
    assert taken is not None
    real = fcntl.flock

    def late(lock: int, how: int) -> None:
        taken.remove()
        real(lock, how)

    monkeypatch.setattr(fcntl, "flock", late)
    assert Place.take(place.folder) is None


def test_an_empty_folder_without_a_lock_is_tidied_away(tmp_path: Path) -> None:
    empty, full = (tmp_path / f"{number}-{'0' * 16}" for number in (1, 2))
    empty.mkdir()
    full.mkdir()
    (full / "something").touch()
    (tmp_path / "file").touch()
    assert adopt(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [full.name, "file"]


def test_what_others_keep_in_the_folder_of_the_spool_is_left_alone(tmp_path: Path) -> None:
    """The folder may be the home of another program that has a lock, logs and hidden files, or of links to such."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    others = (root / "program", elsewhere)
    for folder in others:
        folder.mkdir(parents=True)
        for name in ("lock", "00000001.log", ".hidden"):
            (folder / name).touch()
    (root / "empty").mkdir()
    (root / f"1-{'0' * 16}").symlink_to(elsewhere)
    for place, _ in adopt(root):
        place.remove()
    assert [len(list(folder.iterdir())) for folder in others] == [3, 3]
    assert len(list(root.iterdir())) == 3


def test_a_new_folder_that_is_tidied_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open
    taken: list[Path] = []

    def open_late(path: Path, *others: int) -> int:
        if not taken:
            taken.append(path)
            Path(path).parent.rmdir()
        return real(path, *others)

    monkeypatch.setattr(os, "open", open_late)
    place = Place.make(tmp_path)
    assert place.folder.is_dir()
    assert taken
    place.leave()


def test_a_new_folder_that_is_taken_away_for_ever_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(lock: int, how: int) -> None:
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", always)
    with pytest.raises(OSError, match="again and again"):
        Place.make(tmp_path)


def test_what_a_dead_process_left_is_adopted_oldest_first(place: Place) -> None:
    put(place, 2, begun(row("b")))
    put(place, 1, ended(row("a")) + begun(row("b")) + ended(row("c")))
    (place.folder / ".00000003").touch()
    place.leave()
    ((found, left),) = adopt(place.folder.parent)
    assert [(each.path.name, each.rows, each.last) for each in left] == [
        ("00000001.log", 2, False),
        ("00000002.log", 0, True),
    ]
    assert adopt(place.folder.parent) == []
    for each in left:
        each.delete()
        each.delete()
    found.remove()
    assert not found.folder.exists()


def test_rows_are_counted_across_pieces(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place, 1, (ended(row("a")) + begun(row("b"))) * 7)
    place.leave()
    for piece in (1, 2, 3, 20, 1000):
        monkeypatch.setattr(segments, "PIECE", piece)
        ((found, (segment,)),) = adopt(place.folder.parent)
        assert segment.rows == 7
        found.leave()


def test_a_folder_with_segments_is_not_removed(place: Place) -> None:
    put(place, 1, b"x")
    place.remove()
    assert (place.folder / "00000001.log").exists()
    again = Place.take(place.folder)
    assert again is not None
    again.leave()


def test_what_is_damaged_is_set_aside_up_to_a_bound(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    root = place.folder.parent
    put(place, 1, b"broken")
    segment = Segment(place, place.path(1), 6)
    segment.set_row_aside(row("a"))
    segment.set_row_aside(row("b"))
    segment.set_aside()
    whole, rows = sorted(root.glob("*.damaged"))
    assert (whole.name, whole.read_bytes()) == (f"{place.folder.name}-00000001.damaged", b"broken")
    assert read(rows.read_bytes()).rows() == [row("a"), row("b")]
    monkeypatch.setattr(segments, "DAMAGED_BYTES", 10)
    put(place, 2, b"more")
    another = Segment(place, place.path(2), 4)
    another.set_row_aside(row("c"))
    another.set_aside()
    assert sorted(root.glob("*.damaged")) == [whole, rows]
    assert not another.path.exists()


def test_a_segment_that_cannot_be_written_whole_does_not_appear(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:3]))
    with pytest.raises(OSError, match="only 3 of 6 bytes"):
        place.new(1, b"abcdef")
    draft = place.draft(1, b"abc")
    with pytest.raises(OSError, match="only 3 of 4 bytes"):
        place.complete(draft, 1, b"defg")
    with pytest.raises(FileNotFoundError):
        place.complete(draft, 1, b"")
    assert [path.name for path in place.folder.iterdir()] == ["lock"]
