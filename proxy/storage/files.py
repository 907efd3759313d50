"""The files of SQLite and what lies beside them: made for their owner alone, and complete or not at all."""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700
PAUSE = 0.02
"""Seconds between attempts at a lock that SQLite does not wait for."""


def make_database_file(path: Path) -> None:
    """An empty file, and its folders, if there are none. Raises OSError.

    SQLite gives the files of its write-ahead log the permissions of this one. What exists keeps its own: an operator
    may have opened it to a group on purpose.
    """
    # One by one: `parents=True` would make those above with whatever the umask leaves, for others to rename in.
    for folder in reversed([each for each in path.parents if not each.exists()]):
        folder.mkdir(mode=FOLDER_OWNER_ONLY, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY))


def write_ahead(path: Path, patience: float) -> None:
    """Switch a SQLite file to its write-ahead log, which lasts. Raises sqlite3.Error.

    Two processes that switch a new file at once exclude each other, and here SQLite does not wait by itself.
    """
    end = monotonic() + patience
    with closing(
        sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None)
    ) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as fault:
                if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > end:
                    raise
                sleep(PAUSE)
            else:
                return


def write_new(path: Path, content: bytes) -> bool:
    """A new file, for its owner alone; whether it was made. One that is there already stays as it is. Raises OSError.

    It appears complete or not at all, also when two processes make it at once or the machine stops: it is written
    under another name and then linked, which fails where the name is taken.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, content)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        flush_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor that only its owner can read
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Wait until a file is on the disk. Raises OSError."""
    _flush(path, os.O_RDONLY)


def flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk. Raises OSError."""
    _flush(path, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
