"""A rate over a sliding window, kept in 60 slots: the reference for every limiter, in this process or in Redis.

Slots. A span of `span` seconds is divided into 60 slots of `span / 60` seconds; the slot of a moment is
`floor(now / slot)`. An amount counts from the moment it is added until its whole slot has left the window: one added in
slot n counts while the current slot is below n + 61, that is until the moment `(n + 61) * slot`. So 61 slots are kept,
the current one included, and whatever is admitted within *any* real interval of `span` seconds was counted together:
`limit` is never exceeded, at the price that an amount counts for up to one slot longer than it must.

Admission. An amount fits while `used + amount <= limit`. An amount larger than the limit never fits: the caller cuts it
to the limit or refuses it for good. Time never goes back: an earlier `now` is taken for the latest one seen.

Settling. `actual - reserved` is added to the slot of the reservation while that counts, never below zero. If it has
left, a difference above zero is added to the current slot, one below zero is dropped. An actual above the reservation
may exceed the limit by that one request; nothing is admitted then until `used + amount <= limit` holds again.

Cutting (of every gate, not only here). `limit` below 1 admits nothing that takes something. Where the caller says that
its amount is explicit, or the gate counts requests, a larger amount is refused (RequestTooLarge); otherwise it is cut
to the limit *of that gate*, and settling there computes from what was reserved there.

The shares of a pool are built on three such windows; see `shares`.
"""

SLOTS = 60
"""Slots of a span. More would count more exactly and keep more; a minute has slots of a second, a day of 24 minutes."""
STAYS = SLOTS + 1
"""Slots for which an amount counts, its own included."""


class Window:
    """Amounts of the last `span` seconds. Adding and asking cost O(1) amortised; memory is 61 numbers at most."""

    __slots__ = ("counts", "current", "edge", "slot", "total")

    def __init__(self, span: int) -> None:
        self.slot = span / SLOTS
        self.counts: dict[int, int] = {}  # slot -> amount, oldest first: slots are only ever added at the end
        self.total = 0
        self.current = 0
        self.edge = 0.0  # when the current slot ends: until then nothing leaves

    def used(self, now: float) -> int:
        """What counts at this moment."""
        if now >= self.edge:
            self._move(now)
        return self.total

    def room(self, now: float, limit: int) -> int:
        """What still fits, at least 0."""
        return max(0, limit - self.used(now))

    def add(self, now: float, amount: int) -> int:
        """Count an amount. Returns its slot, for `settle`."""
        if now >= self.edge:
            self._move(now)
        slot = self.current
        self.counts[slot] = self.counts.get(slot, 0) + amount
        self.total += amount
        return slot

    def settle(self, now: float, slot: int, difference: int) -> None:
        """Correct what was added in `slot`: see above."""
        if now >= self.edge:
            self._move(now)
        held = self.counts.get(slot)
        if held is not None:
            difference = max(difference, -held)
            self.counts[slot] = held + difference
            self.total += difference
        elif difference > 0:
            self.add(now, difference)

    def wait(self, now: float, amount: int, limit: int) -> float:
        """Seconds until the amount fits if nothing else happens: 0 when it does, infinite when it is larger than all.

        Exact: refused just before, admitted at that moment.
        """
        excess = self.used(now) + amount - limit
        if excess <= 0:
            return 0.0
        for slot, held in self.counts.items():
            excess -= held
            if excess <= 0:
                return self.leaves(slot) - now
        return float("inf")

    def reset(self, now: float) -> float:
        """Seconds until nothing counts any more."""
        self.used(now)
        last = next((slot for slot in reversed(self.counts) if self.counts[slot]), None)
        return 0.0 if last is None else self.leaves(last) - now

    def leaves(self, slot: int) -> float:
        """The moment at which what was added in this slot no longer counts."""
        return (slot + STAYS) * self.slot

    def _move(self, now: float) -> None:
        """Begin the slot of `now` and let go of what has left."""
        self.current = int(now // self.slot)
        self.edge = (self.current + 1) * self.slot
        counts, oldest = self.counts, self.current - SLOTS
        while counts and (slot := next(iter(counts))) < oldest:
            self.total -= counts.pop(slot)
