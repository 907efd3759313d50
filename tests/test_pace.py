"""Work that can wait: how much room it leaves for requests."""

import asyncio

import pytest

from proxy.pace import BEHIND, LULL, MOST, PAUSE, SHARE, Gauge, Idle, Pace

TURN = 0.004
"""Seconds that a turn of the event loop takes here."""


class UnderWay:
    """So many requests."""

    def __init__(self, value: float) -> None:
        self.value = value


class Scene:
    """A clock that work and others' turns move on, and the pauses that were made."""

    def __init__(self, under_way: float) -> None:
        self.gauge = UnderWay(under_way)
        self.now = 100.0
        self.turn = TURN
        self.pauses: list[float] = []
        self.pace = Pace(self.gauge, lambda: self.now)

    async def others(self, seconds: float) -> None:
        """In place of `asyncio.sleep`."""
        self.pauses.append(seconds)
        self.now += seconds + self.turn

    async def work(self, seconds: float, slice_: float) -> None:
        """Work in slices, each of which takes so long."""
        for _ in range(round(seconds / slice_)):
            self.now += slice_
            await self.pace.give_way()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(under_way=1)
    monkeypatch.setattr(asyncio, "sleep", made.others)
    return made


@pytest.mark.parametrize("share", [SHARE, BEHIND])
@pytest.mark.parametrize("slice_", [0.00005, 0.0001, 0.0003])
async def test_while_requests_come_it_takes_its_share_of_the_time_and_hardly_more(
    scene: Scene, slice_: float, share: float
) -> None:
    scene.pace.share = share
    await scene.work(1.0, slice_)
    assert set(scene.pauses) == {PAUSE}
    worked = 1.0 / len(scene.pauses)
    assert worked == pytest.approx(share * (PAUSE + TURN), abs=slice_ * 1.01)


async def test_a_slice_that_takes_long_has_others_come_next(scene: Scene) -> None:
    await scene.work(0.5, 0.05)
    assert len(scene.pauses) == 10


async def test_after_a_long_stop_others_have_their_turn_soon(scene: Scene) -> None:
    scene.turn = 3600.0
    await scene.work(MOST, MOST)
    scene.turn, scene.pauses[:] = TURN, []
    await scene.work(MOST * 0.9, MOST * 0.3)
    assert scene.pauses == []
    await scene.work(MOST * 0.3, MOST * 0.3)
    assert scene.pauses == [PAUSE]


async def test_a_gap_between_two_requests_is_no_lull(scene: Scene) -> None:
    await scene.work(0.1, 0.1)
    scene.gauge.value = 0
    await scene.work(0.05, 0.05)
    assert scene.pauses == [PAUSE, PAUSE]
    scene.now += LULL
    await scene.work(0.05, 0.05)
    assert scene.pauses == [PAUSE, PAUSE, 0]


@pytest.mark.parametrize("gauge", [None, Idle(), UnderWay(0)])
async def test_where_nothing_is_under_way_only_a_turn_is_given(
    gauge: Gauge | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses, turn = list[float](), asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await turn(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "had its turn")
    await Pace(gauge).give_way()
    assert others == ["had its turn"]
    assert pauses == [0]
