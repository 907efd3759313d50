import asyncio
from pathlib import Path

import pytest

from proxy.app.membership import Kept
from proxy.app.state import keep_pruning, open_state
from proxy.app.tasks import Tasks
from proxy.errors import StoreUnavailable
from proxy.settings import Settings
from proxy.storage.sealing import sealing
from proxy.storage.state import Stored
from proxy.storage.store import Store
from tests.storage.databases import NOW, Hand, Open, opening

__all__ = ["opening"]
DAY = 86_400


class Pruned:
    """Fails the first time."""

    def __init__(self) -> None:
        self.asked = 0
        self.thrice = asyncio.Event()

    async def prune(self) -> int:
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("away")
        if self.asked == 3:
            self.thrice.set()
        return 0


async def test_it_is_pruned_again_and_again_also_after_an_outage() -> None:
    state = Pruned()
    task = asyncio.get_running_loop().create_task(keep_pruning(state, 0))
    await asyncio.wait_for(state.thrice.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_opened_where_nothing_is_kept() -> None:
    assert open_state(Settings(), None, Hand().clock, Tasks(lambda _: None)) is None


async def test_the_settings_say_how_long_and_how_much(tmp_path: Path, opening: Open) -> None:
    failed: list[BaseException] = []
    tasks, hand = Tasks(failed.append), Hand()
    store = Store(await opening(f"sqlite:///{tmp_path}/proxy.db"), hand.clock)
    settings = Settings.model_validate({"responses": {"keep": 2}})
    state = open_state(settings, Kept(store, sealing("pepper", ("secret",))), hand.clock, tasks)
    assert state is not None
    await state.save(Stored("resp_1", "acme", NOW, "completed", {}))
    hand.now += 2 * DAY - 1
    assert await state.get("acme", "resp_1") is not None
    hand.now += 1
    assert await state.get("acme", "resp_1") is None
    await tasks.close()
    assert failed == []
