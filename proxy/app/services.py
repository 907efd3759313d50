"""Settings -> Services: every implementation is chosen here."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import connector

from proxy import __version__
from proxy.accounts.gates import Pool
from proxy.accounts.ports import Limiter
from proxy.accounts.tenants import KeyRing
from proxy.app.accounting import Surroundings, accounting
from proxy.app.batching import batching, open_files
from proxy.app.descriptors import most_idle, raise_limit
from proxy.app.entropy import Entropy
from proxy.app.keeping import Condition
from proxy.app.limiting import Around, limiter_for, limits_are_shared
from proxy.app.logging import StructuredLog
from proxy.app.membership import Kept, key_digest, membership
from proxy.app.state import open_state
from proxy.app.tasks import Tasks
from proxy.app.tracing import spans_of
from proxy.clock import SYSTEM, Clock
from proxy.edge.admission import Admission
from proxy.edge.prices import Prices
from proxy.edge.services import Services
from proxy.edge.terms import TermsBook
from proxy.endpoints import FIELDS
from proxy.outbox import Outbox
from proxy.settings import Settings, Upstream
from proxy.storage.reasoning import Sealer
from proxy.telemetry import loop_lag
from proxy.telemetry.logs import make_logger, open_output
from proxy.telemetry.metrics import Metrics
from proxy.timers import Wheel
from proxy.translation.quirk_memory import QuirkMemory
from proxy.upstream.catalogue import Catalogue
from proxy.upstream.native_transport import NativeTransport
from proxy.upstream.repair import Repairing
from proxy.upstream.transport import Transport

USER_AGENT = f"telnyx-openai-proxy/{__version__}"
ESTIMATED = frozenset({"usage", "input_tokens"})
"""What changes name that is no field of a request: figures that the proxy counted itself."""


@asynccontextmanager
async def running_services(
    settings: Settings, condition: Condition, clock: Clock = SYSTEM, kept: Kept | None = None, workers: int = 1
) -> AsyncIterator[Services]:
    """Everything a listener needs, closed in reverse order. Raises OSError for a file that is of no use.

    `kept`: the open store, None where nothing is kept; `workers`: processes that serve together.
    """
    async with AsyncExitStack() as stack:
        terms = TermsBook(settings)
        spelled_out = terms.spelled_out()
        metrics = Metrics(lambda name: name in spelled_out or name in catalogue, known_field, settings.metrics.series)
        ground = _ground(stack, settings, kept, clock, metrics)
        log, tasks, transport = ground.log, ground.tasks, ground.transport
        catalogue = _catalogue(settings, transport, clock, tasks)
        apart = 1 if limits_are_shared(settings.storage.redis) else workers
        limiter = limiter_for(settings.storage.redis, workers, Around(clock, tasks, condition, metrics.count))
        stack.push_async_callback(limiter.close)
        tasks.start(loop_lag.watch(metrics.observe_loop_lag))
        random = Entropy()
        spans = await stack.enter_async_context(spans_of(settings.tracing, random))
        prices = Prices(settings.models.profiles, catalogue)
        shipping = Surroundings(
            log, metrics, condition, tasks, prices, clock, settings.ledger.retention.model_dump(), outbox=ground.outbox
        )
        ledger = await stack.enter_async_context(accounting(settings, kept, shipping, workers))
        services = _assembled(
            ground,
            keys=KeyRing({}, key_digest(kept)),
            terms=terms,
            admission=_admission(settings, limiter, prices, metrics),
            prices=prices,
            catalogue=catalogue,
            readiness=condition.readiness,
            random=random,
            spans=spans,
            ledger=ledger,
        )
        await stack.enter_async_context(membership(services, kept, condition, tasks, apart=apart))
        await stack.enter_async_context(batching(services, condition, workers))
        yield services


def _assembled(ground: "_Ground", *, random: Entropy, **made: Any) -> Services:
    """What stands on the ground, together with what was made on it."""
    settings, kept, clock = ground.settings, ground.kept, ground.clock
    files, batches = open_files(settings, kept, clock, random)
    return Services(
        settings=settings,
        urls=_urls(settings.upstream),
        start=ground.tasks.start,
        state=open_state(settings, kept, clock, ground.tasks),
        files=files,
        batches=batches,
        worker=kept.worker if kept is not None else "",
        sealer=Sealer(kept.sealing if kept is not None else None),
        upstream=Repairing(
            ground.transport,
            QuirkMemory(),
            clock.steady,
            settings.limits.answer,
            settings.upstream.timeouts.between_chunks,
        ),
        metrics=ground.metrics,
        log=ground.log,
        clock=clock,
        timers=ground.timers,
        outbox=ground.outbox,
        random=random,
        **made,
    )


class _Ground(NamedTuple):
    """What everything else stands on."""

    settings: Settings
    kept: Kept | None
    clock: Clock
    metrics: Metrics
    log: StructuredLog
    tasks: Tasks
    timers: Wheel
    outbox: Outbox
    transport: Transport


def _urls(upstream: Upstream) -> dict[str, str]:
    paths = {"chat": upstream.chat_path, "root": "", **upstream.paths.model_dump()}
    return {name: upstream.base_url + path for name, path in paths.items()}


def _catalogue(settings: Settings, transport: Transport, clock: Clock, tasks: Tasks) -> Catalogue:
    upstream = settings.upstream
    url = upstream.base_url + upstream.models_path
    catalogue = Catalogue(transport, url, ttl=settings.models.ttl, clock=clock.steady, tasks=tasks)
    catalogue.embedding_url = upstream.base_url + upstream.paths.embedding_models
    return catalogue


def _ground(stack: AsyncExitStack, settings: Settings, kept: Kept | None, clock: Clock, metrics: Metrics) -> _Ground:
    stack.callback(metrics.close)
    log = stack.enter_context(_log(settings, metrics))
    tasks, timers = Tasks(log.task_failed), Wheel()
    stack.callback(timers.close)
    outbox = Outbox(metrics.requests_under_way)
    transport = _transport(settings, timers, outbox)
    stack.push_async_callback(transport.close)
    stack.push_async_callback(tasks.close)
    return _Ground(settings, kept, clock, metrics, log, tasks, timers, outbox, transport)


@contextmanager
def _log(settings: Settings, metrics: Metrics) -> Iterator[StructuredLog]:
    logging = settings.logging
    with open_output(str(logging.file) if logging.file else None) as output:
        soon = asyncio.get_running_loop().call_soon
        log = StructuredLog(make_logger(output, logging.format, logging.level, metrics.lose_log_line, soon))
        with log.take_over():
            yield log


def _admission(settings: Settings, limiter: Limiter, prices: Prices, metrics: Metrics) -> Admission:
    upstream = settings.upstream
    pools = tuple(Pool(pattern, **pool.model_dump()) for pattern, pool in upstream.budgets.items())
    return Admission(limiter, prices, pools, upstream.sharing.reserve, metrics.count)


def known_field(path: str) -> bool:
    """Whether the path of a change may be a metric label: translation writes all of it but the first name."""
    name = re.split(r"[.\[]", path, maxsplit=1)[0]
    return name in ESTIMATED or any(name in fields for fields in FIELDS.values())


def _transport(settings: Settings, timers: Wheel, outbox: Outbox) -> Transport:
    upstream = settings.upstream
    options: dict[str, Any] = {
        "connect": upstream.timeouts.connect,
        "first_byte": upstream.timeouts.first_byte,
        "keepalive": upstream.keepalive,
        "user_agent": USER_AGENT,
        "tls": _trust(upstream.ca_file),
        "outbox": outbox,
    }
    if upstream.transport == "native":
        return NativeTransport(**options, timers=timers, idle=most_idle(raise_limit()))
    from proxy.upstream.aiohttp_transport import AiohttpTransport  # aiohttp's client takes memory

    return AiohttpTransport(**options)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:  # the system's certificates take a megabyte, and aiohttp has read them already
        return connector._SSL_CONTEXT_VERIFIED  # noqa: SLF001
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as fault:
        raise OSError(f"upstream.ca_file: {ca_file} holds no certificate that can be read") from fault
