"""`telnyx-proxy demo`: the proxy in front of the built-in emulator, with a tenant and a key."""

import argparse
import sys

CREDENTIAL = "KEY_demo"
"""What the emulator accepts as a Telnyx API key."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="try the proxy without a Telnyx account",
        description="Run the proxy in front of the built-in Telnyx emulator, with a demo tenant and a fresh key.",
    )
    parser.add_argument("--scenario", default="default", metavar="NAME", help="how the emulated Telnyx behaves")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal. 2 for an unknown scenario."""
    from proxy.app.looping import run_loop
    from proxy.emulator import scenarios

    try:
        scenarios.resolve(args.scenario)
    except scenarios.UnknownScenario as fault:
        sys.stderr.write(f"telnyx-proxy demo: {fault}\n")
        return 2
    return run_loop(_demo(args.scenario))


async def _demo(scenario: str) -> int:
    from proxy.app.banner import banner, tell
    from proxy.app.checks import CHECKS
    from proxy.app.running import until_signal
    from proxy.app.starting import with_tenant
    from proxy.emulator.server import running
    from proxy.settings import Secret, environment, load

    settings = load(None, environment(), checks=CHECKS)
    async with running(scenario=scenario) as telnyx:
        upstream = settings.upstream.model_copy(
            update={"base_url": telnyx.base_url, "api_key": Secret(value=CREDENTIAL)}
        )
        settings, key = with_tenant(settings.model_copy(update={"upstream": upstream}), "demo")
        place = f"the built-in emulator of Telnyx ({telnyx.base_url})"
        await until_signal(settings, lambda proxy: tell(banner(proxy.addresses, key, place)))
    return 0
