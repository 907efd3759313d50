"""While the shared limiter does not answer: each process counts its part of every limit, or nothing is admitted."""

from collections.abc import Callable
from typing import Literal

from proxy.accounts.limits import Amount, Gates, Reservation
from proxy.accounts.ports import Limiter, Spent
from proxy.errors import LimiterUnavailable

Fail = Literal["open", "closed"]


class Standby:
    """Decides alone. `processes`: among how many every limit is divided; `count` hears of every decision."""

    def __init__(self, fail: Fail, local: Limiter, processes: int, count: Callable[[str], None]) -> None:
        self._fail = fail
        self._local = local
        self._processes = max(1, processes)
        self._count = count
        self._outage = -1

    async def reserve(self, request_id: str, gates: Gates, amount: Amount) -> Reservation:
        """Reserve in this process. `gates`: its part of them. Raises LimiterUnavailable where that is the setting.

        What is larger than the part of a limit is cut to it, not refused: the whole limit may well allow it.
        """
        self._count(self._fail)
        if self._fail == "closed":
            raise LimiterUnavailable("The limits of this proxy cannot be checked for the moment.", retry_after=1.0)
        return await self._local.reserve(request_id, gates, amount, explicit=False)

    async def prime(self, outage: int, used: Spent) -> None:
        """What all had used when an outage began: this process bears its part of it. Once for each outage."""
        if self._outage != outage:
            self._outage = outage
            await self._local.prime({budget: micros // self._processes for budget, micros in used.items()})

    def settle(self, reservation: Reservation, actual: Amount) -> Spent:
        """Settle what was reserved here. Returns the money of which only this process knows."""
        self._local.settle(reservation, actual)
        return self._local.take_spent()

    async def close(self) -> None:
        """Give up what the local limiter holds."""
        await self._local.close()
