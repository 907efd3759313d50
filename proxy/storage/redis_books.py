"""Money as this process knows it: what Redis last said, what was settled here, what Redis has yet to hear."""

from collections.abc import Iterable

from proxy.accounts.ports import Spent
from proxy.storage.redis_plans import Money


class Books:
    """Of every budget its latest period: spent and reserved by all; and sums settled by this process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, int]] = {}  # as many as there are budgets
        self._settled: dict[tuple[str, int], int] = {}
        self._owed: dict[tuple[str, int], int] = {}

    def note(self, money: Iterable[Money]) -> None:
        """Redis said how budgets stand."""
        for identity, period, spent, reserved in money:
            known = self._known.get(identity)
            if known is None or period >= known[0]:
                self._known[identity] = (period, spent, reserved)

    def prime(self, spent: Spent) -> None:
        """The store said what was spent. Never lowers."""
        for (identity, period), micros in spent.items():
            known = self._known.get(identity, (period, 0, 0))
            if period > known[0]:
                known = (period, 0, 0)
            if period == known[0]:
                self._known[identity] = (period, max(micros, known[1]), known[2])

    def settle(self, identity: str, period: int, micros: int) -> None:
        """Money was settled here; below zero where somebody else had settled too much."""
        if micros:
            self._settled[identity, period] = self._settled.get((identity, period), 0) + micros

    def take_settled(self) -> Spent:
        """What was settled since the last call."""
        settled, self._settled = self._settled, {}
        return settled

    def owe(self, spent: Spent) -> None:
        """Money was settled here of which Redis has not heard."""
        for (identity, period), micros in spent.items():
            self.settle(identity, period, micros)
            self._owed[identity, period] = self._owed.get((identity, period), 0) + micros

    def take_owed(self) -> Spent:
        """What Redis has yet to hear."""
        owed, self._owed = self._owed, {}
        return owed

    def spent(self) -> Spent:
        """What is known to be spent, without reservations."""
        return {(identity, period): spent for identity, (period, spent, _) in self._known.items()}

    def used(self) -> Spent:
        """What is known to be spent and reserved."""
        return {(identity, period): spent + reserved for identity, (period, spent, reserved) in self._known.items()}
