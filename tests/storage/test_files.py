import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from proxy.storage import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_file_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "proxy.db"
    files.make_database_file(path)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_folders_above_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.make_database_file(tmp_path / "a" / "b" / "proxy.db")
    finally:
        os.umask(before)
    assert [mode(tmp_path / each) for each in ("a", "a/b")] == [0o700, 0o700]


def test_what_exists_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    path.write_bytes(b"kept")
    path.chmod(0o660)
    files.make_database_file(path)
    assert path.read_bytes() == b"kept"
    assert mode(path) == 0o660


def test_a_new_file_is_complete_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert files.write_new(path, b"one")
    assert not files.write_new(path, b"two")
    assert path.read_bytes() == b"one"
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["secret"]  # noqa: PTH208 - hidden ones, too


def test_of_many_who_make_a_file_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: files.write_new(path, b"%d" % number), range(32)))
    assert made.count(True) == 1
    assert path.read_bytes() == b"%d" % made.index(True)


def test_writing_ahead_lasts(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    files.make_database_file(path)
    files.write_ahead(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_lock_is_waited_for_and_then_told(tmp_path: Path) -> None:
    path = tmp_path / "proxy.db"
    files.make_database_file(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            files.write_ahead(path, 0.05)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        files.write_ahead(tmp_path / "proxy.db", 0)
    assert list(tmp_path.iterdir()) == []
