"""How late the event loop is: the first sign of too much work in one process, seen before requests time out."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

INTERVAL = 0.25
"""Seconds between two looks."""

WINDOW = 60
"""Looks remembered, 15 seconds: the usual time between two scrapes. The present lag alone would miss nearly all."""


async def watch(
    observe: Callable[[float], None],
    *,
    interval: float = INTERVAL,
    window: int = WINDOW,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Measures until it is cancelled; its task belongs to the caller.

    A sleep that comes back late shows how long others kept the loop. `observe` gets the longest delay in seconds of
    the last `window` looks, after each look.
    """
    delays: deque[float] = deque(maxlen=window)
    while True:
        due = clock() + interval
        await sleep(interval)
        delays.append(max(0.0, clock() - due))
        observe(max(delays))
