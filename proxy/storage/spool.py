"""The spool: requests written down in local files before their answers end, until the database has them.

Theory of operation. Each process has a folder of its own (`segments.Place`). A request writes two lines into the
process's newest file, its *segment*: one before it goes to Telnyx, one before the last byte of its answer. The lines
of many requests go out in one `write` to a file opened for appending, at the end of the event loop's turn and before
any of its sockets is written to (see `proxy.outbox`); or each in its own, where a request that cannot be written down
shall not be made. So the end of the process, whenever it comes, leaves whole lines, and one for whatever anybody has
seen; what was handed to the kernel does not need the process any more. It is not flushed to the disk: a loss of power
may cost the last seconds.

From time to time the segment is *turned*: what is under way is carried over into a new one, which therefore stands for
itself, and the old one is closed, to be shipped and deleted by whoever moves rows into the database.

The process that wrote a segment need not read it again: it remembers its final rows until they are shipped, as many as
REMEMBERED. The file is for whoever comes after it.

Where a line cannot be written (no room on the disk), the segment is not written to any more, for its end may be torn.
Final rows wait in memory then, and each turn tries a new segment that begins with all that is under way or waiting.
"""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from proxy.errors import LedgerFull
from proxy.storage.segments import BEGUN, ENDED, Place, Row, Segment, gone

SEGMENT = 4 * 1024**2
"""Bytes after which a segment is turned, while the database does not take any: some 8,000 requests."""
PARTS = 8
"""A small spool has smaller segments: what is forgotten where there is no room is one of so many parts."""
WAITING = 32 * 1024**2
"""Bytes of final rows that wait in memory while nothing can be written: some 60,000 requests, which is minutes of
traffic for somebody to make room on the disk, and memory that a small machine has."""
FULL = (
    "What this request consumes could not be accounted for: the database has not answered for long, or the disk is "
    "full, and the operator has decided that requests are refused then (ledger.spool.when_full: refuse)."
)
RETRY_AFTER = 10.0
"""Seconds after which a refused client may try again."""
REMEMBERED = 16_384
"""Final rows that are remembered at most, in closed segments too: some 16 MiB. With a database that takes them they are
those of a second."""
MANY = 200
"""Requests under way that are carried over in half a millisecond."""


class Draft:
    """The beginning of the next segment: what was under way at a moment. Written by another thread.

    Attributes:
        lines: id -> line; path: where it is, None as long as it is not written; size: its bytes.
    """

    def __init__(self, place: Place, number: int, lines: dict[str, bytes]) -> None:
        self.place = place
        self.number = number
        self.lines = lines
        self.path: Path | None = None
        self.size = 0

    def write(self) -> None:
        """Write it down. Raises OSError."""
        content = b"".join(self.lines.values())
        self.path, self.size = self.place.draft(self.number, content), len(content)


class Spool:
    """The spool of one process. It is made in that process, after any fork, and used by one thread.

    Attributes:
        closed: what waits to be shipped, oldest first, adopted segments included.
        kept: bytes of `closed`.
        fault: why nothing can be written; None while all is well.
        trouble: the same, or why no new segment can be begun.
        dropped: final rows that were forgotten because there was no room for them.
    """

    def __init__(
        self, root: Path, limit: int, *, refuse: bool, workers: int = 1, soon: Callable[[], bool] | None = None
    ) -> None:
        """`limit`: bytes of all files of so many `workers`, each of which has its part of them for certain.

        `refuse`: begin nothing where there is no room; else the oldest is forgotten. `soon`: whether `flush` will be
        called, before anybody sees what the lines are about; else, and where nothing shall begin that is not written
        down, each line is written at once. Raises OSError.
        """
        self._root = root
        self._whole = limit
        self._limit = self._room = limit // workers
        self._refuse = refuse
        self._soon = None if refuse else soon
        self._lines: list[tuple[bytes, int]] = []  # to be written by `flush`, each with its final rows
        self._segment = min(SEGMENT, max(1, self._limit // PARTS))
        self._place = Place.make(root)
        self._number = 1
        self._file = self._place.new(1, b"")
        self._size = 0
        self._turn_at = self._segment
        self._rows = 0
        self._under_way: dict[str, bytes] = {}
        self._finals: list[Row] | None = []
        self._remembered = 0  # in closed segments
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self.closed: deque[Segment] = deque()
        self.kept = 0
        self.fault: OSError | None = None
        self.trouble: OSError | None = None
        self.dropped = 0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._size + self.kept

    @property
    def limit(self) -> int:
        """Its part of the bytes that the files of all processes may have."""
        return self._limit

    @property
    def room(self) -> int:
        """Bytes of its files at most: its part, or more where other processes leave it room."""
        return self._room

    def share(self, held: int) -> None:
        """`held`: bytes of all files there are, those of other processes included. What they do not need is ours.

        Who adopts what several processes left behind, may have as much for it as they had.
        """
        self._room = max(self._limit, self._whole - max(0, held - self.size))
        self._make_room()

    @property
    def rows(self) -> int:
        """Final rows that are in files and in memory."""
        return self._rows + len(self._waiting) + sum(segment.rows for segment in self.closed)

    @property
    def under_way(self) -> int:
        """Requests that have begun and not ended."""
        return len(self._under_way)

    def begin(self, identity: str, row: bytes) -> None:
        """Write down what will be true of a request if nothing more is written. Raises LedgerFull."""
        line = b"b %08x %b\n" % (crc32(row, BEGUN), row)  # as `segments.begun` does: a call less
        if self._refuse and self._is_full(len(line)):
            raise LedgerFull(FULL, retry_after=RETRY_AFTER)
        self._under_way[identity] = line
        if not self._write(line, 0) and self._refuse:  # else the next segment begins with it
            del self._under_way[identity]
            raise LedgerFull(FULL, retry_after=RETRY_AFTER)

    def end(self, identity: str, row: bytes, final: Row | None = None) -> None:
        """Write down what is true of it. Never raises. `final`: what `row` is the JSON of, to be remembered."""
        line = b"e %08x %b\n" % (crc32(row, ENDED), row)
        begun = self._under_way.pop(identity, None)
        if begun is None and self._refuse and self._is_full(len(line)):
            self.dropped += 1  # it was refused, and never reached Telnyx
            return
        self._remember(row, final)
        if not self._write(line, 1):
            self._wait(line)

    def _wait(self, line: bytes) -> None:
        """A final row that could not be written: it will be in another segment."""
        self._finals = None
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        while self._waiting_bytes > WAITING:
            self._waiting_bytes -= len(self._waiting.popleft())
            self.dropped += 1

    def _remember(self, row: bytes, final: Row | None) -> None:
        """A row whose JSON has characters that no database takes is better read again: see `batches.document`."""
        finals = self._finals
        if finals is None or final is None or len(finals) + self._remembered >= REMEMBERED or row.find(b"\\u") >= 0:
            self._finals = None  # of this segment
        else:
            finals.append(final)

    def _is_full(self, more: int) -> bool:
        return self.fault is not None or self._size + self.kept + more > self._room

    def _write(self, line: bytes, rows: int) -> bool:
        """Append a line, which is so many final rows. False where that fails: its beginning may be in the file then."""
        if self.fault is not None:
            return False
        if self._soon is not None and (self._lines or self._soon()):
            self._lines.append((line, rows))
            self._rows += rows
            return True
        self._rows += rows
        if self._append(line) == len(line):
            return True
        self._rows -= rows
        return False

    def flush(self) -> None:
        """Write the lines of this turn of the event loop. Never raises: what could not be written waits in memory."""
        lines = self._lines
        if not lines:
            return
        self._lines = []
        left = self._append(b"".join([line for line, _ in lines]))
        if self.fault is None:
            return
        for line, rows in lines:
            left -= len(line)
            if left < 0 and rows:
                self._rows -= rows
                self._wait(line)

    def _append(self, data: bytes) -> int:
        """Append it to the segment; how many bytes of it are there. Where it is not all of them, there is a fault."""
        try:
            written = os.write(self._file, data)
        except OSError as fault:
            self.fault = self.trouble = fault
            return 0
        self._size += written
        if written != len(data):
            self.fault = self.trouble = OSError("only a part of a line could be written: the disk is full")
        elif self._size >= self._turn_at + self._segment:  # nobody has come to ship it
            self.turn()
        return written

    def due(self) -> bool:
        """Whether it is time for a new segment: for there are rows to be shipped, or nothing can be written."""
        return self.fault is not None or bool(self._rows and (not self.closed or self._size >= self._turn_at))

    def prepare(self) -> Draft | None:
        """What takes long of a turn, to be written by another thread; None where it does not take long."""
        return Draft(self._place, self._number + 1, self._under_way.copy()) if len(self._under_way) > MANY else None

    def turn(self, draft: Draft | None = None) -> bool:
        """Begin a new segment and close the old one. Whether that was possible; if not, all stays as it was."""
        self.flush()
        self._turn_at = self._size + self._segment  # not to be tried with each line, should it fail
        try:
            file, size = self._next(draft)
        except OSError as fault:
            self.trouble = fault
            return False
        with suppress(OSError):  # it may say that what was written is not on the disk: there is nothing else to be done
            os.close(self._file)
        if self._rows:
            path = self._place.path(self._number)
            self._close(Segment(self._place, path, self._size, self._rows, finals=self._finals))
        else:  # whatever is in it has been carried over
            with suppress(OSError):
                self._place.path(self._number).unlink(missing_ok=True)
        self._file, self._number = file, self._number + 1
        self._size, self._rows = size, len(self._waiting)
        self._finals = None if self._waiting else []
        self._turn_at = self._size + self._segment
        self._waiting.clear()
        self._waiting_bytes, self.fault, self.trouble = 0, None, None
        self._make_room()
        return True

    def _next(self, draft: Draft | None) -> tuple[int, int]:
        """The next segment: its file, and how many bytes it has."""
        following, under_way = self._number + 1, self._under_way
        if draft is None or draft.path is None or not self._suits(draft, draft.path):
            carried = b"".join((*under_way.values(), *self._waiting))
            return self._new(following, carried), len(carried)
        since = under_way.keys() - draft.lines.keys()
        before = draft.lines.keys() - under_way.keys()
        rest = b"".join((*map(under_way.__getitem__, since), *map(gone, before), *self._waiting))
        return self._place.complete(draft.path, following, rest), draft.size + len(rest)

    def _suits(self, draft: Draft, path: Path) -> bool:
        """Whether it is still that of the next segment; else it is removed."""
        if draft.place is self._place and draft.number == self._number + 1:
            return True
        path.unlink(missing_ok=True)
        return False

    def _new(self, number: int, carried: bytes) -> int:
        try:
            return self._place.new(number, carried)
        except FileNotFoundError as removed:
            self.fault = removed  # nobody would find what is written
            self._move()
            return self._place.new(number, carried)

    def _move(self) -> None:
        """Our folder was removed. The newest file is open still, so what is in it goes to another one."""
        place = Place.make(self._root)
        try:
            file = place.new(self._number, os.pread(self._file, self._size, 0))
        except OSError:
            place.leave()
            raise
        with suppress(OSError):
            os.close(self._file)
        self._place.leave()
        self._place, self._file = place, file

    def _close(self, segment: Segment) -> None:
        self.closed.append(segment)
        self.kept += segment.size
        self._remembered += len(segment.finals or ())

    def adopt(self, place: Place, segments: list[Segment]) -> None:
        """Take over what another process left behind."""
        if not segments:
            with suppress(OSError):
                place.remove()
            return
        self.closed.extendleft(reversed(segments))
        self.kept += sum(segment.size for segment in segments)
        self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest segments where there is no room, but not those that are on their way.

        What is written next has room then until the next turn.
        """
        if self._refuse:
            return
        most = self._room - 2 * self._segment
        for segment in list(self.closed):
            if self.size <= most:
                return
            if not segment.busy:
                with suppress(OSError):
                    segment.delete()
                    self.dropped += segment.rows
                    self.forget(segment)

    def forget(self, segment: Segment) -> None:
        """The file of a closed segment has gone."""
        if segment not in self.closed:
            return
        self.closed.remove(segment)
        self.kept -= segment.size
        self._remembered -= len(segment.finals or ())
        place = segment.place
        if place is not self._place and not any(each.place is place for each in self.closed):
            with suppress(OSError):
                place.remove()

    def put_off(self, segment: Segment) -> None:
        """Others first."""
        self.closed.remove(segment)
        self.closed.append(segment)

    def close(self) -> None:
        """The process ends. What is left is for the next one; nothing may be written any more."""
        self.flush()
        file, self._file = self._file, -1
        os.close(file)
        self.dropped += len(self._waiting)  # they stay what was written down when they began: aborted
        self._waiting.clear()
        if not self._rows and not self._under_way:
            with suppress(OSError):
                self._place.path(self._number).unlink(missing_ok=True)
        with suppress(OSError):
            self._place.remove()
        for place in {segment.place for segment in self.closed}:
            place.leave()
