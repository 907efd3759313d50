"""`telnyx-proxy check --config FILE`: every fault of a configuration at once, or what it amounts to."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from proxy.app.starting import expect_credential, with_tenant
    from proxy.settings import ConfigurationError, environment, load

    try:
        settings = load(args.config, environment(), checks=CHECKS)
        expect_credential(with_tenant(settings)[0])  # as `serve` does: what is OK here starts there
    except ConfigurationError as error:
        count = len(error.faults)
        sys.stdout.write(f"{error}\n{count} {'fault' if count == 1 else 'faults'}\n")
        return 2
    sys.stdout.write(f"{args.config}: OK\n{summary(settings)}\n")
    return 0


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
        )
    )


def _tenants(settings: "Settings") -> str:
    if not settings.tenants:
        return "none: serve makes one for its run, and prints the key"
    keys = sum(len(tenant.keys) for tenant in settings.tenants)
    locked = [tenant.id for tenant in settings.tenants if not tenant.keys]
    nobody = f"; without a key, so that nobody can call: {', '.join(locked)}" if locked else ""
    return f"{len(settings.tenants)}, keys {keys}{nobody}"
