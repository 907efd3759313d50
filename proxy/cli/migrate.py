"""`telnyx-proxy migrate --config FILE`: bring the database up to date."""

import argparse
import asyncio
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "migrate",
        help="bring the database up to date",
        description="Make or change the tables of the database that the configuration names, in one transaction. "
        "SQLite is brought up to date by serve, too; PostgreSQL is only by this.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate, and tell from which version to which."""
    from proxy.cli.storing import configured, location_of, password_of, url_of
    from proxy.errors import StoreUnavailable
    from proxy.storage.database import migrate_database

    settings = configured(args.config)
    where = location_of(settings)
    try:
        done = asyncio.run(migrate_database(url_of(settings), folder=Path(), password=password_of(settings)))
    except StoreUnavailable as fault:
        raise OSError(fault.message) from None
    if done.before == done.after:
        sys.stdout.write(f"{where}: schema {done.after}, nothing to do\n")
    else:
        sys.stdout.write(f"{where}: schema {done.after}, before {done.before or 'none'}\n")
    return 0
