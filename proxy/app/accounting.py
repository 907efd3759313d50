"""From requests to the spool: every request of a tenant is written down before the end of its answer is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy import codec
from proxy.accounts.entries import ABORTED, FREE, ChargeOf, entry
from proxy.accounts.ledger import Record
from proxy.accounts.names import Names
from proxy.app.keeping import Condition
from proxy.app.membership import Kept
from proxy.app.tasks import Tasks
from proxy.clock import SYSTEM, Clock
from proxy.edge.prices import Prices
from proxy.edge.services import Ledger, Log, NoLedger
from proxy.outbox import Outbox
from proxy.settings import Settings
from proxy.telemetry.metrics import Metrics
from proxy.usage import Usage


class Spool(Protocol):
    """A file that survives this process. See `storage.spool`."""

    def begin(self, identity: str, row: bytes) -> None:
        """Write down what will be true of a request if nothing more is written. Raises LedgerFull."""
        ...

    def end(self, identity: str, row: bytes, final: tuple[Any, ...] | None = None) -> None:
        """Write down what is true of it. Never raises: what cannot be written is kept in memory and tried again.

        `final`: what `row` is the JSON of, for whoever ships it.
        """
        ...


class Accounting:
    """The ledger as the path of a request sees it."""

    def __init__(self, spool: Spool, charge_of: ChargeOf) -> None:
        self._spool = spool
        self._charge_of = charge_of
        self._names = Names()

    def begin(self, record: Record, usage: Usage) -> None:
        """The request is about to go to Telnyx. Raises LedgerFull."""
        named = self._names.of(record, usage)
        row = entry(record, usage, self._charge_of(record, usage), end=ABORTED, named=named)
        self._spool.begin(record.request_id, codec.encode(row))

    def end(self, record: Record) -> None:
        """It has ended."""
        usage = record.usage
        charge = record.charge  # as metrics and budgets have it
        if charge is None:
            charge = FREE if usage.source == "none" else self._charge_of(record, usage)
        row = entry(record, usage, charge, named=self._names.of(record, usage))
        self._spool.end(record.request_id, codec.encode(row), row)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the ledger needs of its process.

    Attributes:
        log, metrics, condition: whom it tells.
        tasks: the owner of the one that ships.
        prices: what requests cost, and what the versions of prices stand for.
        clock: what is too old is counted from its wall time.
        retention: days by table, None = for ever.
        pause: waits so many seconds.
        outbox: what writes to sockets, and lets the spool write first; without it each line is written by itself.
    """

    log: Log
    metrics: Metrics
    condition: Condition
    tasks: Tasks
    prices: Prices
    clock: Clock = SYSTEM
    retention: Mapping[str, int | None] = field(default_factory=dict)
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    outbox: Outbox | None = None


@asynccontextmanager
async def accounting(
    settings: Settings, kept: Kept | None, around: Surroundings, workers: int
) -> AsyncIterator[Ledger]:
    """The ledger while the body runs; of nothing where nothing is kept. Raises OSError, StoreUnavailable.

    `workers`: processes that serve together.
    """
    if kept is None:
        yield NoLedger()
        return
    from proxy.app.shipping import spooling  # what is not used shall not take memory

    async with spooling(kept, settings.ledger, around, workers) as spool:
        yield Accounting(spool, around.prices.charge)
