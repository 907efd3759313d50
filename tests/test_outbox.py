"""What a turn of the event loop writes: what goes first, what goes together, and what waits for nobody."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from proxy.naps import Naps
from proxy.outbox import ALONE, LARGE, TOGETHER, TRIED, Outbox


class UnderWay:
    """So many requests."""

    def __init__(self, value: float) -> None:
        self.value = value


class Counted(Naps):
    """Naps that are no naps: what an outbox said to them. `near` is what the test says."""

    def __init__(self, happened: list[str]) -> None:
        super().__init__()
        self.counted: list[int] = []
        self._happened = happened

    def count(self, pieces: int) -> None:
        self.counted.append(pieces)

    def take(self, posted: int) -> None:
        self._happened.append(f"nap behind {posted}")


class Desk:
    """An outbox, and in which order what became of it."""

    def __init__(self, under_way: float = ALONE + 1) -> None:
        self.happened: list[str] = []
        self.gauge = UnderWay(under_way)
        self.naps = Counted(self.happened)
        self.outbox = Outbox(self.gauge, self.naps)
        self.outbox.first = lambda: self.happened.append("first")

    def socket(self, name: str, *, gone: bool = False, then: Callable[[], None] = lambda: None) -> Any:
        """A transport that says what is written to it."""
        return cast("Any", Socket(self.happened, name, gone=gone, then=then))


class Socket:
    def __init__(self, happened: list[str], name: str, *, gone: bool, then: Callable[[], None]) -> None:
        self._happened, self._name, self._gone, self._then = happened, name, gone, then

    def is_closing(self) -> bool:
        return self._gone

    def write(self, data: bytes) -> None:
        self._happened.append(self._name + data[:8].decode())
        self._then()

    def abort(self) -> None:
        self._happened.append(self._name + " aborted")


async def turn() -> None:
    await asyncio.sleep(0)


async def test_all_of_a_turn_goes_out_at_its_end_behind_what_has_to_be_first() -> None:
    desk = Desk()
    one, two = desk.socket("one"), desk.socket("two")
    desk.outbox.post(one, b"-a")
    desk.outbox.post(two, b"-b")
    desk.outbox.post(one, b"-c")
    assert desk.happened == []
    await turn()
    assert desk.happened == ["first", "one-a", "two-b", "one-c"]
    await turn()
    assert desk.happened[4:] == []


@pytest.mark.parametrize("under_way", range(ALONE + 1))
async def test_where_nothing_else_is_under_way_nothing_waits(under_way: int) -> None:
    desk = Desk(under_way)
    assert not desk.outbox.soon()
    desk.outbox.post(desk.socket("one"), b"-a")
    assert desk.happened == ["one-a"]
    await turn()
    assert desk.happened == ["one-a"]


async def test_lone_pieces_that_meet_nobody_wait_now_and_then_to_find_out_whether_that_is_so_still() -> None:
    desk = Desk()
    one, two = desk.socket("one"), desk.socket("two")
    desk.outbox.post(one, b"-a", lone=True)
    assert desk.happened == []
    await turn()
    for _ in range(TRIED):
        desk.happened.clear()
        desk.outbox.post(one, b"-b", lone=True)
        assert desk.happened == ["one-b"]
    for name in "cd":  # two at a time from now on
        desk.happened.clear()
        desk.outbox.post(one, f"-{name}".encode(), lone=True)
        desk.outbox.post(two, f"-{name}".encode(), lone=True)
        assert desk.happened == []
        await turn()
        assert desk.happened == ["first", f"one-{name}", f"two-{name}"]


async def test_where_lone_pieces_come_closely_they_wait_and_the_loop_naps_when_they_have_gone_out() -> None:
    desk = Desk()
    one, two = desk.socket("one"), desk.socket("two")
    desk.naps.near = True
    for _ in range(3):  # also behind one that met nobody
        desk.happened.clear()
        desk.outbox.post(one, b"-a", lone=True)
        assert desk.happened == []
        await turn()
        assert desk.happened == ["first", "one-a", "nap behind 1"]
    desk.outbox.post(two, b"-b")
    desk.outbox.post(one, b"-c", lone=True)
    await turn()
    assert desk.happened[3:] == ["first", "two-b", "one-c", "nap behind 2"]
    assert desk.naps.counted == [1, 1, 1, 1]


async def test_nobody_naps_for_anything_else() -> None:
    desk = Desk()
    desk.naps.near = True
    desk.outbox.post(desk.socket("one"), b"-a")
    desk.outbox.post(desk.socket("two"), b"-b")
    await turn()
    assert desk.happened == ["first", "one-a", "two-b"]
    assert desk.naps.counted == []


async def test_all_lone_pieces_are_counted_and_each_once() -> None:
    desk = Desk()
    one = desk.socket("one")
    desk.outbox.post(one, b"-a", lone=True)
    await turn()
    assert desk.naps.counted == [1 + TRIED]  # those that will not wait are counted already
    for _ in range(3):
        desk.outbox.post(one, b"-b", lone=True)
    desk.outbox.soon()  # something has to go out first: the next one waits, before its time
    desk.outbox.post(one, b"-c", lone=True)
    await turn()
    assert desk.naps.counted[1:] == [1 + 3]
    desk.outbox.soon()
    desk.outbox.post(one, b"-d", lone=True)
    desk.outbox.post(one, b"-e", lone=True)
    await turn()
    assert desk.naps.counted[2:] == [2]


async def test_what_went_out_before_the_end_of_a_turn_belongs_to_it() -> None:
    desk = Desk()
    desk.naps.near = True
    for _ in range(3):
        desk.outbox.post(desk.socket("one"), b"-a", lone=True)
    desk.outbox.flush()
    await turn()
    assert desk.naps.counted == [3]
    assert desk.happened[-1] == "nap behind 3"


async def test_a_turn_whose_pieces_went_out_before_its_end_says_nothing_of_whether_they_meet() -> None:
    desk = Desk()
    one = desk.socket("one")
    desk.outbox.post(one, b"-a", lone=True)
    desk.outbox.post(one, b"-b", lone=True)
    desk.outbox.flush()
    await turn()
    desk.happened.clear()
    desk.outbox.post(one, b"-c", lone=True)
    assert desk.happened == []


async def test_lone_pieces_overtake_nobody_who_waits() -> None:
    desk = Desk()
    desk.outbox.post(desk.socket("one"), b"-a", lone=True)
    await turn()
    desk.happened.clear()
    desk.outbox.post(desk.socket("two"), b"-b")
    desk.outbox.post(desk.socket("one"), b"-c", lone=True)
    assert desk.happened == []
    await turn()
    assert desk.happened == ["first", "two-b", "one-c"]


async def test_who_is_alone_by_now_does_not_overtake_those_who_wait() -> None:
    desk = Desk()
    desk.outbox.post(desk.socket("one"), b"-a")
    desk.gauge.value = ALONE
    desk.outbox.post(desk.socket("two"), b"-b")
    assert desk.happened == []
    await turn()
    assert desk.happened == ["first", "one-a", "two-b"]


async def test_what_is_large_goes_out_at_once_behind_all_that_waits() -> None:
    desk = Desk()
    desk.outbox.post(desk.socket("one"), b"-a")
    desk.outbox.post(desk.socket("two"), b"-" + b"b" * (LARGE - 2))
    assert desk.happened == []
    desk.outbox.post(desk.socket("three"), b"-" + b"c" * (LARGE - 1))
    assert desk.happened == ["first", "one-a", "two-bbbbbbb", "three-ccccccc"]


async def test_whoever_wants_something_done_first_has_it_done_without_a_socket() -> None:
    desk = Desk()
    assert desk.outbox.soon()
    assert desk.outbox.soon()
    assert desk.happened == []
    await turn()
    assert desk.happened == ["first"]


async def test_a_flush_leaves_nothing_for_the_end_of_the_turn() -> None:
    desk = Desk()
    desk.outbox.post(desk.socket("one"), b"-a")
    desk.outbox.flush()
    assert desk.happened == ["first", "one-a"]
    desk.outbox.post(desk.socket("one"), b"-b")
    await turn()
    assert desk.happened == ["first", "one-a", "first", "one-b"]


async def test_a_connection_that_is_gone_gets_nothing_and_stops_nobody() -> None:
    desk = Desk()
    desk.outbox.post(desk.socket("one", gone=True), b"-a")
    desk.outbox.post(desk.socket("two"), b"-b")
    await turn()
    assert desk.happened == ["first", "two-b"]


async def test_so_much_waits_at_most() -> None:
    desk = Desk()
    one = desk.socket("one")
    for _ in range(2):
        for _ in range(TOGETHER // 1000):
            desk.outbox.post(one, b"x" * 1000)
        assert desk.happened == []
        desk.outbox.post(one, b"x" * 1000)
        assert desk.happened.count("one" + "x" * 8) == TOGETHER // 1000 + 1
        desk.happened.clear()


async def test_a_write_that_fails_ends_its_connection_and_costs_nobody_else_anything() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    fault = RuntimeError("of the library")
    desk = Desk()

    def fail() -> None:
        raise fault

    desk.outbox.post(desk.socket("one", then=fail), b"-a")
    desk.outbox.post(desk.socket("two"), b"-b")
    await turn()
    assert desk.happened == ["first", "one-a", "one aborted", "two-b"]
    assert told == [fault]


async def test_what_is_posted_while_others_are_written_goes_out_in_the_next_turn() -> None:
    desk = Desk()
    second = desk.socket("two")
    desk.outbox.post(desk.socket("one", then=lambda: desk.outbox.post(second, b"-b")), b"-a")
    await turn()
    assert desk.happened == ["first", "one-a"]
    await turn()
    assert desk.happened == ["first", "one-a", "first", "two-b"]


async def test_without_a_gauge_nothing_waits() -> None:
    desk, outbox = Desk(), Outbox()
    outbox.post(desk.socket("one"), b"-a")
    assert desk.happened == ["one-a"]
