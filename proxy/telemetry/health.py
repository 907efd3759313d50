"""Health: what a probe is told, the same on both listeners. Nothing here asks Telnyx, or waits for anything."""

from collections.abc import Callable, Sequence
from typing import Literal

from proxy import codec

State = Literal["ok", "degraded", "stopping"]
"""`degraded`: something is missing, but requests are better served here than nowhere."""

Readiness = Callable[[], tuple[State, Sequence[str]]]
"""Looks at what the process knows anyway; a word per reason (`model list is stale`), none when all is well."""

CONTENT_TYPE = "application/json"


def live() -> tuple[int, bytes]:
    """Status and body of `/livez`: whoever can answer is alive."""
    return 200, codec.encode({"status": "ok"})


def ready(readiness: Readiness) -> tuple[int, bytes]:
    """Status and body of `/readyz`.

    Only a stopping process is not ready. A degraded one answers 200: were a shared fault 503, a load balancer would
    take every process out at once.
    """
    state, reasons = readiness()
    body = {"status": state, "reasons": list(reasons)} if reasons else {"status": state}
    return 503 if state == "stopping" else 200, codec.encode(body)
