"""Who may try a token again: ten at once from one address, then one in six seconds. Bounded in memory.

Tokens that were made here cannot be guessed; the one of the configuration is as good as somebody made it.
"""

import ipaddress
from collections import OrderedDict

BURST = 10
"""Tries that may fail in a row."""
EACH = 6.0
"""Seconds after which one more is allowed."""
ADDRESSES = 4096
"""Remembered at most; the one that tried longest ago is forgotten first."""
_IPV6_PREFIX = 64
"""Bits: one customer of a provider has a whole network of them."""


class Attempts:
    """Counts tries by address. `now` is steady time in seconds."""

    def __init__(self) -> None:
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def begin(self, address: str, now: float) -> float:
        """One more try: 0 if it may be made, else the seconds to wait. Tries that run at once count, each of them."""
        place = _network(address)
        free_at = max(self._free_at.get(place, now), now)
        wait = free_at - now - (BURST - 1) * EACH
        if wait > 0:
            return wait
        self._free_at[place] = free_at + EACH
        self._free_at.move_to_end(place)
        if len(self._free_at) > ADDRESSES:
            self._free_at.popitem(last=False)
        return 0.0

    def succeed(self, address: str) -> None:
        """The try was good: what failed before it is forgotten."""
        self._free_at.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 - the version
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
