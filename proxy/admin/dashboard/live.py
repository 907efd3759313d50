"""What is going on now: requests under way, open streams, tokens so far, over all workers.

A script turns the last into tokens per second. Gauges are of all tenants, so a tenant_admin is not told them.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from proxy.accounts.roles import Actor
from proxy.admin.subjects import held
from proxy.clock import Clock
from proxy.telemetry.exposition import Numbers
from proxy.telemetry.metrics import Metrics

REQUESTS = "telnyx_proxy_in_flight_requests"
STREAMS = "telnyx_proxy_open_streams"
TOKENS = "telnyx_proxy_tokens_total"
KEPT = 1.0
"""Seconds that one look serves everybody who asks: it reads the files of all workers."""
COUNTED = ("input", "output")
"""Types of tokens; the others are parts of these."""
Seen = tuple[float, Mapping[str, Numbers]]
"""When it was looked, and the numbers by metric."""


class Live:
    """Looks at the metrics, at most once a second."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._seen: Seen | None = None

    async def look(self, actor: Actor, clock: Clock) -> dict[str, Any]:
        """What there is to tell.

        `at`: seconds of a steady clock, of the look; `requests`, `streams`: under way, None for a tenant_admin;
        `input`, `output`: tokens counted so far.
        """
        at, numbers = await self._numbers(clock)
        tenant = held(actor)
        return {
            "at": at,
            "requests": _sum(numbers[REQUESTS]) if tenant is None else None,
            "streams": _sum(numbers[STREAMS]) if tenant is None else None,
            **{kind: _tokens(numbers[TOKENS], kind, tenant) for kind in COUNTED},
        }

    async def _numbers(self, clock: Clock) -> Seen:
        async with self._turn:
            now = clock.steady()
            if self._seen is None or now - self._seen[0] >= KEPT:
                self._seen = now, await asyncio.to_thread(self._metrics.numbers, REQUESTS, STREAMS, TOKENS)
            return self._seen


def _sum(numbers: Numbers) -> int:
    return round(sum(numbers.values()))


def _tokens(numbers: Numbers, kind: str, tenant: str | None) -> int:
    """Tokens of a type, of one tenant or of all. Labels: tenant, model, type, source."""
    return _sum({labels: value for labels, value in numbers.items() if labels[2] == kind and _is(tenant, labels[0])})


def _is(tenant: str | None, owner: str) -> bool:
    return tenant in {None, owner}
