"""Places for requests: first come, first served, and nothing is lost when somebody gives up."""

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest

from proxy.accounts.limits import Places
from proxy.errors import LimitReached
from proxy.storage.places import Room, Rooms, _expire


def gate(limit: int = 1, queue: int = 10, name: str = "p") -> Places:
    return Places(name, f"key {name}", limit, queue)


async def enter(rooms: Rooms, *gates: Places) -> None:
    left = rooms.enter(gates)
    if left:
        await rooms.wait(gates, left)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0)


async def queue_up(rooms: Rooms, tasks: asyncio.TaskGroup, gates: Sequence[Places]) -> asyncio.Task[None]:
    """Somebody who waits; returns once that one stands in the queue of the last gate."""
    before = rooms.waiting(gates[-1].id)
    task = tasks.create_task(enter(rooms, *gates))
    await until(lambda: rooms.waiting(gates[-1].id) > before)
    return task


async def test_free_places_are_taken_without_waiting() -> None:
    rooms = Rooms()
    assert rooms.enter([gate(2), gate(2, name="q")]) == ()
    assert rooms.enter([gate(2)]) == ()
    assert list(rooms.enter([gate(2), gate(2, name="q")])) == [gate(2), gate(2, name="q")]
    assert rooms.waiting("nobody") == 0


async def test_a_place_goes_to_the_first_who_waits_and_to_nobody_in_between() -> None:
    rooms, served = Rooms(), list[int]()

    async def one(number: int) -> None:
        await enter(rooms, gate())
        served.append(number)

    rooms.enter([gate()])
    async with asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(one(number))
            await until(lambda: rooms.waiting("p") == number + 1)  # noqa: B023 - awaited at once
        for number in range(4):
            rooms.leave([gate()])
            assert rooms.enter([gate()])  # it has been handed on already
            await until(lambda: len(served) == number + 1)  # noqa: B023 - awaited at once
    assert served == [0, 1, 2, 3]
    rooms.leave([gate()])
    assert len(rooms) == 0


async def test_a_full_queue_refuses_at_once() -> None:
    rooms = Rooms()
    rooms.enter([gate(queue=1)])
    with pytest.raises(LimitReached, match="Limit 1, Used 1, Waiting 0"):
        await enter(rooms, gate(queue=0))
    async with asyncio.TaskGroup() as tasks:
        await queue_up(rooms, tasks, [gate(queue=1)])
        with pytest.raises(LimitReached, match="Waiting 1") as caught:
            await enter(rooms, gate(queue=1))
        rooms.leave([gate()])
    assert (caught.value.retry_after, caught.value.limit) == (1.0, "concurrent")


async def test_nobody_waits_for_ever() -> None:
    rooms = Rooms(patience=0.01)
    rooms.enter([gate()])
    with pytest.raises(LimitReached):
        await enter(rooms, gate())
    assert rooms.waiting("p") == 0
    rooms.leave([gate()])
    assert len(rooms) == 0


async def test_who_gives_up_leaves_the_queue() -> None:
    rooms = Rooms()
    rooms.enter([gate()])
    async with asyncio.TaskGroup() as tasks:
        first = await queue_up(rooms, tasks, [gate()])
        second = await queue_up(rooms, tasks, [gate()])
        first.cancel()
        await until(first.done)
        assert rooms.waiting("p") == 1
        rooms.leave([gate()])
        await second
    rooms.leave([gate()])
    assert len(rooms) == 0


async def test_who_gives_up_in_the_very_moment_of_being_served_hands_the_place_on() -> None:
    rooms = Rooms()
    rooms.enter([gate()])
    async with asyncio.TaskGroup() as tasks:
        first = await queue_up(rooms, tasks, [gate()])
        second = await queue_up(rooms, tasks, [gate()])
        rooms.leave([gate()])  # handed to the first, which has not run since
        first.cancel()
        await second
    assert first.cancelled()
    rooms.leave([gate()])
    assert len(rooms) == 0


async def test_a_place_is_not_handed_to_one_that_has_just_given_up() -> None:
    rooms = Rooms()
    rooms.enter([gate()])
    async with asyncio.TaskGroup() as tasks:
        first = await queue_up(rooms, tasks, [gate()])
        second = await queue_up(rooms, tasks, [gate()])
        first.cancel()  # and has not run since
        rooms.leave([gate()])
        await second
    rooms.leave([gate()])
    assert len(rooms) == 0


async def test_one_that_waits_for_its_second_place_gives_the_first_back_when_refused() -> None:
    rooms, narrow, wide = Rooms(patience=0.01), gate(5, name="key"), gate(1, name="tenant")
    rooms.enter([wide])
    with pytest.raises(LimitReached, match="key tenant"):
        await enter(rooms, narrow, wide)
    assert len(rooms) == 1
    rooms.leave([wide])
    assert len(rooms) == 0


async def test_one_that_has_waited_for_one_place_waits_for_the_next() -> None:
    rooms, narrow, wide = Rooms(), gate(1, name="key"), gate(1, name="tenant")
    rooms.enter([narrow])
    rooms.enter([wide])
    async with asyncio.TaskGroup() as tasks:
        first = await queue_up(rooms, tasks, [narrow])
        second = tasks.create_task(enter(rooms, narrow, wide))
        await until(lambda: rooms.waiting("key") == 2)
        rooms.leave([narrow])
        await first
        rooms.leave([narrow])
        await until(lambda: rooms.waiting("tenant") == 1)
        rooms.leave([wide])
        await second
    rooms.leave([narrow, wide])
    assert len(rooms) == 0


async def test_a_raised_limit_serves_those_that_wait_and_a_lowered_one_takes_nothing_away() -> None:
    rooms = Rooms()
    rooms.enter([gate(1)])
    async with asyncio.TaskGroup() as tasks:
        waiting = [await queue_up(rooms, tasks, [gate(1)]) for _ in range(2)]
        assert rooms.enter([gate(3)])  # two places more: both go to those that waited
        await asyncio.gather(*waiting)
    assert rooms.enter([gate(1)])
    rooms.leave([gate(1)])
    rooms.leave([gate(1)])
    assert rooms.enter([gate(1)])
    rooms.leave([gate(1)])
    assert len(rooms) == 0


async def test_one_whose_time_is_up_is_passed_over() -> None:
    """Its timer has run, it has not: the place goes to the next."""
    room, loop = Room(), asyncio.get_running_loop()
    room.limit = room.taken = 1
    late, next_ = loop.create_future(), loop.create_future()
    late.set_result(False)
    room.waiting.extend([late, next_])
    room.give_back()
    assert (late.result(), next_.result(), room.taken) == (False, True, 1)


async def test_a_timer_that_comes_too_late_changes_nothing() -> None:
    """It runs in the same turn of the event loop in which the place was handed over."""
    place = asyncio.get_running_loop().create_future()
    place.set_result(True)
    _expire(place)
    assert place.result() is True


@pytest.mark.parametrize("seed", range(3))
async def test_200_callers_with_cancellations_never_exceed_the_places(seed: int) -> None:
    chance, rooms = random.Random(seed), Rooms()  # noqa: S311 - a test that can be repeated
    narrow, wide = gate(7, 200, "key"), gate(5, 200, "tenant")
    inside, most, served = 0, 0, 0

    async def caller(pauses: int) -> None:
        nonlocal inside, most, served
        gates = (narrow, wide) if pauses % 2 else (wide,)
        await enter(rooms, *gates)
        inside, served = inside + 1, served + 1
        most = max(most, inside)
        try:
            for _ in range(pauses):
                await asyncio.sleep(0)
        finally:
            inside -= 1
            rooms.leave(gates)

    async with asyncio.TaskGroup() as tasks:
        callers = [tasks.create_task(caller(chance.randrange(20))) for _ in range(200)]
        while not all(task.done() for task in callers):
            if chance.random() < 0.3:
                chance.choice(callers).cancel()
            await asyncio.sleep(0)
    assert most == wide.limit
    assert served > 50
    assert len(rooms) == 0
