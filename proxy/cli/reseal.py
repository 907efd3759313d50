"""`telnyx-proxy reseal --config FILE`: encrypt stored Telnyx keys anew, so that an old encryption key can go."""

import argparse
import asyncio
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reseal",
        help="encrypt stored Telnyx keys under the first of the encryption keys",
        description="Encrypt every stored Telnyx key under the first of storage.encryption_keys. To change the "
        "encryption key: put the new one in front of the old one, run this, then take the old one away.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reseal, and tell how many there were."""
    count = asyncio.run(_reseal(args.config))
    sys.stdout.write(f"{count} {'credential is' if count == 1 else 'credentials are'} encrypted under the first key\n")
    return 0


async def _reseal(config: Path) -> int:
    from proxy.accounts.roles import COMMAND_LINE
    from proxy.cli.storing import opened
    from proxy.storage.resealing import reseal

    async with opened(config) as (_, store, sealing):
        return await reseal(store, sealing, COMMAND_LINE)
