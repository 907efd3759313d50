"""Backup and restore of a SQLite file, while a server works on it or, for restoring, while none does.

A backup is one file, complete or not there. It holds no secret in the clear: keys are digests, Telnyx keys encrypted.
So it is worth nothing without the pepper and the encryption key, and these are copied only on demand: who keeps all
three in one place has given the keys to the thief of the backup.

What is in files of the Batch API lies in a folder, gigabytes maybe, which never change: tools that copy folders copy
only what is new of it. So a backup does not hold them; `on_disk` says which there are.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from proxy.storage import files, migrating
from proxy.storage.failures import in_our_words
from proxy.storage.locking import serving
from proxy.storage.refusals import BackupRefused
from proxy.storage.secrets import beside, secret_files

REPLACED = ".before-restore"
LOG_SUFFIXES = ("-wal", "-shm")
"""Files of SQLite's write-ahead log beside the database."""
PATIENCE = 5.0
"""Seconds to wait for a lock."""


def back_up(database: Path, target: Path, *, force: bool = False, with_secrets: bool = False) -> list[Path]:
    """Copy a database as it is at one moment; servers go on reading and writing. The files that were made.

    `force`: replace what is there. `with_secrets`: the generated pepper and encryption key, too, beside the copy.
    Raises BackupRefused, OSError, StoreUnavailable.
    """
    if not database.is_file():
        raise BackupRefused(f"{database}: there is no database to back up")
    wanted = [target, *(secret_files(target) if with_secrets else ())]
    taken = [str(path) for path in wanted if path.exists()]
    if taken and not force:
        raise BackupRefused(f"{', '.join(taken)}: is there already; --force replaces it")
    if target.exists() and target.samefile(database):
        raise BackupRefused(f"{target}: is the database itself")
    made = [target]
    with in_our_words(), _draft(target) as draft:
        _copy(database, draft)
        _expect_sound(draft, database)
        _put(draft, target)
    if with_secrets:
        made += [_put_copy(source, copy) for source, copy in _pairs(database, target)]
    return made


def restore(backup: Path, database: Path, *, with_secrets: bool = False) -> Path | None:
    """Put a backup in the place of the database, which is kept under another name: that name, None if there was none.

    The backup is looked at first: whole, a database of this program, and not of a newer one. `with_secrets`: take the
    pepper and the encryption key that lie beside it, too. Raises BackupRefused, SchemaMismatch, InUse where a server
    runs, OSError, StoreUnavailable; the database is then untouched.
    """
    if not backup.is_file():
        raise BackupRefused(f"{backup}: there is no such file")
    if database.exists() and backup.samefile(database):
        raise BackupRefused(f"{backup}: is the database itself")
    if with_secrets and not _pairs(backup, database):
        raise BackupRefused(f"{backup}: no pepper and no encryption key lie beside it")
    with serving(database), in_our_words(), _draft(database) as draft:
        _copy(backup, draft)
        _expect_sound(draft, backup)
        kept = _set_aside(database) if database.exists() else None
        _put(draft, database)
        if with_secrets:
            for source, copy in _pairs(backup, database):
                if copy.exists():
                    copy.replace(_free(copy))
                _put_copy(source, copy)
    return kept


def on_disk(database: Path) -> dict[str, int]:
    """The files whose contents lie in `batches.folder`, as the database knows them: name there -> bytes."""
    ready = "SELECT id, bytes FROM files WHERE ready AND place = 'disk'"
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone()
        return dict(connection.execute(ready)) if known else {}  # it may be older than files are


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A name in the folder of the target, an empty file of its owner alone; gone at the end if it was not used."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    files.make_database_file(draft)
    try:
        yield draft
    finally:
        for path in (draft, *(beside(draft, suffix) for suffix in LOG_SUFFIXES)):
            path.unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    """SQLite's online backup, in one step, so that no writer in between makes it begin again."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as old,
        closing(sqlite3.connect(draft, timeout=PATIENCE, isolation_level=None)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it; opening it writes ahead again
    files.flush(draft)


def _expect_sound(draft: Path, source: Path) -> None:
    """Raises BackupRefused, SchemaMismatch."""
    with closing(sqlite3.connect(draft)) as connection:
        said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise BackupRefused(f"{source}: is damaged ({said})")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(draft), poolclass=NullPool)
    with engine.connect() as connection:
        if migrating.version(connection) is None:
            raise BackupRefused(f"{source}: holds no database of telnyx-proxy")


def _put(draft: Path, target: Path) -> None:
    draft.replace(target)
    files.flush_folder(target.parent)


def _put_copy(source: Path, target: Path) -> Path:
    target.unlink(missing_ok=True)
    if not files.write_new(target, source.read_bytes()):
        raise BackupRefused(f"{target}: was made by somebody else at the same moment")
    return target


def _pairs(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """The secret files that lie beside one database, and where they belong beside another."""
    both = zip(secret_files(source), secret_files(target), strict=True)
    return [(old, new) for old, new in both if old.is_file()]


def _set_aside(database: Path) -> Path:
    """Rename the database and what of its log is left. Raises StoreUnavailable where somebody is writing."""
    try:
        with closing(sqlite3.connect(database, timeout=PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        pass  # damaged, or no database at all: a reason to restore one
    kept = _free(database)
    for suffix in ("", *LOG_SUFFIXES):
        path = beside(database, suffix)
        if path.exists():
            path.replace(beside(kept, suffix))
    return kept


def _free(path: Path) -> Path:
    """`proxy.db.before-restore`, with a number where earlier ones are kept."""
    kept, number = beside(path, REPLACED), 1
    while kept.exists():
        number += 1
        kept = beside(path, f"{REPLACED}-{number}")
    return kept
