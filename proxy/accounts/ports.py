"""What accounts need from the world: a place where reservations are counted."""

from collections.abc import Mapping
from typing import Protocol

from proxy.accounts.limits import Amount, Gates, Reservation

Spent = Mapping[tuple[str, int], int]
"""(id of a budget, Unix time its period began; 0 for `total`) -> micro-dollars."""


class Limiter(Protocol):
    """Counts what is under way and what has been used, in this process or for all of them."""

    async def reserve(self, request_id: str, gates: Gates, amount: Amount, *, explicit: bool) -> Reservation:
        """Reserve at every gate or at none; wait for a place where the queue allows it.

        `explicit`: the client itself capped its output. Then a request larger than a whole limit is refused; otherwise
        the reservation is cut to the limit, so that it can be admitted when nothing else is.
        Raises LimitReached, RequestTooLarge, BudgetExhausted, LimiterUnavailable.
        """
        ...

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Replace what was reserved by what was used, and give the places back. A second time does nothing."""
        ...

    async def prime(self, spent: Spent) -> None:
        """What budgets had spent before this process began. Never lowers a count."""
        ...

    def take_spent(self) -> Spent:
        """Money settled here since the last call: to be added to what the store knows."""
        ...

    def budgets(self) -> Spent:
        """What this process knows to be spent and reserved, budget by budget, for metrics and pages."""
        ...

    async def close(self) -> None:
        """Give up connections. What was not settled runs out by itself."""
        ...
