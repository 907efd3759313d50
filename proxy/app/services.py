"""Settings -> Services: every implementation is chosen here."""

import os
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from proxy import __version__
from proxy.accounts.tenants import Grant, KeyRing, Tenant
from proxy.app.logging import StructuredLog
from proxy.app.tasks import Tasks
from proxy.clock import SYSTEM, Clock
from proxy.edge.services import Services
from proxy.edge.terms import TermsBook
from proxy.settings import Settings
from proxy.telemetry import loop_lag
from proxy.telemetry.health import State
from proxy.telemetry.logs import make_logger, open_output
from proxy.telemetry.metrics import Metrics
from proxy.translation import chat
from proxy.translation.quirks import QuirkMemory
from proxy.upstream.aiohttp_transport import AiohttpTransport
from proxy.upstream.catalogue import Catalogue
from proxy.upstream.repair import Repairing

USER_AGENT = f"telnyx-openai-proxy/{__version__}"


@dataclass(slots=True)
class Stopping:
    """Whether the process is on its way out; what readiness says."""

    begun: bool = False

    def readiness(self) -> tuple[State, list[str]]:
        """See `proxy.telemetry.health.Readiness`."""
        return ("stopping", ["shutting down"]) if self.begun else ("ok", [])


@asynccontextmanager
async def running_services(settings: Settings, stopping: Stopping, clock: Clock = SYSTEM) -> AsyncIterator[Services]:
    """Everything a listener needs, closed in reverse order. Raises OSError for a file that is of no use."""
    async with AsyncExitStack() as stack:
        terms = TermsBook(settings)
        spelled_out = terms.spelled_out()
        metrics = Metrics(lambda name: name in spelled_out or name in catalogue, known_field, settings.metrics.series)
        stack.callback(metrics.close)
        output = stack.enter_context(open_output(str(settings.logging.file) if settings.logging.file else None))
        log = StructuredLog(make_logger(output, settings.logging.format, settings.logging.level, metrics.lose_log_line))
        stack.enter_context(log.take_over())
        tasks = Tasks(log.task_failed)
        upstream = settings.upstream
        transport = _transport(settings)
        stack.push_async_callback(transport.close)
        stack.push_async_callback(tasks.close)
        catalogue = Catalogue(
            transport,
            upstream.base_url + upstream.models_path,
            ttl=settings.models.ttl,
            clock=clock.steady,
            tasks=tasks,
        )
        keys = key_ring(settings)
        for credential in {tenant.credential for tenant in tenants(settings).values()}:
            tasks.start(catalogue.warm(credential))
        tasks.start(loop_lag.watch(metrics.observe_loop_lag))
        yield Services(
            settings=settings,
            urls={"chat": upstream.base_url + upstream.chat_path},
            keys=keys,
            terms=terms,
            upstream=Repairing(transport, QuirkMemory(), clock.steady),
            catalogue=catalogue,
            metrics=metrics,
            log=log,
            clock=clock,
            readiness=stopping.readiness,
            random=os.urandom,
        )


def known_field(path: str) -> bool:
    """Whether the path of a change may be a metric label: translation writes all of it but the first name."""
    return re.split(r"[.\[]", path, maxsplit=1)[0] in chat.FIELDS


def _transport(settings: Settings) -> AiohttpTransport:
    upstream = settings.upstream
    return AiohttpTransport(
        connect=upstream.timeouts.connect,
        first_byte=upstream.timeouts.first_byte,
        keepalive=upstream.keepalive,
        user_agent=USER_AGENT,
        tls=_trust(upstream.ca_file),
    )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as fault:
        raise OSError(f"upstream.ca_file: {ca_file} holds no certificate that can be read") from fault


def tenants(settings: Settings) -> dict[str, Tenant]:
    """The tenants by id, each with the credential its requests are sent with."""
    shared = settings.upstream.api_key
    return {
        tenant.id: Tenant(
            tenant.id, secret.reveal() if (secret := tenant.upstream_api_key or shared) else "", tuple(tenant.models)
        )
        for tenant in settings.tenants
    }


def key_ring(settings: Settings) -> KeyRing:
    """Every key of every tenant, as digests."""
    by_id = tenants(settings)
    return KeyRing(
        dict(
            chain.from_iterable(
                ((key.digest(), Grant(by_id[tenant.id], key.name)) for key in tenant.keys)
                for tenant in settings.tenants
            )
        )
    )
