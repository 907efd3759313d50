"""Shipping: what waits in the spool goes into the database, again and again, as long as the process lives.

Every row goes exactly once: the database knows a request by its id, so that a segment can be sent again whenever it is
not certain that it has arrived. A row that the database will never take must not keep the others waiting: its batch is
halved until it is found, and it is set aside. Whatever else goes wrong, everything waits and is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

from proxy import codec
from proxy.app.accounting import Surroundings
from proxy.app.membership import Kept
from proxy.errors import StoreUnavailable
from proxy.pace import BEHIND, SHARE, Pace
from proxy.settings.ledger import Ledger
from proxy.storage.binding import bind
from proxy.storage.ledger import BadRow, Given, LedgerStore
from proxy.storage.segments import Lines, Place, Segment, adopt, batches, held
from proxy.storage.spool import Spool

EVERY = 1.0
"""Seconds from one look at the spool to the next at most: how far the database is behind."""
REST = 0.1
"""Seconds between two looks at least, where there is so much to ship: what waited longer would be shipped when the
requests are over that made it, at the expense of others. After one that failed they are EVERY."""
ADOPT_EVERY = 10
"""Looks between two searches for what dead processes left behind."""
PRUNE_EVERY = 3600.0
"""Seconds between two times that what is too old is deleted."""
LAST = 2.0
"""Seconds at the end of the process for what is left; the rest is for the next one."""
ROWS, BYTES = 2000, 512 * 1024
"""Rows and bytes of a batch at most: the database has it in a fraction of a second, and nobody waits long for the write
lock of SQLite."""
MANY = 2 * ROWS
"""Rows that may wait; with more of them, shipping takes a larger share of the time."""
AT_ONCE = 150
"""Lines read, or rows let go of, before others have their turn: a fifth of a millisecond."""
NEARLY_FULL = 0.5
"""Part of the spool's size above which an operator is told."""
PREFIX = "telnyx_proxy_ledger_"
CANNOT_WRITE = "the ledger cannot write to its spool: requests wait in memory"
CANNOT_TURN = "the ledger cannot begin a new file in its spool"
FILLING = "the database does not keep up with the ledger: its spool is more than half full"


class Rows(Protocol):
    """Where rows go. See `storage.ledger`."""

    async def add(self, rows: Sequence[Given]) -> int:
        """Add those that are not there yet; how many these were. Raises BadRow, StoreUnavailable."""
        ...

    async def note_prices(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember what versions of prices stand for. Raises StoreUnavailable."""
        ...

    async def prune(self, now: float, retention: Mapping[str, int | None]) -> Mapping[str, int]:
        """Delete what is older than so many days, by table. Raises StoreUnavailable."""
        ...


class Shipper:
    """Moves rows out of one spool."""

    def __init__(self, spool: Spool, root: Path, store: Rows, around: Surroundings, pace: Pace | None = None) -> None:
        """`root`: the folder of all spools, where dead processes have left theirs. `pace`: as the store has it."""
        self._pace = pace or Pace()
        self._spool = spool
        self._root = root
        self._store = store
        self._around = around
        self._pruned = around.clock.steady() - PRUNE_EVERY
        self._failed = False  # the last look
        self._told = 0  # rows that were dropped, as far as anybody was told

    async def run(self) -> None:
        """Until cancelled."""
        looks, steady = 0, self._around.clock.steady
        while True:
            if looks % ADOPT_EVERY == 0:
                await self._surely(self.adopt())
            began = steady()
            await self._surely(self.look())
            await self._surely(self.note_prices())
            await self._surely(self.prune())
            looks += 1
            await self._rest(began)

    async def _rest(self, began: float) -> None:
        """Until the next look, where the last one began then: sooner where a whole batch waits already."""
        pause, steady = self._around.pause, self._around.clock.steady
        if self._failed:
            await pause(EVERY)
            return
        await pause(REST)
        while (left := began + EVERY - steady()) > 0 and self._spool.rows < ROWS:
            await pause(min(REST, left))

    async def finish(self) -> None:
        """Ship what there is, within LAST seconds, and close the spool."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST):
                await self._surely(self.look())
                await self._surely(self.note_prices())
        self._spool.close()
        self._tell()  # also of rows that could not even be written down

    async def _surely(self, work: Coroutine[object, object, None]) -> None:
        """Whatever goes wrong once must not be the end of shipping."""
        try:
            await work
        except Exception as fault:  # noqa: BLE001 - the task lives as long as the process
            self._around.log.alert("ledger_shipping_failed", reason=_place_of(fault))

    async def adopt(self) -> None:
        """Take over what dead processes left behind."""
        faults: list[OSError] = []
        found: list[tuple[Place, list[Segment]]] = []
        there = 0  # bytes of everybody's files
        try:
            found = await asyncio.to_thread(adopt, self._root, faults)
            there = await asyncio.to_thread(held, self._root)
        except OSError as fault:
            faults.append(fault)
        for each in faults:
            self._around.log.alert("ledger_spool_unreadable", reason=str(each))
        ours = sum(segment.size for _, segments in found for segment in segments)
        self._spool.share(there - ours)  # before: else some of it would be forgotten
        for place, segments in found:
            self._spool.adopt(place, segments)
            if segments:
                self._around.log.say("ledger_adopted", folder=place.folder.name, files=len(segments))

    async def look(self) -> None:
        """Ship what there is, as far as the database takes it, and tell how things are."""
        spool, self._failed = self._spool, False
        try:
            await self._turn()
            for _ in range(len(spool.closed)):
                if spool.closed:  # what there was may have been forgotten meanwhile
                    await self._ship(spool.closed[0])
                await self._turn()  # a long backlog: what comes meanwhile has its turn
        except StoreUnavailable:
            self._note_failure()
        except Exception:
            self._note_failure()
            raise
        finally:
            self._tell()

    def _note_failure(self) -> None:
        self._failed = True
        self._count("ship_failures_total")

    async def _turn(self) -> None:
        spool = self._spool
        if spool.due():
            draft = spool.prepare()
            if draft is not None:
                with suppress(OSError):  # turning will fail as well, and the spool knows then
                    await asyncio.to_thread(draft.write)
            spool.turn(draft)

    async def note_prices(self) -> None:
        """Write down what versions of prices stand for."""
        prices = self._around.prices
        if rows := prices.take_new(int(self._around.clock.wall())):
            try:
                await self._store.note_prices(rows)
            except BaseException as fault:
                prices.give_back(rows)
                if not isinstance(fault, StoreUnavailable):
                    raise

    async def prune(self) -> None:
        """Delete what is too old, if it is time for that."""
        around = self._around
        now = around.clock.steady()
        if now - self._pruned >= PRUNE_EVERY:
            with suppress(StoreUnavailable):
                pruned = await self._store.prune(around.clock.wall(), around.retention)
                self._pruned = now
                if any(pruned.values()):
                    around.log.say("ledger_pruned", **pruned)

    async def _ship(self, segment: Segment) -> None:
        """One segment. Raises StoreUnavailable, and whatever the database says that nobody has foreseen."""
        segment.busy = True
        try:
            await self._ship_file(segment)
        except OSError as fault:  # of the file; what the database has is no OSError any more
            self._lose(segment, fault)
        except StoreUnavailable:
            raise
        except Exception:
            self._spool.put_off(segment)  # it may be the only one
            raise
        finally:
            segment.busy = False

    async def _ship_file(self, segment: Segment) -> None:
        damaged, refused = 0, list[Given]()
        if segment.finals is not None:
            for start in range(0, len(segment.finals), ROWS):
                refused += await self._add(segment.finals[start : start + ROWS])
        else:
            lines = Lines(await asyncio.to_thread(segment.read), last=segment.last)
            while lines.look(AT_ONCE):
                await self._pace.give_way()
            for batch in batches(lines.rows(), ROWS, BYTES):
                refused += await self._add(batch)
            damaged = lines.damaged
            while lines.let_go(AT_ONCE):
                await self._pace.give_way()
        if damaged or refused:
            await self._set_aside(segment, damaged, refused)
        await asyncio.to_thread(segment.delete)
        rows = segment.finals
        self._spool.forget(segment)
        while rows:  # all at once, to free some thousand rows takes as long as to serve a dozen requests
            del rows[-AT_ONCE:]
            await self._pace.give_way()

    async def _add(self, rows: Sequence[Given]) -> list[Given]:
        """Add rows. Those that the database will never take. Raises StoreUnavailable."""
        self._pace.share = BEHIND if self._spool.rows > MANY else SHARE
        waiting: list[Sequence[Given]] = [rows]
        refused: list[Given] = []
        while waiting:
            some = waiting.pop()
            try:
                await self._store.add(some)
            except BadRow:
                if len(some) == 1:
                    refused.append(some[0])
                else:
                    half = len(some) // 2
                    waiting += [some[half:], some[:half]]
            else:
                self._count("rows_shipped_total", len(some))
        return refused

    async def _set_aside(self, segment: Segment, damaged: int, refused: Sequence[Given]) -> None:
        self._around.log.alert("ledger_rows_damaged", unreadable=damaged, refused=len(refused), file=str(segment.path))
        self._count("rows_damaged_total", damaged + len(refused))
        for row in refused:
            written = row if isinstance(row, bytes) else codec.encode(row)
            await asyncio.to_thread(segment.set_row_aside, written)
        if damaged:
            await asyncio.to_thread(segment.set_aside)

    def _lose(self, segment: Segment, fault: OSError) -> None:
        """A file that cannot be read, or not be deleted."""
        spool = self._spool
        self._around.log.alert("ledger_file_unusable", reason=str(fault), file=str(segment.path))
        if isinstance(fault, FileNotFoundError):
            spool.dropped += segment.rows
            spool.forget(segment)
        else:
            spool.put_off(segment)

    def _tell(self) -> None:
        around, spool = self._around, self._spool
        for name, value in (("spool_bytes", spool.size), ("rows_waiting", spool.rows)):
            around.metrics.show(PREFIX + name, value)
        around.metrics.show(PREFIX + "spool_limit_bytes", spool.limit)
        if spool.dropped > self._told:
            dropped, self._told = spool.dropped - self._told, spool.dropped
            self._count("rows_dropped_total", dropped)
            around.log.alert("ledger_rows_dropped", rows=dropped)
        lack = self._lack()
        if lack is not None:
            around.condition.lacks["ledger"] = lack
        else:
            around.condition.lacks.pop("ledger", None)

    def _lack(self) -> str | None:
        spool = self._spool
        if spool.fault is not None:
            return CANNOT_WRITE
        if spool.trouble is not None:
            return CANNOT_TURN
        return FILLING if spool.size > spool.room * NEARLY_FULL else None

    def _count(self, name: str, by: int = 1) -> None:
        self._around.metrics.count(PREFIX + name, by=by)


def _place_of(fault: Exception) -> str:
    """Which exception it is, and where it was raised. Its own words may hold values of rows."""
    frame = extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} in {Path(frame.filename).name}:{frame.lineno}"


@asynccontextmanager
async def shipping(
    spool: Spool, root: Path, store: Rows, around: Surroundings, pace: Pace | None = None
) -> AsyncIterator[None]:
    """Ship while the body runs, and what there is at its end. Closes the spool."""
    shipper = Shipper(spool, root, store, around, pace)
    task = around.tasks.start(shipper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await shipper.finish()


@asynccontextmanager
async def spooling(kept: Kept, settings: Ledger, around: Surroundings, workers: int) -> AsyncIterator[Spool]:
    """The spool of this process, shipped into the database of the store while the body runs.

    `workers`: processes that share the folder, and the room in it. Raises OSError, StoreUnavailable.
    """
    given, database = settings.spool, kept.store.database
    root = Path(given.folder)
    pace = Pace(around.metrics.requests_under_way)
    store = LedgerStore(database, pace)
    await bind(database, root)
    outbox = around.outbox
    spool = Spool(
        root, given.size, refuse=given.when_full == "refuse", workers=workers, soon=outbox.soon if outbox else None
    )
    if outbox is not None:
        outbox.first = spool.flush
    async with shipping(spool, root, store, around, pace):
        yield spool
