"""What Redis runs: a reservation at every gate or at none, its settling, and leases, each as one atomic Lua script.

They decide as `proxy.accounts.windows` and `proxy.accounts.shares` do; those explain why. Time is the time of the Redis
server, in microseconds, so machines whose clocks differ agree.

What is kept. Every key has the same hash tag, so on a cluster all of them live on one node, and every key expires.

    rate:ID        hash   slot -> amount; t the total, o the oldest slot kept, n the latest one
    budget:ID      hash   p start of the period (Unix seconds), s spent, r reserved (micro-dollars)
    places:ID      zset   reservation -> end of its lease
    pool:ID        hash   a rate: all tenants of a share; asking:ID, short:ID the same of the weights of its tenants
    asker:ID:T     hash   a rate: tenant T in the pool; a, w the slot in which it asked and its weight there; l, k the
                          same of when it was short
    leases         zset   reservation -> end of its lease, until it is settled
    money          hash   reservation -> `key of a budget, its period, micro-dollars` per line, until it is settled
    lapsed         hash   reservations that were given up although they may yet be settled
    fence:PROCESS  string the epoch below which nothing of a process may be reserved any more
    done:N         string that a sum was added

Nothing is written before everything has been decided but what asking itself changes (who asks for a share). When
memory is short Redis refuses the first write of a script or none, so no script is ever done by half.
"""

from importlib.resources import files

from proxy.storage.redis_link import Script


def _script(name: str) -> Script:
    """A script with what all of them begin with: the time, and windows."""
    folder = files("proxy.storage") / "lua"
    return Script("".join((folder / part).read_text(encoding="utf-8") for part in ("windows.lua", f"{name}.lua")))


RESERVE = _script("reserve")
SETTLE = _script("settle")
RENEW = _script("renew")
LAPSED = _script("lapsed")
FENCE = _script("fence")
PRIME = _script("prime")
ADD = _script("add")
ALL = (RESERVE, SETTLE, RENEW, LAPSED, FENCE, PRIME, ADD)
