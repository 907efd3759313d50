"""`telnyx-proxy serve --config FILE`: run the proxy in front of Telnyx."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.app.running import Addresses
    from proxy.app.starting import Holdings
    from proxy.settings import Settings


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "serve",
        help="run the proxy",
        description="Run the proxy in front of Telnyx until Ctrl-C. Where the configuration names no tenant, one is "
        "made, and its key printed.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal, in this process or in several workers."""
    from proxy.app.checks import CHECKS
    from proxy.app.processors import worker_count
    from proxy.app.starting import served_alone
    from proxy.settings import environment, load

    settings = load(args.config, environment(), checks=CHECKS)
    count = worker_count(settings.server.workers)
    with served_alone(settings) as holdings:
        return _serve(settings, holdings, count)


def _serve(settings: "Settings", holdings: "Holdings", count: int) -> int:
    from proxy.app.several import supervise
    from proxy.app.starting import expect_credential, expect_one_count, with_tenant

    settings, key = with_tenant(settings, holdings=holdings)
    expect_credential(settings)
    expect_one_count(settings, holdings, count)

    def greet(addresses: "Addresses") -> None:
        from proxy.app.banner import banner, tell

        tell(banner(addresses, key, settings.upstream.base_url))

    if count > 1:
        return supervise(settings, count, greet)
    from proxy.app.looping import run_loop
    from proxy.app.running import until_signal

    run_loop(until_signal(settings, lambda proxy: greet(proxy.addresses)))
    return 0
