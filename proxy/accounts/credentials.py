"""Several Telnyx keys of one tenant: whose turn it is, and which one is set aside because Telnyx refused it.

Smooth weighted round robin (the one nginx has): each turn every key gains its weight, the one that has most is used
and loses the sum. The order is spread (5, 1, 1 gives a a b a c a a), and needs neither chance nor a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf


@dataclass(slots=True)
class Turn:
    """One Telnyx key.

    Attributes:
        name: in logs and metrics; secret: the key itself; weight: its share of requests.
        gained: what it has gained and not spent; aside: Unix seconds until which it is not used.
    """

    name: str
    secret: str = field(repr=False)
    weight: int = 1
    gained: int = 0
    aside: float = -inf


class Rota:
    """Whose turn it is."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        """Raises ValueError without any key."""
        if not turns:
            raise ValueError("a rota needs a key")
        self.turns = tuple(turns)

    def pick(self, now: float, tried: frozenset[str] = frozenset()) -> Turn | None:
        """The next key that is not set aside and not among those `tried` (names); None where none is left.

        Where all are set aside and none was tried, the one that was set aside first: Telnyx may take it again, and an
        answer that says why not is better than none.
        """
        usable = [turn for turn in self.turns if turn.aside <= now and turn.name not in tried]
        if not usable:
            return None if tried else min(self.turns, key=lambda turn: turn.aside)
        for turn in usable:
            turn.gained += turn.weight
        best = max(usable, key=lambda turn: turn.gained)
        best.gained -= sum(turn.weight for turn in usable)
        return best

    def set_aside(self, turn: Turn, until: float) -> None:
        """Telnyx has refused it."""
        turn.aside = until

    def adopt(self, former: "Rota") -> None:
        """Take over what was known of the same keys, after the tenant has changed."""
        known = {turn.secret: turn for turn in former.turns}
        for turn in self.turns:
            before = known.get(turn.secret)
            if before is not None:
                turn.aside, turn.gained = before.aside, before.gained

    def secrets(self) -> tuple[str, ...]:
        """Every key, so that none of them is repeated to a client."""
        return tuple(turn.secret for turn in self.turns)
