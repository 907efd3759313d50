"""A response in the background, as the process that makes it knows it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.translation.responses.outline import Outline

if TYPE_CHECKING:
    import asyncio

    from proxy.edge.exchange import Exchange
    from proxy.edge.turns import Turn


@dataclass(slots=True)
class Making:
    """What is made, and how far it is.

    Attributes:
        turn: what was asked; outline: the response without its output; tenant: whose it is.
        exchange: the request that makes it, None before it has begun.
        task: whoever makes it, None where the client's own connection does.
        cancelled: the client does not want it any more; ended: what became of it has been kept.
    """

    turn: "Turn"
    outline: Outline
    tenant: str = ""
    exchange: "Exchange | None" = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)
    cancelled: bool = False
    ended: bool = False

    def cancel(self) -> None:
        """The client does not want it any more: the call to Telnyx is cut."""
        self.cancelled = True
        if self.exchange is not None:
            self.exchange.cancel()
