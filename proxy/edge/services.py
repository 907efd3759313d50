"""What the path of a request needs, handed over in one piece by the composition root (`proxy.app`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.accounts.ledger import Record
from proxy.accounts.tenants import KeyRing
from proxy.clock import Clock
from proxy.edge.admission import Admission
from proxy.edge.terms import TermsBook
from proxy.settings import Settings
from proxy.telemetry.health import Readiness
from proxy.telemetry.metrics import Metrics
from proxy.timers import Wheel
from proxy.upstream.catalogue import Catalogue
from proxy.upstream.repair import Repairing


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


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request meets on its way.

    Attributes:
        settings: as loaded.
        urls: full upstream URLs by name: `chat`.
        keys, terms: who may call, and on which terms.
        admission: what may pass.
        upstream: sends translated requests, repairs them where needed.
        catalogue: Telnyx's model lists.
        metrics, log, clock, timers: as their types say.
        readiness: what `/readyz` says.
        random: n random bytes, for ids.
        used: ids of keys of the store -> Unix time of their last use that is not written down yet.
    """

    settings: Settings
    urls: Mapping[str, str]
    keys: KeyRing
    terms: TermsBook
    admission: Admission
    upstream: Repairing
    catalogue: Catalogue
    metrics: Metrics
    log: Log
    clock: Clock
    timers: Wheel
    readiness: Readiness
    random: Callable[[int], bytes] = field(repr=False)
    used: dict[str, int] = field(default_factory=dict)

    def record(self, record: Record) -> None:
        """Account for one request, once, however it ended."""
        self.metrics.record(record)
        if record.key_id:
            self.used[record.key_id] = int(record.started_at)
        self.log.request(record)
