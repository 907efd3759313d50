"""Lines before places: in order, bounded, and nobody is forgotten in them."""

import asyncio

import pytest

from proxy.errors import LimitReached
from proxy.storage.redis_lines import Lines
from tests.storage.limiters import places

DOOR = places(1, queue=2)


async def test_only_the_first_is_woken_and_the_next_when_it_leaves() -> None:
    lines = Lines()
    with lines.standing(DOOR) as (line, second):
        lines.wake([places(1, name="elsewhere")])
        with lines.standing(DOOR) as (_, third):
            lines.wake([DOOR])
            assert (second.is_set(), third.is_set()) == (True, False)
            assert await line.turn(second, 5)
            assert not await line.turn(third, 0.001), "it waited for as long as it could, and is not first"
            assert not second.is_set()
        assert second.is_set(), "whoever leaves lets the first look again"
    assert len(lines) == 0


async def test_the_first_asks_again_and_again() -> None:
    with Lines().standing(DOOR) as (line, mine):
        assert await line.turn(mine, 60)


async def test_a_line_is_as_long_as_the_gate_says() -> None:
    lines = Lines()
    assert lines.ahead([DOOR]) is None
    with lines.standing(DOOR), lines.standing(DOOR):
        assert lines.ahead([places(1, name="elsewhere"), DOOR]) == DOOR
        assert lines.waiting(DOOR.id) == 2
        with pytest.raises(LimitReached, match="Waiting 2"), lines.standing(DOOR):
            pass
    assert lines.waiting(DOOR.id) == 0
    lines.wake([DOOR])


async def test_who_is_cancelled_leaves_the_line() -> None:
    lines = Lines()

    async def stand() -> None:
        with lines.standing(DOOR) as (line, mine):
            await line.turn(mine, 60)

    standing = asyncio.create_task(stand())
    await asyncio.sleep(0)
    assert len(lines) == 1
    standing.cancel()
    await asyncio.gather(standing, return_exceptions=True)
    assert len(lines) == 0
