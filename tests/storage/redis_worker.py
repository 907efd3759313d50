"""A process that shares limits with others: `python -m tests.storage.redis_worker URL [LEASE]`, told by lines of JSON.

["reserve", KIND, CALLERS]   so many at once; answers how many were admitted
["settle"]                   everything, with one token and one micro-dollar less than was reserved
"""

import asyncio
import json
import sys
from typing import Any

from proxy.accounts.limits import Amount, Gates, Reservation
from proxy.errors import ClientFault
from proxy.storage.redis_keeping import LEASE
from proxy.storage.redis_limiter import RedisLimiter, Sharing
from tests.storage.limiters import budget, places, rate, redis_limiter, share

LIMIT = 100
AMOUNT = Amount(requests=1, input=4, uncached_input=2, output=6, micros=10)
KINDS = {
    "requests": Gates(rates=(rate(LIMIT),)),
    "requests per day": Gates(rates=(rate(LIMIT, span=86_400, name="day"),)),
    "tokens": Gates(rates=(rate(10 * LIMIT, "tokens"),)),
    "output": Gates(rates=(rate(6 * LIMIT, "output"),)),
    "money": Gates(budgets=(budget(10 * LIMIT, "month"),)),
    "places": Gates(places=(places(LIMIT),)),
    "share": Gates(shares=(share(4 * LIMIT, reserve=0),)),
    "all": Gates(
        rates=(rate(10**6, name="all"), rate(10 * LIMIT, "tokens", name="all")),
        budgets=(budget(10**6, "total"),),
        places=(places(10**6, name="all"),),
    ),
}


async def reserve(limiter: RedisLimiter, kind: str, callers: int) -> tuple[list[Reservation], list[str]]:
    calls = (limiter.reserve(f"r{number}", KINDS[kind], AMOUNT, explicit=False) for number in range(callers))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    strange = [repr(fault) for fault in faults if not isinstance(fault, ClientFault)]
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)], strange


async def obey(url: str, lease: float) -> None:
    held: list[Reservation] = []
    async with redis_limiter(Sharing(url, timeout=5, lease=lease)) as (limiter, counted):
        await limiter.reserve("warm", Gates(rates=(rate(1000, name="warm"),)), Amount(), explicit=False)
        say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            match json.loads(line):
                case ["reserve", kind, callers]:
                    new, strange = await reserve(limiter, kind, callers)
                    held += new
                    say(json.dumps({"admitted": len(new), "strange": strange + counted}))
                case _:
                    for reservation in held:
                        limiter.settle(reservation, AMOUNT._replace(output=5, micros=9))
                    held.clear()
                    await limiter.flush()
                    say("{}")


def say(text: Any) -> None:
    print(text, flush=True)  # noqa: T201 - the test waits for it


if __name__ == "__main__":
    asyncio.run(obey(sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else LEASE))
