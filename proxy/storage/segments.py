r"""The files of the spool: how a line looks, how a file of lines is read again, and whose files they are.

    <spool>/database              which database the requests in here are for; see `storage.binding`
    <spool>/<process>/lock        locked as long as the process lives: the kernel gives it up, however the process ends
    <spool>/<process>/00000001.log, 00000002.log, ...    segments; only the last one is written to
    <spool>/<process>-00000001.damaged    what could not be read, or what the database would not take

A line is `<kind> <CRC-32 of the row, 8 hex digits> <row>` and a line feed. The kind is `b` (the request has begun; the
row says what is true if nothing more is heard), `e` (it has ended; the row is final) or `g` (gone: it had ended before
this segment began, and nothing but its id is said). A row is a JSON array whose first element is the request's id.

What is behind the last line feed was cut off by the end of the process or of the machine: its answer was never sent.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from proxy import codec
from proxy.storage.files import FOLDER_OWNER_ONLY, OWNER_ONLY

BEGUN, ENDED, GONE = 1, 0, 2
"""What the checksum starts with, so that one kind of line cannot turn into the other."""
SEEDS = {b"b ": BEGUN, b"e ": ENDED, b"g ": GONE}
Row = tuple[Any, ...]
"""A row as it was before it became JSON."""
ROW = 11
"""Where the row of a line begins."""
FOLDER = re.compile(r"[0-9]+-[0-9a-f]{16}\Z")
"""What the folder of a process is called. Others are not ours: nothing in them is read, moved or deleted, should the
folder of the spool be one that others use, too."""
LOCK = "lock"
SUFFIX = ".log"
DAMAGED = ".damaged"
NUMBER = 8
"""Digits of a segment's number."""
TRIES = 8
"""Times that a folder of our own is made, should another process tidy it away before it is locked."""
PIECE = 1 << 18
"""Bytes of a file that are looked through at once, while other threads wait."""
DAMAGED_BYTES = 64 * 1024**2
"""Bytes of `.damaged` files at most: enough to see what has happened, and no disk is filled by it."""


def begun(row: bytes) -> bytes:
    """The line of a request that has begun."""
    return b"b %08x %b\n" % (crc32(row, BEGUN), row)


def ended(row: bytes) -> bytes:
    """The line of a request that has ended."""
    return b"e %08x %b\n" % (crc32(row, ENDED), row)


def gone(identity: str) -> bytes:
    """The line of a request that has begun in this segment by mistake."""
    row = codec.encode([identity])
    return b"g %08x %b\n" % (crc32(row, GONE), row)


def make_folder(path: Path) -> None:
    """A folder and those above it, for their owner alone where they are made. Raises OSError."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(mode=FOLDER_OWNER_ONLY, exist_ok=True)


class Lines:
    """The lines of one segment, looked at some at a time, so that whoever waits meanwhile does not wait long.

    Attributes:
        ended: what precedes the end of a row's id -> its final row; begun: the same for those that have begun, which is
            kept only of the `last` segment of a process: any other's have been carried over into the next one.
        damaged: lines that are not what was written.
    """

    def __init__(self, data: bytes, *, last: bool) -> None:
        self._data = data
        self._at = 0
        self._end = data.rfind(b"\n") + 1
        self._last = last
        self.ended: dict[bytes, bytes] = {}
        self.begun: dict[bytes, bytes] = {}
        self.damaged = 0

    def look(self, count: int) -> bool:
        """Look at so many lines more. Whether any are left."""
        data, end, at = self._data, self._end, self._at
        for _ in range(count):
            if at >= end:
                break
            following = data.index(b"\n", at, end) + 1
            self._take(data[at:following])
            at = following
        self._at = at
        return at < end

    def _take(self, line: bytes) -> None:
        seed, row = SEEDS.get(line[:2]), line[ROW:-1]
        if seed is None or line[2:ROW] != b"%08x " % crc32(row, seed):
            self.damaged += 1
        elif seed == ENDED:
            self.ended[row[: row.find(b'"', 2)]] = row
        elif self._last:
            identity = row[: row.find(b'"', 2)]
            if seed == BEGUN:
                self.begun[identity] = row
            else:
                self.begun.pop(identity, None)

    def rows(self) -> list[bytes]:
        """What is to be kept of it: final rows, and of the last segment those of requests that never ended."""
        aborted = (row for identity, row in self.begun.items() if identity not in self.ended)
        return [*self.ended.values(), *aborted]

    def let_go(self, number: int) -> bool:
        """Forget so many of them: to free all at once takes time. Whether there are more."""
        for kept in (self.ended, self.begun):
            while kept and number:
                kept.popitem()
                number -= 1
        return bool(self.ended or self.begun)


def batches(rows: Sequence[bytes], most: int, size: int) -> Iterator[list[bytes]]:
    """The rows in order, at most `most` at a time and at most about `size` bytes."""
    some: list[bytes] = []
    held = 0
    for row in rows:
        if some and (len(some) >= most or held + len(row) > size):
            yield some
            some, held = [], 0
        some.append(row)
        held += len(row)
    if some:
        yield some


@dataclass(slots=True, eq=False)
class Segment:
    """A file that is not written to any more.

    Attributes:
        place: whose it is; path: where it is; size: its bytes.
        rows: final rows in it, as far as is known.
        last: the last one of a process that has ended: what has begun in it never ended.
        busy: it is being shipped.
        finals: its final rows, where whoever wrote them remembers them all: it need not be read then.
    """

    place: "Place"
    path: Path
    size: int
    rows: int = 0
    last: bool = False
    busy: bool = False
    finals: "list[Row] | None" = None

    def read(self) -> bytes:
        """All of it. Raises OSError."""
        return self.path.read_bytes()

    def delete(self) -> None:
        """Remove it; it may be gone already. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Keep it where nobody reads it but people. Raises OSError."""
        root = self.place.folder.parent
        if _size_of_damaged(root) + self.size > DAMAGED_BYTES:
            self.delete()
        else:
            self.path.replace(self._aside())

    def set_row_aside(self, row: bytes) -> None:
        """Keep one row of it there. Raises OSError."""
        if _size_of_damaged(self.place.folder.parent) + len(row) <= DAMAGED_BYTES:
            aside = self._aside().with_suffix(".rows" + DAMAGED)
            file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, OWNER_ONLY)
            try:
                os.write(file, ended(row))
            finally:
                os.close(file)

    def _aside(self) -> Path:
        folder = self.place.folder
        return folder.parent / f"{folder.name}-{self.path.stem}{DAMAGED}"


def _size_of_damaged(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("*" + DAMAGED))


class Place:
    """The folder of one process, locked. A child of this process must not live longer than it, or close its files."""

    def __init__(self, folder: Path, lock: int) -> None:
        """`lock`: file descriptor of the lock, which is held."""
        self.folder = folder
        self._lock = lock

    @classmethod
    def make(cls, root: Path) -> "Place":
        """A new one in the spool. Raises OSError."""
        make_folder(root)
        for _ in range(TRIES):
            folder = root / f"{os.getpid()}-{secrets.token_hex(8)}"
            folder.mkdir(mode=FOLDER_OWNER_ONLY)
            with suppress(FileNotFoundError):  # somebody took it for the rest of a dead process, and tidied up
                place = cls._locked(folder, os.O_CREAT)
                if place is not None:
                    return place
        raise OSError(f"{root}: a folder that was just made is gone or locked, again and again")

    @classmethod
    def take(cls, folder: Path) -> "Place | None":
        """That of a process that has ended; None while it lives, or while another one has taken it. Raises OSError."""
        try:
            return cls._locked(folder, 0)
        except FileNotFoundError:
            with suppress(OSError):  # without a lock: about to be made, or nearly removed; empty in both cases
                folder.rmdir()
            return None

    @classmethod
    def _locked(cls, folder: Path, flags: int) -> "Place | None":
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | flags, OWNER_ONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:  # else whoever had it before us has removed it
                lock, held = -1, lock
                return cls(folder, held)
        except BlockingIOError:
            pass
        finally:
            if lock >= 0:
                os.close(lock)
        return None

    def path(self, number: int) -> Path:
        """Where a segment is."""
        return self.folder / f"{number:0{NUMBER}}{SUFFIX}"

    def new(self, number: int, content: bytes) -> int:
        """A new segment that begins with `content`: its file descriptor. It appears as a whole. Raises OSError."""
        return self.complete(self.draft(number, content), number, b"")

    def draft(self, number: int, content: bytes) -> Path:
        """What may become a segment. Raises OSError."""
        draft = self.folder / f".{number:0{NUMBER}}-{secrets.token_hex(4)}"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
        try:
            _write(file, content)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        return draft

    def complete(self, draft: Path, number: int, rest: bytes) -> int:
        """Make a draft with what it lacks a segment: its file descriptor. Raises OSError."""
        file = -1
        try:
            file = os.open(draft, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            _write(file, rest)
            draft.replace(self.path(number))
        except OSError:
            if file >= 0:
                os.close(file)
            with suppress(OSError):
                draft.unlink()
            raise
        return file

    def segments(self) -> list[Segment]:
        """Those that are there, oldest first; of a process that has ended. Raises OSError."""
        paths = sorted(self.folder.glob("*" + SUFFIX))
        found = [Segment(self, path, path.stat().st_size, _finals(path)) for path in paths]
        if found:
            found[-1].last = True
        return found

    def remove(self) -> None:
        """Remove the folder, if no segment is left in it, and give up the lock. Raises OSError."""
        try:
            if not any(self.folder.glob("*" + SUFFIX)):
                for draft in self.folder.glob(".*"):
                    draft.unlink()
                (self.folder / LOCK).unlink(missing_ok=True)
                self.folder.rmdir()
        finally:
            self.leave()

    def leave(self) -> None:
        """Give up the lock: whoever comes next may have what is here."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _write(file: int, content: bytes) -> None:
    written = os.write(file, content) if content else 0
    if written != len(content):
        raise OSError(f"only {written} of {len(content)} bytes could be written: the disk is full")


def _finals(path: Path) -> int:
    """How many final rows a segment holds."""
    count, before = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            joined = before + piece
            count += joined.count(b"\ne ")
            before = joined[-2:]
    return count


def adopt(root: Path, faults: list[OSError] | None = None) -> list[tuple[Place, list[Segment]]]:
    """What processes that have ended left behind, locked for us. Raises OSError.

    `faults`: takes why the folder of one of them cannot be had; without it, that is raised.
    """
    found: list[tuple[Place, list[Segment]]] = []
    folders = (path for path in root.iterdir() if FOLDER.match(path.name) and path.is_dir() and not path.is_symlink())
    for folder in sorted(folders, key=_age):
        place = None
        try:
            place = Place.take(folder)
            if place is not None:
                found.append((place, place.segments()))
        except OSError as fault:  # it must not keep the others waiting
            if place is not None:
                place.leave()
            if faults is None:
                raise
            faults.append(fault)
    return found


def held(root: Path) -> int:
    """Bytes of all segments that are there, of whatever process."""
    total = 0
    for path in root.glob(f"*/*{SUFFIX}"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _age(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return folder.stat().st_mtime
    return 0.0
