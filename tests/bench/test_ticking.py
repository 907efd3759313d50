import asyncio
import sys

import pytest

from tests.bench.ticking import Ticker

BY_FILE = pytest.param("_by_file", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these"))


@pytest.mark.parametrize("way", [BY_FILE, "_by_loop"])
async def test_it_ticks_until_it_is_stopped(way: str) -> None:
    ticks: list[int] = []
    enough = asyncio.Event()

    def tick(passed: int) -> None:
        ticks.append(passed)
        if sum(ticks) >= 5:
            enough.set()

    ticker = Ticker(0.001, tick)
    stop = getattr(ticker, way)(asyncio.get_running_loop())
    await asyncio.wait_for(enough.wait(), 60)
    stop()
    seen = len(ticks)
    other = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, other.set)
    await other.wait()
    assert len(ticks) == seen
    assert min(ticks) >= 1


async def test_it_can_be_started_and_stopped_in_any_state() -> None:
    came = asyncio.Event()

    def tick(passed: int) -> None:
        ticker.stop()
        came.set()

    ticker = Ticker(0.001, tick)
    ticker.stop()
    for _ in range(2):
        came.clear()
        ticker.start()
        ticker.start()
        await asyncio.wait_for(came.wait(), 60)
    ticker.stop()
