"""Work that can wait: how much room it leaves for requests."""

import asyncio

import pytest

from proxy.pace import LULL, PAUSE, Gauge, Idle, Pace


class UnderWay:
    """So many requests."""

    def __init__(self, value: float) -> None:
        self.value = value


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each pause that is made from here on. None of them takes any time."""
    found: list[float] = []
    turn = asyncio.sleep

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        await turn(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


async def test_a_slice_leaves_time_to_requests_while_they_come(paused: list[float]) -> None:
    gauge, now = UnderWay(0), 100.0
    pace = Pace(gauge, lambda: now)
    for under_way, later in ((0, 0.0), (1, 1.0), (0, LULL / 2), (0, LULL), (300, 0.0), (0, LULL * 0.9)):
        gauge.value, now = under_way, now + later
        await pace.give_way()
    assert paused == [0, PAUSE, PAUSE, 0, PAUSE, PAUSE]


@pytest.mark.parametrize("gauge", [None, Idle(), UnderWay(0)])
async def test_where_nothing_is_under_way_only_a_turn_is_given(gauge: Gauge | None, paused: list[float]) -> None:
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "had its turn")
    await Pace(gauge).give_way()
    assert paused == [0]
    assert others == ["had its turn"]
