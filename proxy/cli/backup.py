"""`telnyx-proxy backup FILE --config FILE`: copy a SQLite database, also while it is served."""

import argparse
import sys
from pathlib import Path

PG_DUMP = "the database is PostgreSQL, which has tools of its own: pg_dump to back up, pg_restore to restore"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "backup",
        help="copy a SQLite database, also while it is served",
        description="Copy the SQLite database of a configuration into one file, as it is at one moment; servers go "
        "on. The copy is of use only together with the pepper and the encryption key. The contents of files of the "
        "Batch API are not in it where they are kept in batches.folder.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="where to put the copy")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML file")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument(
        "--with-secrets",
        action="store_true",
        help="copy the generated pepper and encryption key beside it; whoever has all three has every Telnyx key",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Back up, and say what else is needed."""
    from proxy.cli.storing import configured, location_of
    from proxy.errors import StoreUnavailable
    from proxy.storage.backup import back_up, on_disk
    from proxy.storage.refusals import BackupRefused

    settings = configured(args.config)
    database = location_of(settings).path
    if database is None:
        raise BackupRefused(PG_DUMP)
    try:
        made = back_up(database, args.file, force=args.force, with_secrets=args.with_secrets)
    except StoreUnavailable as fault:
        raise OSError(fault.message) from None
    sys.stdout.write("".join(f"{path}\n" for path in made))
    needed = _needed(database, configured_secrets=settings.storage.pepper is not None)
    if not args.with_secrets and needed:
        sys.stderr.write(f"{needed}\n")
    if contents := on_disk(args.file):
        sys.stderr.write(
            f"not in it are the contents of {len(contents)} files ({sum(contents.values())} bytes), which are in "
            f"{settings.batches.folder}: copy that folder now, after the database (cp -a, rsync -a)\n"
        )
    return 0


def _needed(database: Path, *, configured_secrets: bool) -> str:
    from proxy.storage.secrets import secret_files

    there = [str(path) for path in secret_files(database) if path.exists()]
    if there:
        return f"keep these too, in another place, without them it cannot be used: {', '.join(there)}"
    if configured_secrets:
        return "keep storage.pepper and storage.encryption_keys too, in another place: without them it cannot be used"
    return ""
