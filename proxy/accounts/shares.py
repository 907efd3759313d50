"""Sharing what Telnyx allows the organisation: one pool per budget, parts by weight, borrowing of what is idle.

Of a pool of `limit` per minute the part `reserve` is held back for newcomers, so `ceiling = int(limit * (1 - reserve))`
is what tenants that are there divide among themselves. A tenant *asks* if it reserved or was refused within the last
minute, counted by slot as every amount is; a refused attempt counts nothing else. With

    part     ceiling * weight // the sum of the weights of the tenants that ask, this one included,
    stretch  ceiling * weight // the sum of the weights of the tenants that are *short*, this one included in any case,
    own      what this tenant has in the window, pool: what all have,

an amount is admitted if and only if

    pool + amount <= limit  and  (     own + amount <= part                                  [within its part]
                                   or (own + amount <= stretch and pool + amount <= ceiling) [borrowed: it is idle] )

A tenant is short from a refusal here (for whatever reason) until the slot of its last one has left the window. So what
those that ask leave idle is divided by weight among those that want more, and nobody borrows what another waits for.
The largest amount that can be admitted is `ceiling`; larger ones are cut or refused.

What follows from it, and is tested: the pool is never exceeded. A newcomer that asks for no more than its part gets
`min(demand, limit - ceiling)` at once, if no other newcomer took it, whatever others do; and all of its part within one
window however greedy the others are, because once it was refused none of them borrows beyond its own part. (Where one
of the others takes its part only after a third borrowed it, what was borrowed leaves within one window more.) A tenant
alone gets `ceiling`, or the whole pool where `reserve` is 0: give 0 where there is only one tenant. If a lone tenant
could take everything, whoever comes next would be refused for up to a minute.

The pool, and the weights of those that ask and of those that are short, are three windows of 60 seconds; asking anew
moves a tenant's weight to the current slot, being refused anew its weight among those that are short.
All numbers are integers, so every implementation decides alike.
"""

from collections import OrderedDict

from proxy.accounts.limits import MINUTE, Share
from proxy.accounts.windows import SLOTS, Window

TIDIED = 2
"""Tenants looked at for each new one: more go than come, so those that left do not pile up."""


def ceiling(share: Share) -> int:
    """What those that are there divide: the pool without what is held back for newcomers."""
    return int(share.limit * (1 - share.reserve))


class Asker:
    """A tenant in a pool: what it has, and its weight among those that ask and those that are short (0: in neither)."""

    __slots__ = ("asked", "asks", "lacked", "lacks", "own")

    def __init__(self) -> None:
        self.own = Window(MINUTE)
        self.asked = self.lacked = -1  # the slots in which they count
        self.asks = self.lacks = 0


class Pool:
    """One budget of the organisation. Deciding and counting cost O(1) amortised; only a refusal looks at every slot."""

    __slots__ = ("_askers", "_asking", "_short", "_used")

    def __init__(self) -> None:
        self._used = Window(MINUTE)
        self._asking = Window(MINUTE)
        self._short = Window(MINUTE)
        self._askers: OrderedDict[str, Asker] = OrderedDict()

    def __len__(self) -> int:
        """Tenants kept."""
        return len(self._askers)

    def used(self, now: float) -> int:
        """What all tenants have."""
        return self._used.used(now)

    def ask(self, now: float, share: Share, amount: int) -> float:
        """Seconds until the amount fits if nothing else happens, 0 when it does. `amount`: at most the ceiling.

        The tenant is asking from now on, and short if it has to wait; nothing else is counted.
        """
        asker, weight, top = self._asker(now, share.tenant), share.weight, ceiling(share)
        asking, short = self._asking, self._short
        pool, own = self._used.used(now) + amount, asker.own.used(now) + amount
        asking.used(now)
        if asker.asked != asking.current or asker.asks != weight:
            asking.settle(now, asker.asked, -asker.asks)  # nothing where it had stopped asking
            asker.asked, asker.asks = asking.add(now, weight), weight
        if pool <= share.limit:
            if own * asking.total <= top * weight:
                return 0.0
            others = short.used(now) - self._lack(asker)
            if pool <= top and own * (others + weight) <= top * weight:
                return 0.0
        short.settle(now, asker.lacked, -asker.lacks)
        asker.lacked, asker.lacks = short.add(now, weight), weight
        return self._fits_at(share, asker, amount) - now

    def take(self, now: float, tenant: str, amount: int) -> int:
        """Count what fits. Returns the slot, for `settle`."""
        self._used.add(now, amount)
        return self._asker(now, tenant).own.add(now, amount)

    def settle(self, now: float, tenant: str, slot: int, difference: int) -> None:
        """Correct what was taken in `slot`, as Window.settle does."""
        if difference:
            self._used.settle(now, slot, difference)
            self._asker(now, tenant).own.settle(now, slot, difference)

    def _lack(self, asker: Asker) -> int:
        """Its weight among those that are short, as far as it still counts."""
        return asker.lacks if asker.lacked in self._short.counts else 0

    def _fits_at(self, share: Share, asker: Asker, amount: int) -> float:
        """The moment from which it fits, slot by slot: amounts leave, and others stop asking and being short."""
        used, most = self._used, ceiling(share) * share.weight
        pool, own = used.total + amount, asker.own.total + amount
        asking, short = self._asking.total, self._short.total
        for slot in range(used.current - SLOTS, used.current):
            pool -= used.counts.get(slot, 0)
            own -= asker.own.counts.get(slot, 0)
            asking -= self._asking.counts.get(slot, 0)
            short -= self._short.counts.get(slot, 0)
            within, borrowed = own * asking <= most, pool <= ceiling(share) and own * short <= most
            if pool <= share.limit and (within or borrowed):
                return used.leaves(slot)
        return used.leaves(used.current)

    def _asker(self, now: float, tenant: str) -> Asker:
        asker = self._askers.get(tenant)
        if asker is None:
            for _ in range(min(TIDIED, len(self._askers))):
                name, old = self._askers.popitem(last=False)
                if old.own.used(now) or old.asked in self._asking.counts:
                    self._askers[name] = old
            self._askers[tenant] = asker = Asker()
        return asker
