"""`telnyx-proxy restore FILE --config FILE`: put a backup in the place of a SQLite database."""

import argparse
import asyncio
import sys
from pathlib import Path


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "restore",
        help="put a backup in the place of a SQLite database",
        description="Look whether a backup is whole and fits this program, and put it in the place of the SQLite "
        "database of a configuration, while no server runs. The database that was there is kept beside it. Says which "
        "files are without their contents then: batches.folder has a copy of its own.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument(
        "--with-secrets", action="store_true", help="take the pepper and the encryption key that lie beside it, too"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore, and look whether the secrets fit what was restored."""
    from proxy.cli.backup import PG_DUMP
    from proxy.cli.storing import configured, location_of, opened
    from proxy.errors import StoreUnavailable
    from proxy.storage.backup import on_disk, restore
    from proxy.storage.refusals import BackupRefused

    settings = configured(args.config)
    database = location_of(settings).path
    if database is None:
        raise BackupRefused(PG_DUMP)
    try:
        kept = restore(args.file, database, with_secrets=args.with_secrets)
    except StoreUnavailable as fault:
        raise OSError(fault.message) from None
    sys.stdout.write(f"{database}: restored\n")
    if kept is not None:
        sys.stdout.write(f"{kept}: what was there before\n")
    _tell_lacking(Path(settings.batches.folder), on_disk(database))

    async def look() -> None:
        async with opened(args.config):
            pass

    asyncio.run(look())  # raises what serve would: secrets that do not fit
    return 0


def _tell_lacking(folder: Path, known: dict[str, int]) -> None:
    """`known`: name in the folder -> bytes."""
    lacking = [name for name, size in known.items() if not _whole(folder / name, size)]
    if lacking:
        sys.stderr.write(
            f"{len(lacking)} of {len(known)} files are without their contents ({lacking[0]}, ...): put the copy of "
            f"{folder} back that was made after the backup; without it they are answered 404, and batches that need "
            "them fail\n"
        )


def _whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
