import asyncio
import gc
import sys

import pytest
import uvloop

from proxy.app.looping import GARBAGE, rare_garbage, run_loop


async def which() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


def test_uvloop_is_used_where_it_can_be_had() -> None:
    assert issubclass(run_loop(which()), uvloop.Loop)


def test_asyncio_s_own_loop_is_used_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as if it were not installed
    assert not issubclass(run_loop(which()), uvloop.Loop)


@pytest.mark.parametrize("there", [True, False])
def test_failures_come_out(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    async def work() -> None:
        raise LookupError("mistake")

    if not there:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(LookupError, match="mistake"):
        run_loop(work())


def test_garbage_is_looked_for_rarely_until_the_block_is_left() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rare_garbage():
        assert gc.get_threshold() == GARBAGE
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
