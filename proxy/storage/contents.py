"""What is in files: on disk, or in the database in pieces of a mebibyte. Never whole in memory.

On disk a file is called by its id, which is ours and cannot be guessed; nothing a client names becomes a path. Files
and folders are for their owner alone. All of it runs in threads, under a lock for each file: a thread whose task has
been cancelled may still be at work when the file is closed.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from sqlalchemy import delete, insert, select

from proxy.storage.database import Database
from proxy.storage.files import FOLDER_OWNER_ONLY, OWNER_ONLY, flush_folder
from proxy.storage.filing_schema import FILE_PIECES
from proxy.storage.filing_terms import Missing

MIB = 1024 * 1024
PIECE = MIB
"""Bytes written at once; of a table, one row."""
READ = 256 * 1024
"""Bytes read from a disk at once."""
DISK, DATABASE = "disk", "database"


class Sink(Protocol):
    """Where the contents of one file go."""

    async def put(self, piece: bytes) -> None:
        """The next bytes."""
        ...

    async def finish(self) -> None:
        """All is there, and stays there when the machine stops."""
        ...

    async def abandon(self) -> None:
        """Nothing of it shall stay."""
        ...


class Contents:
    """The contents of all files. Methods raise OSError and StoreUnavailable.

    Attributes:
        place: where new files go, `disk` or `database`.
        folder: where files on disk are.
    """

    def __init__(self, database: Database, folder: Path, place: str) -> None:
        self._database = database
        self.folder = folder
        self.place = place

    def writer(self, identity: str) -> "Writer":
        """For the contents of a new file."""
        if self.place == DISK:
            return Writer(_DiskSink(self.folder / identity))
        return Writer(_TableSink(self._database, identity))

    def pieces(self, identity: str, place: str) -> AsyncGenerator[bytes, None]:
        """A file from its beginning to its end. Raises Missing."""
        return self._from_disk(identity) if place == DISK else self._from_table(identity)

    async def _from_disk(self, identity: str) -> AsyncGenerator[bytes, None]:
        file = await asyncio.to_thread(_Opened, self.folder / identity, os.O_RDONLY)
        try:
            while piece := await asyncio.to_thread(file.read, READ):
                yield piece
        finally:
            file.close()

    async def _from_table(self, identity: str) -> AsyncGenerator[bytes, None]:
        number, kept = 0, FILE_PIECES
        while True:
            query = select(kept.c.data).where(kept.c.file == identity, kept.c.number == number)
            async with self._database.connect() as connection:
                data = (await connection.execute(query)).scalar_one_or_none()
            if data is None and number == 0:
                raise Missing("the contents are gone")
            if not data:
                return
            yield bytes(data)
            number += 1

    async def remove(self, identity: str, place: str) -> None:
        """Remove the contents, if they are there."""
        if place == DISK:
            await asyncio.to_thread((self.folder / identity).unlink, missing_ok=True)
        else:
            await _clear(self._database, identity)


class Writer:
    """One file being written. Pieces of any size are put down in pieces of a mebibyte.

    Attributes:
        size: bytes so far.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: list[bytes] = []
        self._waiting = 0
        self.size = 0

    async def write(self, piece: bytes) -> None:
        """The next bytes."""
        self._held.append(piece)
        self._waiting += len(piece)
        self.size += len(piece)
        if self._waiting >= PIECE:
            await self._put()

    async def _put(self) -> None:
        held, self._held, self._waiting = self._held, [], 0
        data = b"".join(held)
        for start in range(0, len(data), PIECE):
            await self._sink.put(data[start : start + PIECE])

    async def finish(self) -> None:
        """That was all of it; from now on it is safe."""
        await self._put()
        await self._sink.finish()

    async def abandon(self) -> None:
        """Forget what was written."""
        await self._sink.abandon()


class _Opened:
    """A file descriptor that threads share."""

    def __init__(self, path: Path, flags: int) -> None:
        try:
            self._descriptor = os.open(path, flags | os.O_CLOEXEC, OWNER_ONLY)
        except FileNotFoundError:
            raise Missing("the contents are gone") from None
        self._lock = threading.Lock()
        self._closed = False

    def read(self, size: int) -> bytes:
        with self._lock:
            return b"" if self._closed else os.read(self._descriptor, size)

    def read_at(self, start: int, size: int) -> bytes:
        with self._lock:
            return b"" if self._closed else os.pread(self._descriptor, size, start)

    def append(self, data: bytes) -> int:
        """Write at the end; where it begins."""
        with self._lock:
            if self._closed:
                raise Missing("the file was closed")
            start = os.lseek(self._descriptor, 0, os.SEEK_END)
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            return start

    def sync(self) -> None:
        with self._lock:
            if not self._closed:
                os.fsync(self._descriptor)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._descriptor)

    def __del__(self) -> None:
        if hasattr(self, "_closed"):  # opened in a thread whose task did not live to hear of it
            self.close()


class _DiskSink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: _Opened | None = None

    async def _opened(self) -> _Opened:
        if self._file is None:
            self._file = await asyncio.to_thread(_create, self._path)
        return self._file

    async def put(self, piece: bytes) -> None:
        file = await self._opened()
        await asyncio.to_thread(file.append, piece)

    async def finish(self) -> None:
        file = await self._opened()
        await asyncio.to_thread(file.sync)
        file.close()
        await asyncio.to_thread(flush_folder, self._path.parent)

    async def abandon(self) -> None:
        if self._file is not None:
            self._file.close()
        await asyncio.to_thread(self._path.unlink, missing_ok=True)


def _create(path: Path) -> _Opened:
    path.parent.mkdir(mode=FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
    return _Opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)


class _TableSink:
    def __init__(self, database: Database, identity: str) -> None:
        self._database = database
        self._identity = identity
        self._number = 0

    async def put(self, piece: bytes) -> None:
        row = {"file": self._identity, "number": self._number, "data": piece}
        async with self._database.begin() as connection:
            await connection.execute(insert(FILE_PIECES).values(row))
        self._number += 1

    async def finish(self) -> None:
        if self._number == 0:
            await self.put(b"")  # an empty file is there, too

    async def abandon(self) -> None:
        await _clear(self._database, self._identity)


async def _clear(database: Database, identity: str) -> None:
    async with database.begin() as connection:
        await connection.execute(delete(FILE_PIECES).where(FILE_PIECES.c.file == identity))


class Draft:
    """A file on disk that lines are added to, in groups, until the output of a batch is made of them."""

    def __init__(self, folder: Path, name: str) -> None:
        """`name`: unlike that of any file, and of anybody else's draft."""
        self._path = folder / name
        self._file: _Opened | None = None
        self._lock = threading.Lock()

    async def add(self, data: bytes) -> int:
        """Add bytes at the end, safe when this returns; where they begin. Raises OSError."""
        return await asyncio.to_thread(self._add, data)

    def _add(self, data: bytes) -> int:
        with self._lock:
            if self._file is None:
                self._path.parent.mkdir(mode=FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
                self._file = _Opened(self._path, os.O_RDWR | os.O_CREAT)
                flush_folder(self._path.parent)
            start = self._file.append(data)
            self._file.sync()
            return start

    async def read(self, places: list[tuple[int, int]]) -> list[bytes]:
        """What is at (start, size) of each. Raises Missing."""
        return await asyncio.to_thread(self._read, places)

    def _read(self, places: list[tuple[int, int]]) -> list[bytes]:
        with self._lock:
            if self._file is None:
                self._file = _Opened(self._path, os.O_RDWR)
            found = [self._file.read_at(start, size) for start, size in places]
        if any(len(piece) != size for piece, (_, size) in zip(found, places, strict=True)):
            raise Missing("a draft is shorter than it should be")
        return found

    def close(self) -> None:
        """No more of it for now."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    async def remove(self) -> None:
        """It is not needed any more."""
        self.close()
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
