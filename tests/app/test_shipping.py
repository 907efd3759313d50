"""From the spool into a database: exactly once, whatever either of them does meanwhile."""

import asyncio
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from proxy import codec
from proxy.accounts.entries import Charge, entry
from proxy.accounts.ledger import Record
from proxy.app import shipping as module
from proxy.app.keeping import Condition
from proxy.app.shipping import CANNOT_TURN, CANNOT_WRITE, EVERY, FILLING, PRUNE_EVERY, REST, Rows, Shipper, shipping
from proxy.app.tasks import Tasks
from proxy.errors import StoreUnavailable
from proxy.pace import BEHIND, SHARE, Pace
from proxy.storage import spool as spool_module
from proxy.storage.ledger import BadRow, Given, LedgerStore
from proxy.storage.ledger_schema import REQUESTS
from proxy.storage.segments import Lines, Segment, adopt, held
from proxy.storage.segments import Place as Folder
from proxy.storage.spool import MANY, Spool
from proxy.telemetry.metrics import Metrics
from proxy.usage import Usage
from tests.storage.databases import Hand, Open, Postgres, opening

__all__ = ["opening"]

LIMIT = 1 << 20


def row(name: str) -> bytes:
    record = Record(name, 1_750_000_000.0, "chat.completions", tenant="acme", key="web", model="kimi", status=200)
    return codec.encode(entry(record, Usage(3, 4, source="upstream"), Charge(5, 6, "v1")))


def name_of(given: Given) -> str:
    return str((codec.decode(given) if isinstance(given, bytes) else given)[0])


class Database:
    """A database whose moods can be set. It keeps what it is given once."""

    def __init__(self) -> None:
        self.rows: dict[str, Given] = {}
        self.batches: list[int] = []
        self.bad: set[str] = set()
        self.fault: Exception | None = None
        self.before: Callable[[], object] = lambda: None
        self.prices: list[Any] = []
        self.pruned: list[tuple[float, Mapping[str, int | None]]] = []

    async def add(self, rows: Sequence[Given]) -> int:
        self.before()
        if self.fault is not None:
            raise self.fault
        names = {name_of(each): each for each in rows}
        if self.bad & names.keys():
            raise BadRow("the database refuses one of these rows")
        self.batches.append(len(rows))
        new = names.keys() - self.rows.keys()
        self.rows |= {name: names[name] for name in sorted(new)}
        return len(new)

    async def note_prices(self, rows: Iterable[Mapping[str, Any]]) -> None:
        if self.fault is not None:
            raise self.fault
        self.prices += rows

    async def prune(self, now: float, kept: Mapping[str, int | None]) -> Mapping[str, int]:
        if self.fault is not None:
            raise self.fault
        self.pruned.append((now, kept))
        return {"requests": len(self.pruned)}


class Log:
    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def say(self, event: str, **details: Any) -> None:
        self.said.append((event, details))

    alert = say

    def events(self) -> list[str]:
        return [event for event, _ in self.said]


class Prices:
    """Versions of prices that are new."""

    def __init__(self) -> None:
        self.new: list[dict[str, Any]] = []

    def take_new(self, now: int) -> list[dict[str, Any]]:
        taken, self.new = self.new, []
        return [{**each, "seen_at": now} for each in taken]

    def give_back(self, rows: list[dict[str, Any]]) -> None:
        self.new += [{"version": each["version"]} for each in rows]


class Place:
    """A spool, a database and a shipper between them, moved by hand."""

    def __init__(self, root: Path, store: Rows | None = None, limit: int = LIMIT) -> None:
        self.root = root
        self.spool = Spool(root, limit, refuse=False)
        self.database = Database()
        self.log, self.prices, self.condition, self.hand = Log(), Prices(), Condition(), Hand()
        self.metrics = Metrics(lambda _: True, lambda _: True)
        self.failed: list[BaseException] = []
        self.tasks = Tasks(self.failed.append)
        self.pauses: asyncio.Queue[float] = asyncio.Queue()
        self.turns = asyncio.Semaphore(0)
        around: Any = SimpleNamespace(
            log=self.log,
            metrics=self.metrics,
            condition=self.condition,
            tasks=self.tasks,
            prices=self.prices,
            clock=self.hand.clock,
            retention={"requests": 30},
            pause=self.pause,
        )
        self.around = around
        self.store: Rows = store or self.database
        self.shipper = Shipper(self.spool, root, self.store, self.around)

    async def pause(self, seconds: float) -> None:
        await self.pauses.put(seconds)
        await self.turns.acquire()

    def end(self, *names: str) -> None:
        for name in names:
            self.spool.begin(name, row(name))
            self.spool.end(name, row(name))

    def metric(self, name: str) -> float:
        text = self.metrics.render()[0].decode()
        (line,) = [each for each in text.splitlines() if each.startswith(f"telnyx_proxy_ledger_{name} ")]
        return float(line.split()[1])

    def damaged(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.root.glob("*.damaged"))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "spool")
    yield made
    if made.spool._file >= 0:
        made.spool.close()
    made.metrics.close()


async def test_what_has_ended_is_shipped_and_deleted(place: Place) -> None:
    place.spool.begin("open", row("open"))
    place.end("a", "b")
    await place.shipper.look()
    assert list(place.database.rows) == ["a", "b"]
    assert (place.spool.rows, place.spool.kept) == (0, 0)
    assert (place.metric("rows_shipped_total"), place.metric("rows_waiting")) == (2, 0)
    assert place.metric("spool_bytes") == len(row("open")) + 12
    assert place.metric("spool_limit_bytes") == LIMIT
    await place.shipper.look()
    assert place.database.batches == [2]


async def test_batches_have_bounds_and_so_has_what_is_read_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 3)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    place.end(*map(str, range(8)))
    await place.shipper.look()
    assert place.database.batches == [3, 3, 2]


async def test_while_the_database_is_away_traffic_goes_on_and_is_caught_up_with(place: Place) -> None:
    place.database.fault = StoreUnavailable("gone")
    for number in range(500):
        place.end(str(number))
        if number % 10 == 0:
            await place.shipper.look()
    assert place.metric("ship_failures_total") == 50
    assert (place.database.rows, place.spool.rows) == ({}, 500)
    await place.shipper.look()
    assert place.metric("rows_waiting") == 500
    place.database.fault = None
    await place.shipper.look()
    await place.shipper.look()
    assert len(place.database.rows) == 500
    assert place.spool.rows == place.spool.kept == 0
    assert place.condition.lacks == {}


async def test_a_spool_that_fills_is_told_and_then_forgets_the_oldest(tmp_path: Path) -> None:
    place = Place(tmp_path, limit=100_000)
    place.database.fault = StoreUnavailable("gone")
    told: list[str | None] = []
    for number in range(1000):
        place.end(str(number))
        if number % 10 == 0:
            await place.shipper.look()
            told.append(place.condition.lacks.get("ledger"))
        assert place.spool.size <= 100_000
    await place.shipper.look()
    assert told[0] is None
    assert told[-1] == FILLING
    dropped = int(place.metric("rows_dropped_total"))
    assert dropped == sum(details["rows"] for event, details in place.log.said if event == "ledger_rows_dropped")
    place.database.fault = None
    for _ in range(2):
        await place.shipper.look()
    assert set(place.database.rows) == {str(number) for number in range(dropped, 1000)}
    assert place.condition.lacks == {}
    place.spool.close()
    place.metrics.close()


async def test_a_row_that_the_database_will_never_take_does_not_block_the_others(place: Place) -> None:
    place.database.bad = {"3", "77"}
    place.end(*map(str, range(100)))
    await place.shipper.look()
    assert len(place.database.rows) == 98
    assert place.spool.kept == 0
    (aside,) = place.damaged()
    lines = Lines(aside, last=False)
    lines.look(10)
    assert lines.rows() == [row("3"), row("77")]
    assert (place.metric("rows_damaged_total"), place.metric("rows_shipped_total")) == (2, 98)
    assert "ledger_rows_damaged" in place.log.events()


def rows_of(*names: str) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(codec.decode(row(name))) for name in names}


def end_remembered(spool: Spool, *names: str) -> None:
    for name, final in rows_of(*names).items():
        spool.end(name, row(name), final)


async def test_what_the_process_wrote_itself_is_not_read_again(place: Place) -> None:
    end_remembered(place.spool, "a", "b", "bad", "c")
    place.database.bad = {"bad"}
    place.spool.turn()
    place.spool.closed[0].path.write_bytes(b"nobody reads this")
    await place.shipper.look()
    assert place.database.rows == rows_of("a", "b", "c")
    (aside,) = place.damaged()
    lines = Lines(aside, last=False)
    lines.look(10)
    assert lines.rows() == [row("bad")]
    assert (place.spool.kept, place.metric("rows_shipped_total")) == (0, 3)


async def test_only_so_many_rows_are_remembered_and_the_others_are_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "REMEMBERED", 3)
    for names in ("ab", "cd", "e"):  # the second is one too many
        end_remembered(place.spool, *names)
        place.spool.turn()
    assert [segment.finals is not None for segment in place.spool.closed] == [True, False, True]
    await place.shipper.look()
    end_remembered(place.spool, *"fgh")
    place.spool.turn()
    assert place.spool.closed[0].finals == [*rows_of(*"fgh").values()], "those that were shipped make room"
    await place.shipper.look()
    assert sorted(place.database.rows) == [*"abcdefgh"]


async def test_what_was_remembered_is_let_go_of_in_slices(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    end_remembered(place.spool, *"abcde")
    place.spool.turn()
    rows = place.spool.closed[0].finals or []
    left: list[int] = []

    class Watched(Pace):
        async def give_way(self) -> None:
            assert not place.spool.closed
            left.append(len(rows))

    await Shipper(place.spool, place.root, place.store, place.around, Watched()).look()
    assert left == [3, 1, 0]
    assert sorted(place.database.rows) == [*"abcde"]


async def test_rows_that_came_back_from_a_full_disk_are_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered must be what is in the file, or what is not shipped would be deleted with it."""
    end_remembered(place.spool, "a")
    place.spool.fault = OSError("full")
    end_remembered(place.spool, "b")
    place.spool.turn()
    end_remembered(place.spool, "c")
    place.spool.turn()
    assert [segment.finals for segment in place.spool.closed] == [None, None]
    await place.shipper.look()
    assert sorted(place.database.rows) == [*"abc"]


async def test_a_segment_that_is_full_has_the_row_that_filled_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 40_000, refuse=False)
    names = [str(number) for number in range(60)]
    end_remembered(spool, *names)
    spool.turn()
    assert len(spool.closed) > 1
    for segment in spool.closed:
        lines = Lines(segment.read(), last=False)
        lines.look(100)
        assert [codec.encode(final) for final in segment.finals or ()] == lines.rows()
    spool.close()


async def test_a_row_with_what_no_database_takes_is_read_as_it_is_cleaned(place: Place) -> None:
    final = (*rows_of("a")["a"][:9], "nul \0", *rows_of("a")["a"][10:])
    place.spool.end("a", codec.encode(final), final)
    place.spool.turn()
    assert place.spool.closed[0].finals is None


async def test_a_damaged_line_is_set_aside_and_the_rest_is_shipped(place: Place) -> None:
    place.end("a", "b", "c")
    place.spool.turn()
    path = place.spool.closed[0].path
    path.write_bytes(path.read_bytes().replace(b"e ", b"e!", 1) + b"e torn")
    await place.shipper.look()
    assert sorted(place.database.rows) == ["b", "c"]
    assert len(place.damaged()) == 1
    assert place.metric("rows_damaged_total") == 1
    assert not path.exists()


async def test_whatever_else_the_database_says_nothing_is_lost(place: Place) -> None:
    place.end("a")
    place.spool.turn()
    place.end("b")
    place.spool.turn()
    place.database.fault = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await place.shipper.look()
    assert place.metric("ship_failures_total") == 1
    place.database.fault = None
    await place.shipper.look()
    assert list(place.database.rows) == ["b", "a"]  # the other one first, should one alone be to blame


async def test_a_file_that_has_gone_is_counted(place: Place) -> None:
    place.end("a", "b")
    place.spool.turn()
    place.spool.closed[0].path.unlink()
    await place.shipper.look()
    assert place.metric("rows_dropped_total") == 2
    assert place.log.events() == ["ledger_file_unusable", "ledger_rows_dropped"]
    assert not place.spool.closed


async def test_a_file_that_cannot_be_read_is_put_off(place: Place) -> None:
    place.end("a")
    place.spool.turn()
    first = place.spool.closed[0]
    place.end("b")
    place.spool.turn()
    content = first.path.read_bytes()
    first.path.unlink()
    first.path.mkdir()
    await place.shipper.look()
    assert list(place.database.rows) == ["b"]
    first.path.rmdir()
    first.path.write_bytes(content)
    await place.shipper.look()
    assert list(place.database.rows) == ["b", "a"]


async def test_what_is_forgotten_while_others_are_shipped_is_no_fault(tmp_path: Path) -> None:
    place = Place(tmp_path, limit=80_000)
    place.end(*map(str, range(120)))
    assert len(place.spool.closed) > 1

    def more() -> None:
        for number in range(300):
            place.end(f"more{number}")
        place.database.before = lambda: None

    place.database.before = more
    for _ in range(3):
        await place.shipper.look()
    assert len(place.database.rows) + place.metric("rows_dropped_total") == 420
    assert {"0", "more299"} <= place.database.rows.keys()
    place.spool.close()
    place.metrics.close()


async def test_many_under_way_are_carried_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MANY + 1):
        place.spool.begin(str(number), row(str(number)))
    place.spool.end("0", row("0"))
    place.spool.begin("x", row("x"))
    await place.shipper.look()
    assert list(place.database.rows) == ["0"]
    shutil.rmtree(place.root)
    place.spool.end("1", row("1"))
    await place.shipper.look()
    assert list(place.database.rows) == ["0", "1"]
    place.spool.close()
    assert sum(segment.size > 0 for _, segments in adopt(place.root) for segment in segments) == 1


async def test_what_cannot_be_written_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.spool.fault = place.spool.trouble = OSError("full")
    shutil.rmtree(place.root)
    place.root.touch()
    await place.shipper.look()
    assert place.condition.lacks["ledger"] == CANNOT_WRITE
    place.spool.fault = None
    place.shipper._tell()
    assert place.condition.lacks["ledger"] == CANNOT_TURN
    place.root.unlink()
    place.end("a")
    await place.shipper.look()
    assert list(place.database.rows) == ["a"]
    assert place.condition.lacks == {}


async def test_dead_processes_are_adopted_once(place: Place) -> None:
    dead = Spool(place.root, LIMIT, refuse=False)
    dead.end("a", row("a"))
    dead.turn()
    dead.begin("b", row("b"))
    living = Spool(place.root, LIMIT, refuse=False)
    living.begin("c", row("c"))
    dead.close()
    other = Place(place.root)
    await asyncio.gather(place.shipper.adopt(), other.shipper.adopt())
    await asyncio.gather(place.shipper.look(), other.shipper.look())
    assert sorted([*place.database.rows, *other.database.rows]) == ["a", "b"]
    assert [*place.log.events(), *other.log.events()].count("ledger_adopted") == 1
    assert not dead._place.folder.exists()
    living.close()
    other.spool.close()
    other.metrics.close()


async def test_who_adopts_what_several_left_has_their_room_and_gives_it_back(tmp_path: Path) -> None:
    limit, most = 400_000, 190_000
    for _ in range(2):
        dead = Spool(tmp_path, limit, refuse=False, workers=2)
        number = 0
        while dead.size < most - 2 * limit // 16:
            dead.end(name := f"{dead._place.folder.name}-{number}", row(name))
            number += 1
        assert dead.dropped == 0
        dead.close()
    there = held(tmp_path)
    place = Place(tmp_path)
    place.spool.close()
    place.spool = place.shipper._spool = Spool(tmp_path, limit, refuse=False, workers=2)
    await place.shipper.adopt()
    assert (place.spool.dropped, place.spool.kept) == (0, there), "all of it had room before"
    other = Spool(tmp_path, limit, refuse=False, workers=2)
    while other.size < most - 2 * limit // 16:
        other.end("new", row("new"))
    await place.shipper.adopt()
    assert place.spool.dropped > 0
    assert other.size + place.spool.size <= limit
    assert (other.dropped, other.room) == (0, limit // 2)
    other.close()
    place.spool.close()
    place.metrics.close()


async def test_what_one_dead_process_left_that_cannot_be_had_does_not_hide_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = [Spool(place.root, LIMIT, refuse=False) for _ in range(3)]
    for number, each in enumerate(dead):
        each.end(str(number), row(str(number)))
        each.close()
    bad, segments = dead[1]._place.folder, Folder.segments

    def fails(folder: Folder) -> list[Segment]:
        if folder.folder == bad:
            raise PermissionError("not ours")
        return segments(folder)

    monkeypatch.setattr(Folder, "segments", fails)
    await place.shipper.adopt()
    await place.shipper.look()
    assert sorted(place.database.rows) == ["0", "2"]
    assert place.log.events().count("ledger_spool_unreadable") == 1
    monkeypatch.undo()
    await place.shipper.adopt()
    await place.shipper.look()
    assert sorted(place.database.rows) == ["0", "1", "2"], "its lock was given up"


async def test_a_spool_that_cannot_be_looked_at_is_told(place: Place) -> None:
    shutil.rmtree(place.root)
    await place.shipper.adopt()
    assert place.log.events() == ["ledger_spool_unreadable"]


async def test_what_prices_stand_for_is_written_down(place: Place) -> None:
    place.prices.new = [{"version": "v1"}]
    place.database.fault = StoreUnavailable("gone")
    await place.shipper.note_prices()
    place.database.fault = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await place.shipper.note_prices()
    place.database.fault = None
    await place.shipper.note_prices()
    await place.shipper.note_prices()
    assert place.database.prices == [{"version": "v1", "seen_at": int(place.hand.now)}]


async def test_what_is_too_old_is_deleted_every_hour(place: Place) -> None:
    place.database.fault = StoreUnavailable("gone")
    await place.shipper.prune()
    place.database.fault = None
    for _ in range(2):
        await place.shipper.prune()
    assert place.database.pruned == [(place.hand.now, {"requests": 30})]
    place.hand.now += PRUNE_EVERY
    await place.shipper.prune()
    assert len(place.database.pruned) == 2
    assert place.log.events() == ["ledger_pruned", "ledger_pruned"]


async def test_shipping_goes_on_whatever_happens_until_the_end(place: Place) -> None:
    dead = Spool(place.root, LIMIT, refuse=False)
    dead.begin("dead", row("dead"))
    dead.close()
    place.database.fault = RuntimeError("a bug")
    async with shipping(place.spool, place.root, place.store, place.around):
        assert await place.pauses.get() == EVERY
        reasons = [details["reason"] for event, details in place.log.said if event == "ledger_shipping_failed"]
        assert reasons[0].startswith("RuntimeError in test_shipping.py:"), "where, and none of its words"
        place.database.fault = None
        place.turns.release()
        await place.pauses.get()
        assert list(place.database.rows) == ["dead"]
        place.end("a")
    assert sorted(place.database.rows) == ["a", "dead"]
    assert list(place.root.iterdir()) == []
    assert place.failed == []
    await place.tasks.close()


async def test_what_is_behind_is_shipped_with_less_regard_for_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    pace, shares = Pace(), list[float]()
    place.database.before = lambda: shares.append(pace.share)
    shipper = Shipper(place.spool, place.root, place.store, place.around, pace)
    for rows in (3, 2):
        for number in range(rows):
            place.end(f"{rows}/{number}")
        await shipper.look()
    assert shares == [BEHIND, SHARE]


async def waited(place: Place, row: str) -> float:
    """Seconds of pauses until a row is shipped."""
    total = 0.0
    while True:
        pause = await place.pauses.get()
        if row in place.database.rows:
            return total
        total += pause
        place.hand.now += pause
        place.turns.release()


@pytest.mark.parametrize(("took", "rest"), [(0.0, EVERY), (0.25, EVERY - 0.25), (EVERY, REST), (60.0, REST)])
async def test_a_look_begins_every_second_however_long_the_last_one_took(
    place: Place, took: float, rest: float
) -> None:
    def pass_time() -> None:
        place.hand.now += took

    place.end("a")
    place.database.before = pass_time
    async with shipping(place.spool, place.root, place.store, place.around):
        await place.pauses.get()
        place.end("b")
        place.hand.now += REST
        place.turns.release()
        assert await waited(place, "b") == pytest.approx(rest - REST, abs=0.001)
    await place.tasks.close()


@pytest.mark.parametrize(("rows", "rest"), [(2, EVERY - REST), (3, 0.0)])
async def test_where_a_whole_batch_waits_the_next_look_begins_sooner(
    place: Place, monkeypatch: pytest.MonkeyPatch, rows: int, rest: float
) -> None:
    monkeypatch.setattr(module, "ROWS", 3)
    async with shipping(place.spool, place.root, place.store, place.around):
        assert await place.pauses.get() == REST
        for number in range(rows):
            place.end(str(number))
        place.hand.now += REST
        place.turns.release()
        assert await waited(place, "0") == pytest.approx(rest, abs=0.001)
    await place.tasks.close()


@pytest.mark.parametrize("fault", [StoreUnavailable("gone"), RuntimeError("a bug")])
async def test_a_database_that_fails_slowly_is_left_alone_for_a_second(place: Place, fault: Exception) -> None:
    def pass_time() -> None:
        place.hand.now += 5.0

    place.end("a")
    place.database.before, place.database.fault = pass_time, fault
    async with shipping(place.spool, place.root, place.store, place.around):
        assert await place.pauses.get() == EVERY
        place.database.fault = None
        place.turns.release()
        assert await place.pauses.get() == REST
    await place.tasks.close()


async def test_what_could_not_be_written_down_until_the_end_is_told(place: Place) -> None:
    async with shipping(place.spool, place.root, place.store, place.around):
        await place.pauses.get()
        place.spool.begin("a", row("a"))
        shutil.rmtree(place.root)
        place.root.touch()
        place.spool.fault = OSError("full")
        place.end("b")
    assert place.log.said[-1] == ("ledger_rows_dropped", {"rows": 1})
    assert place.metric("rows_dropped_total") == 1


async def test_at_the_end_a_database_that_hangs_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST", 0.05)
    forever = asyncio.Event()

    async def add(rows: Sequence[Given]) -> int:
        return int(await forever.wait())

    monkeypatch.setattr(place.database, "add", add)
    async with shipping(place.spool, place.root, place.store, place.around):
        await place.pauses.get()
        place.end("a")
    ((left, segments),) = adopt(place.root)
    assert [segment.rows for segment in segments] == [1]
    left.leave()


@pytest.fixture(params=["sqlite", "postgres"])
async def real(request: pytest.FixtureRequest, tmp_path: Path, opening: Open) -> LedgerStore:
    url = f"sqlite:///{tmp_path}/proxy.db"
    if request.param == "postgres":
        url = await request.getfixturevalue("postgres").create()
    return LedgerStore(await opening(url))


async def names(store: LedgerStore) -> list[str]:
    async with store.database.connect() as connection:
        return sorted((await connection.execute(select(REQUESTS.c.id))).scalars())


async def test_a_real_database_has_each_request_once(real: LedgerStore, tmp_path: Path) -> None:
    place = Place(tmp_path / "spool", real)
    place.end("a", "b")
    place.spool.turn()
    segment = place.spool.closed[0]
    content = segment.path.read_bytes()
    await place.shipper.look()
    segment.path.write_bytes(content)
    place.spool.closed.append(segment)
    place.end("c")
    await place.shipper.look()
    await place.shipper.look()
    assert await names(real) == ["a", "b", "c"]
    bad = codec.encode(["too short"])
    place.spool.end("too short", bad)
    place.end("d")
    await place.shipper.look()
    assert await names(real) == ["a", "b", "c", "d"]
    assert place.metric("rows_damaged_total") == 1
    place.spool.close()
    place.metrics.close()


async def test_a_postgresql_that_stops_is_caught_up_with(postgres: Postgres, opening: Open, tmp_path: Path) -> None:
    store = LedgerStore(await opening(await postgres.create(), patience=1.0))
    place = Place(tmp_path / "spool", store)
    place.end("a")
    await place.shipper.look()
    await postgres.stop()
    try:
        place.end("b", "c")
        await place.shipper.look()
        place.end("d")
        await place.shipper.look()
        assert place.metric("ship_failures_total") == 2
        assert place.spool.rows == 3
    finally:
        await postgres.start()
    for _ in range(3):
        await place.shipper.look()
    assert await names(store) == ["a", "b", "c", "d"]
    place.spool.close()
    place.metrics.close()
