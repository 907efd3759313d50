"""Starting: what has to be known before a port is opened, and the tenant of those who have configured none."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from proxy import codec
from proxy.accounts.keys import RANDOM_BYTES, digest, mint
from proxy.app.limiting import limits_are_shared
from proxy.app.workers import fault_of, fork
from proxy.settings import ConfigurationError, Fault, Key, Settings, Tenant

DEFAULT_TENANT = "default"
DEFAULT_KEY = "first"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the store of a proxy that is about to start holds. `tenants`: how many; `limited`: any limit or budget."""

    tenants: int = 0
    limited: bool = False


@contextmanager
def served_alone(settings: Settings) -> Iterator[Holdings]:
    """Have the store for this server, and look at it once. Needs no event loop, and leaves none.

    Raises OSError where another server has it, it is of no use or does not answer.
    """
    url = settings.storage.url
    if url is None:
        yield Holdings()
        return
    from proxy.storage.location import locate
    from proxy.storage.locking import serving

    path = locate(url, Path()).path
    with serving(path) if path is not None else nullcontext():
        yield _looked(settings)


def _looked(settings: Settings) -> Holdings:
    """What is in the store, seen by another process: what it takes to migrate a database need not stay in memory."""
    worker = fork(lambda report: report(codec.encode(asdict(asyncio.run(_look(settings))))))
    with os.fdopen(os.dup(worker.reports), "rb") as reports:
        said = reports.read()
    ended = worker.ended()
    if ended:
        raise fault_of(said) or OSError("the store could not be looked at")
    return Holdings(**codec.decode(said))


async def _look(settings: Settings) -> Holdings:
    from proxy.app.storing import opened

    async with opened(settings) as kept:
        if kept is None:
            return Holdings()
        rows = (await kept.store.snapshot()).rows
        return Holdings(len(rows["tenant"]), bool(rows["limit"] or rows["budget"]))


async def operators_token(settings: Settings) -> str | None:
    """An admin token for this run, None where nothing is kept or the configuration has one."""
    from proxy.accounts.roles import COMMAND_LINE
    from proxy.app.offices import api_on
    from proxy.app.storing import opened

    if settings.admin.token is not None:
        return None
    async with opened(settings) as kept:
        if kept is None:
            return None
        body = {"name": f"run-{os.getpid()}", "role": "owner"}
        made = await api_on(kept, settings).call("POST", "/admin/v1/tokens", COMMAND_LINE, body=body)
        return str(made.value["token"])


def with_tenant(
    settings: Settings, tenant: str = DEFAULT_TENANT, holdings: Holdings | None = None
) -> tuple[Settings, str | None]:
    """The settings with at least one tenant, and the key minted for it (None where there are tenants already).

    The key lives as long as the process. Thinking is off for the new tenant: an OpenAI app expects answers as quick
    as it is used to, and a client that wants reasoning says so.
    """
    if settings.tenants or (holdings is not None and holdings.tenants):
        return settings, None
    key = mint(os.urandom(RANDOM_BYTES))
    made = Tenant(
        id=tenant,
        defaults={"enable_thinking": False},
        keys=(Key(name=DEFAULT_KEY, sha256=digest(key).hex()),),
    )
    return settings.model_copy(update={"tenants": (made,)}), key


def expect_credential(settings: Settings) -> None:
    """Raises ConfigurationError where a tenant's requests would have no Telnyx API key."""
    without = [each for each in settings.tenants if each.upstream_api_key is None and not each.credentials]
    if settings.upstream.api_key is None and without:
        hint = "set the environment variable TELNYX_API_KEY, or the one that upstream.api_key names, to a Telnyx key"
        raise ConfigurationError([Fault("upstream.api_key", "is not set", hint)])


def expect_secrets(settings: Settings) -> None:
    """Raises ConfigurationError where secrets are left to be made, and there is no file to keep them beside."""
    storage = settings.storage
    if storage.url is None or storage.url.startswith("sqlite:"):
        return
    given = {"storage.pepper": storage.pepper, "storage.encryption_keys": storage.encryption_keys}
    words, hint = "must be set for PostgreSQL, the same on every machine", "openssl rand -base64 32"
    faults = [Fault(path, words, hint) for path, secret in given.items() if not secret]
    if faults:
        raise ConfigurationError(faults)


def expect_one_count(settings: Settings, holdings: Holdings, workers: int) -> None:
    """Raises ConfigurationError where several workers would each count limits for themselves."""
    declared = bool(settings.upstream.budgets) or any(map(_bounded, settings.tenants))
    if workers > 1 and not limits_are_shared(settings.storage.redis) and (declared or holdings.limited):
        hint = "set storage.redis.url (TELNYX_PROXY_REDIS_URL), or server.workers: 1"
        raise ConfigurationError(
            [Fault("server.workers", "is more than 1, and there are limits, which each worker would count alone", hint)]
        )


def _bounded(tenant: Tenant) -> bool:
    keys = any(key.limits or key.budgets for key in tenant.keys)
    return keys or bool(tenant.limits or tenant.budgets)
