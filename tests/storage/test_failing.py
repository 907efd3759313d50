"""Counting alone: a part of every limit, or nothing at all; and how often it came to that."""

import pytest

from proxy.accounts.limits import Amount, Gates
from proxy.errors import LimiterUnavailable
from proxy.storage.failing import Standby
from proxy.storage.local_limiter import LocalLimiter
from tests.storage.limiters import MONDAY, admitted, budget

POT = Gates(budgets=(budget(100, "total"),))
NAME = (POT.budgets[0].id, 0)


async def test_closed_nothing_is_admitted() -> None:
    counted: list[str] = []
    standby = Standby("closed", LocalLimiter(lambda: MONDAY), 1, counted.append)
    with pytest.raises(LimiterUnavailable) as caught:
        await standby.reserve("a", POT, Amount())
    assert caught.value.retry_after == 1.0
    assert counted == ["closed"]


async def test_open_what_all_had_used_is_borne_in_parts_once_for_each_outage() -> None:
    local, counted = LocalLimiter(lambda: MONDAY), list[str]()
    standby = Standby("open", local, 4, counted.append)
    await standby.prime(1, {NAME: 200})
    await standby.prime(1, {NAME: 400})
    assert local.budgets() == {NAME: 50}
    await standby.prime(2, {NAME: 240})
    assert await admitted(local, POT, Amount(micros=10), 9) == 4
    assert counted == []


async def test_settling_tells_money_once() -> None:
    standby = Standby("open", LocalLimiter(lambda: MONDAY), 1, lambda _: None)
    held = await standby.reserve("a", POT, Amount(micros=50))
    assert standby.settle(held, Amount(micros=20)) == {NAME: 20}
    assert standby.settle(held, Amount(micros=20)) == {}
    await standby.close()
