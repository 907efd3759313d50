"""Who may call, from the start of a process to its end: loaded, followed while it runs, written down at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.accounts import keys
from proxy.accounts.ports import Limiter, Spent
from proxy.app.credentials import Credentials
from proxy.app.directory import Directory, Members
from proxy.app.keeping import Condition, Keeper
from proxy.app.tasks import Tasks
from proxy.edge.services import Services
from proxy.errors import StoreUnavailable
from proxy.settings import environment

if TYPE_CHECKING:
    from proxy.storage.sealing import Sealing
    from proxy.storage.store import Store


async def _nobody_follows() -> None:
    """As long as nobody follows the store, nobody has to be told."""


APART = "limits are counted by each worker for its part: set storage.redis.url"
LOOKED_EVERY = 1.0
"""Seconds between two looks at what is missing, for the log."""
SHOWN_EVERY = 5.0
"""Seconds between two times that metrics are told of budgets: less than between two scrapes."""


@dataclass(slots=True)
class Kept:
    """An open store.

    Attributes:
        store: the store; sealing: the secrets of what it keeps.
        refresh: makes this process act on a change at once.
        worker: how others with the same store know this process.
    """

    store: "Store"
    sealing: "Sealing" = field(repr=False)
    refresh: Callable[[], Awaitable[object]] = _nobody_follows
    worker: str = ""


def digest_of(kept: Kept | None) -> Callable[[bytes], bytes]:
    """From the SHA-256 of a key to what it is known by: where there is a pepper, nothing is kept without it."""
    return kept.sealing.digest if kept is not None else _itself


def _itself(sha256: bytes) -> bytes:
    return sha256


def key_digest(kept: Kept | None) -> Callable[[str], bytes]:
    """The same from a key. On the path of every request."""
    if kept is None:
        return keys.digest
    digest, peppered = keys.digest, kept.sealing.digest
    return lambda key: peppered(digest(key))


async def _show_budgets(services: Services) -> None:
    """How much of each budget is used, for Prometheus; until cancelled."""
    while True:
        for tenant, gate, part in services.admission.budgets(services.clock.wall()):
            services.metrics.show("telnyx_proxy_budget_used_ratio", part, tenant, gate.id)
        await asyncio.sleep(SHOWN_EVERY)


def _taken_over(services: Services, condition: Condition, tasks: Tasks, apart: int) -> Callable[[Members], None]:
    """What puts members in the place of those before."""
    warmed: frozenset[str] = frozenset()

    def apply(members: Members) -> None:
        nonlocal warmed
        services.keys.replace(members.grants)
        services.terms.replace(members.tenants)
        services.prices.replace(members.tenants)
        services.admission.forget(alone=len(members.tenants) == 1, apart=apart)
        _tell(condition, apart=apart > 1 and members.limited)
        for credential in members.credentials - warmed:
            tasks.start(services.catalogue.warm(credential))
        warmed = members.credentials

    return apply


def _its_part(limiter: Limiter, apart: int) -> Callable[[Spent], Awaitable[None]]:
    """What budgets had spent, as far as this process has to bear it."""

    async def prime(spent: Spent) -> None:
        await limiter.prime({budget: micros // apart for budget, micros in spent.items()})

    return prime


def _tell(condition: Condition, *, apart: bool) -> None:
    if apart:
        condition.lacks["limits"] = APART
    else:
        condition.lacks.pop("limits", None)


async def _tell_changes(services: Services, condition: Condition) -> None:
    """A line whenever something begins or ceases to be missing; until cancelled."""
    missed: set[str] = set()
    while True:
        reasons = set(condition.reasons())
        for reason in sorted(reasons - missed):
            services.log.alert("degraded", reason=reason)
        for reason in sorted(missed - reasons):
            services.log.alert("recovered", reason=reason)
        missed = reasons
        await asyncio.sleep(LOOKED_EVERY)


async def _follow(store: "Store", keeper: Keeper, condition: Condition, health: Callable[[bool], None]) -> None:
    """Take over what others change; until cancelled. A process that cannot listen ends before it has begun."""
    from proxy.storage.watch import watch

    await condition.started.wait()
    await watch(store, keeper.seen, health)


@asynccontextmanager
async def membership(
    services: Services, kept: Kept | None, condition: Condition, tasks: Tasks, *, apart: int = 1
) -> AsyncIterator[None]:
    """Everybody who may call is known while the body runs. Raises StoreUnavailable where the store cannot be read.

    `apart`: processes that count limits for themselves.
    """
    settings, complain = services.settings, services.log.alert
    sealing = kept.sealing if kept is not None else None
    found = Credentials(settings, environment(), sealing, complain)
    directory = Directory(settings, found, complain, digest_of(kept))
    apply = _taken_over(services, condition, tasks, apart)
    tasks.start(_show_budgets(services))
    tasks.start(_tell_changes(services, condition))
    if kept is None:
        apply(directory.members())
        yield
        return
    limiter = services.admission.limiter
    keeper = Keeper(kept.store, directory, apply, condition, _its_part(limiter, apart))
    kept.refresh = keeper.refresh
    await keeper.refresh()
    tasks.start(_follow(kept.store, keeper, condition, keeper.health(services.keys, services.metrics.count)))
    tasks.start(keeper.write_down(limiter, services.used, asyncio.sleep))
    try:
        yield
    finally:
        with suppress(StoreUnavailable):
            await keeper.write(limiter, services.used)
