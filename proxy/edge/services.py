"""What the path of a request needs, handed over in one piece by the composition root (`proxy.app`)."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from proxy.accounts.ledger import Record
from proxy.accounts.tenants import KeyRing
from proxy.clock import Clock
from proxy.edge.admission import Admission
from proxy.edge.prices import Prices
from proxy.edge.terms import TermsBook
from proxy.outbox import Outbox
from proxy.settings import Settings
from proxy.storage.reasoning import Sealer
from proxy.telemetry.health import Readiness
from proxy.telemetry.metrics import Metrics
from proxy.timers import Wheel
from proxy.upstream.catalogue import Catalogue
from proxy.upstream.repair import Repairing
from proxy.usage import Usage

if TYPE_CHECKING:
    import asyncio

    from proxy.edge.making import Making
    from proxy.storage.batching import Batches
    from proxy.storage.filing import Files
    from proxy.storage.state import State


class Log(Protocol):
    """Where log lines go; writing one never raises."""

    def request(self, record: Record) -> None:
        """The canonical line of one request."""
        ...

    def flush(self) -> None:
        """Write the lines that wait for the event loop's next turn."""
        ...

    def say(self, event: str, **details: str | int) -> None:
        """Something an operator should know."""
        ...

    def alert(self, event: str, **details: str | int) -> None:
        """Something an operator should do something about."""
        ...

    def bug(self, record: Record, fault: BaseException) -> None:
        """An exception nobody expected, with its traceback, under the request's id."""
        ...


class Ledger(Protocol):
    """Where requests are accounted for. Neither method waits for anything but a local file."""

    def begin(self, record: Record, usage: Usage) -> None:
        """The request is about to go to Telnyx; `usage` is what it will have consumed if nothing more is heard of it.

        Raises LedgerFull where the operator has decided that what cannot be accounted for shall not happen.
        """
        ...

    def end(self, record: Record) -> None:
        """It has ended, and the record says how. Called before the last byte of its answer is written. Never raises."""
        ...


class Spans(Protocol):
    """Where spans are made. See `telemetry.spans`."""

    def begin(self, record: Record) -> None:
        """Give a request its ids."""
        ...

    def traceparent(self, record: Record) -> str:
        """The header that makes what Telnyx does part of it."""
        ...

    def end(self, record: Record) -> None:
        """It has ended."""
        ...


class NoLedger:
    """Nothing is kept."""

    def begin(self, record: Record, usage: Usage) -> None:
        """Nothing."""

    def end(self, record: Record) -> None:
        """Nothing."""


Start = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


def _nowhere(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    work.close()
    raise RuntimeError("nobody runs anything in the background here")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What every request is measured by, as the settings have it.

    Attributes:
        body, answer: bytes; total: seconds.
    """

    body: int
    answer: int
    total: float


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request meets on its way.

    Attributes:
        settings: as loaded.
        urls: full upstream URLs by name: `chat`, those of `upstream.paths`, and `root`, without any path.
        keys, terms: who may call, and on which terms.
        admission: what may pass; prices: what it costs.
        upstream: sends translated requests, repairs them where needed.
        catalogue: Telnyx's model lists.
        metrics, log, clock, timers, outbox: as their types say.
        readiness: what `/readyz` says.
        random: n random bytes, for ids.
        ledger: where requests are accounted for.
        spans: where spans are made, None where nobody wants any.
        start: runs work in the background, and ends it with the process.
        state: what is kept of the Responses API; None where nothing is kept.
        sealer: seals reasoning that clients carry, and opens it again.
        making: responses that are made in the background, by their ids.
        worker: how other processes with the same database know this one.
        files, batches: what clients have uploaded, and the Batch API; None where nothing is kept.
        texts: Telnyx id of an embedding model -> texts of one request, where it refused more, see `edge/embedding`.
        bounds: of the settings, what every request asks for.
        used: ids of keys of the store -> Unix time of their last use that is not written down yet.
    """

    settings: Settings
    urls: Mapping[str, str]
    keys: KeyRing
    terms: TermsBook
    admission: Admission
    prices: Prices
    upstream: Repairing
    catalogue: Catalogue
    metrics: Metrics
    log: Log
    clock: Clock
    timers: Wheel
    outbox: Outbox
    readiness: Readiness
    random: Callable[[int], bytes] = field(repr=False)
    used: dict[str, int] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=NoLedger)
    spans: Spans | None = None
    start: Start = field(default=_nowhere)
    state: "State | None" = None
    sealer: Sealer = field(default_factory=Sealer, repr=False)
    making: "dict[str, Making]" = field(default_factory=dict)
    worker: str = ""
    texts: dict[str, int] = field(default_factory=dict)
    files: "Files | None" = None
    batches: "Batches | None" = None
    bounds: Bounds = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read once what would cost three look-ups in the settings for every request."""
        limits, timeouts = self.settings.limits, self.settings.upstream.timeouts
        object.__setattr__(self, "bounds", Bounds(limits.body, limits.answer, timeouts.total))

    def record(self, record: Record) -> None:
        """What is done once for every request, however it ended."""
        self.account(record)
        self.metrics.record(record)
        if record.key_id:
            self.used[record.key_id] = int(record.started_at)
        self.log.request(record)
        if self.spans is not None:
            self.spans.end(record)

    def account(self, record: Record) -> None:
        """Give the ledger the last word on a request of a tenant. It does not hear of it twice.

        Who has no key is in the metrics and in the log only: anybody could fill the ledger.
        """
        if not record.accounted and record.tenant:
            record.accounted = True
            if record.charge is None:
                record.charge = self.prices.charge(record, record.usage)
            self.ledger.end(record)
