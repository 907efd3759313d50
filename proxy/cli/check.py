"""`telnyx-proxy check --config FILE`: every fault of a configuration at once, or what it amounts to."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "check", help="check a configuration", description="Tell every fault of a configuration, or its summary."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the faults and return 2, or a summary and 0."""
    from proxy.app.checks import CHECKS
    from proxy.settings import ConfigurationError, environment, load

    try:
        settings = load(args.config, environment(), checks=CHECKS)
        _expect_start(settings)
    except ConfigurationError as error:
        count = len(error.faults)
        sys.stdout.write(f"{error}\n{count} {'fault' if count == 1 else 'faults'}\n")
        return 2
    sys.stdout.write(f"{args.config}: OK\n{summary(settings)}\n")
    return 0


def _expect_start(settings: "Settings") -> None:
    """What `serve` expects, as far as it can be told without the database. Raises ConfigurationError."""
    from proxy.app.processors import worker_count
    from proxy.app.starting import Holdings, expect_credential, expect_one_count, expect_secrets, with_tenant
    from proxy.settings import ConfigurationError, Fault

    held = Holdings(tenants=int(_may_hold_tenants(settings)))
    expectations: tuple[Callable[[], None], ...] = (
        lambda: expect_credential(with_tenant(settings, holdings=held)[0]),
        lambda: expect_one_count(settings, held, worker_count(settings.server.workers)),
        lambda: expect_secrets(settings),
    )
    faults: list[Fault] = []
    for expect in expectations:
        try:
            expect()
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)


def _may_hold_tenants(settings: "Settings") -> bool:
    """Whether there is a database, which is not opened here."""
    from proxy.storage.location import locate

    url = settings.storage.url
    path = locate(url, Path()).path if url is not None else None
    return url is not None and (path is None or path.exists())


def summary(settings: "Settings") -> str:
    """What a configuration amounts to, in a few lines without secrets."""
    listen, admin, upstream = settings.listen, settings.admin, settings.upstream
    protection = "with a token" if admin.token is not None else "without a token"
    own = "set" if upstream.api_key is not None else "not set"
    return "\n".join(
        (
            f"  listens on    {listen.host}:{listen.port}, admin on {admin.host}:{admin.port} {protection}",
            f"  upstream      {upstream.base_url}{upstream.chat_path}, api_key {own}",
            f"  tenants       {_tenants(settings)}",
            f"  models        aliases {len(settings.models.aliases)}, profiles {len(settings.models.profiles)}",
            f"  storage       {_storage(settings)}",
        )
    )


def _storage(settings: "Settings") -> str:
    """Where things are kept, without a password."""
    from proxy.storage.location import locate

    storage = settings.storage
    if storage.url is None:
        return "none: only what the configuration declares"
    counted = "in Redis" if storage.redis.url is not None else "in each process"
    return f"{locate(storage.url, Path())}, limits counted {counted}"


def _tenants(settings: "Settings") -> str:
    if not settings.tenants and _may_hold_tenants(settings):
        return "none here; those of the database are not looked at"
    if not settings.tenants:
        return "none: serve makes one for its run, and prints the key"
    keys = sum(len(tenant.keys) for tenant in settings.tenants)
    locked = [tenant.id for tenant in settings.tenants if not tenant.keys]
    without = "without a key here" if _may_hold_tenants(settings) else "without a key, so that nobody can call"
    nobody = f"; {without}: {', '.join(locked)}" if locked else ""
    return f"{len(settings.tenants)}, keys {keys}{nobody}"
