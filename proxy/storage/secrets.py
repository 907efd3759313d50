"""The pepper and the encryption keys: where they come from, and whether they are those of this database.

Beside a SQLite file they are made on first use, `proxy.db.pepper` and `proxy.db.encryption-key`: a proxy on a laptop
needs no configuration, and a copy of the database alone tells nothing. On PostgreSQL several machines must agree, so
they are given in the configuration.

The database remembers a check of both. With another pepper every key would be unknown, with another encryption key no
Telnyx key could be read; both are told at the start and not by the first request that fails.
"""

import hmac
import os
import secrets
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update

from proxy.settings.storage import SECRET_LENGTH
from proxy.storage import files, schema
from proxy.storage.connections import AsyncConnection
from proxy.storage.database import Database
from proxy.storage.location import locate
from proxy.storage.refusals import SecretRefused
from proxy.storage.sealing import Sealing, sealing

PEPPER_SUFFIX = ".pepper"
ENCRYPTION_SUFFIX = ".encryption-key"
PEPPER_CHECK, ENCRYPTION_CHECK = "pepper_check", "encryption_check"
CHECKED = b"telnyx-proxy check"
RANDOM_BYTES = 32


def sealing_for(
    url: str, folder: Path, pepper: str | None, encryption_keys: Sequence[str], password: str | None = None
) -> Sealing:
    """The secrets of a database: the ones given, else those in files beside a SQLite database, made on first use.

    Raises SecretRefused, BadAddress, OSError where a file cannot be made or read.
    """
    path = locate(url, folder, password).path
    for name, given in (("pepper", [] if pepper is None else [pepper]), ("encryption_keys", encryption_keys)):
        if any(len(secret) < SECRET_LENGTH for secret in given):
            raise SecretRefused(f"storage.{name} must have {SECRET_LENGTH} characters or more: openssl rand -base64 32")
    if path is None:
        if pepper is None or not encryption_keys:
            missing = "storage.pepper" if pepper is None else "storage.encryption_keys"
            raise SecretRefused(
                f"{missing} must be set for PostgreSQL, the same on every machine: openssl rand -base64 32"
            )
        return sealing(pepper, encryption_keys)
    if pepper is None:
        pepper = _kept(path, PEPPER_SUFFIX, PEPPER_CHECK)
    return sealing(pepper, encryption_keys or [_kept(path, ENCRYPTION_SUFFIX, ENCRYPTION_CHECK)])


def secret_files(database: Path) -> tuple[Path, Path]:
    """Where the generated pepper and encryption key of a SQLite file are."""
    return beside(database, PEPPER_SUFFIX), beside(database, ENCRYPTION_SUFFIX)


def beside(path: Path, suffix: str) -> Path:
    """The same path with something appended to its name."""
    return path.with_name(path.name + suffix)


def _kept(database: Path, suffix: str, check: str) -> str:
    path = beside(database, suffix)
    if not path.exists():
        if _remembers(database, check):
            setting = "storage.pepper" if suffix == PEPPER_SUFFIX else "storage.encryption_keys"
            raise SecretRefused(
                f"{path} is missing, and {database} was made with one: put it back from a backup, or set {setting}. "
                "A new one would not fit"
            )
        files.make_database_file(database)  # the folder, too
        files.write_new(path, secrets.token_urlsafe(RANDOM_BYTES).encode() + b"\n")
    return _read(path)


def _remembers(database: Path, check: str) -> bool:
    """Whether the database holds a check already; a file that cannot be read so far does not."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT 1 FROM meta WHERE name = ?", (check,)).fetchone()
    except sqlite3.Error:
        return False
    return found is not None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        # Of others only: Kubernetes opens the files of a volume to the group of the pod by itself (fsGroup).
        if os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
            raise SecretRefused(f"{path} can be read or changed by everybody: chmod o-rwx '{path}'")
        try:
            text = file.read().decode().strip()
        except UnicodeDecodeError:
            text = ""
    if len(text) < SECRET_LENGTH:
        raise SecretRefused(
            f"{path} does not hold a secret of {SECRET_LENGTH} characters or more; put it back from a backup"
        )
    return text


async def check_sealing(database: Database, sealing: Sealing) -> None:
    """See to it that these are the secrets of the database, and remember them at first use.

    Raises SecretRefused, StoreUnavailable.
    """
    async with database.connect() as connection:
        if await _fits(connection, sealing):
            return
    async with database.begin() as connection:
        await database.lock(connection)
        if not await _fits(connection, sealing):
            await remember(connection, sealing)
            idempotency = schema.IDEMPOTENCY
            await connection.execute(delete(idempotency))  # sealed by a key that is gone, or none there yet


async def remember(connection: AsyncConnection, sealing: Sealing) -> None:
    """Keep what later starts compare with; the check of encryption is a fingerprint of the first key."""
    meta = schema.META
    checks = {PEPPER_CHECK: _pepper_check(sealing), ENCRYPTION_CHECK: sealing.fingerprints()[0]}
    for name, value in checks.items():
        done = await connection.execute(update(meta).where(meta.c.name == name).values(value=value))
        if done.rowcount == 0:
            await connection.execute(insert(meta).values(name=name, value=value))


async def _fits(connection: AsyncConnection, sealing: Sealing) -> bool:
    """Whether both checks are there and right; False where they are to be written. Raises SecretRefused."""
    meta = schema.META
    found = await connection.execute(select(meta.c.name, meta.c.value))
    checks = {str(row.name): str(row.value) for row in found}
    pepper, encryption = checks.get(PEPPER_CHECK), checks.get(ENCRYPTION_CHECK)
    if pepper is None or encryption is None:
        return False
    if not hmac.compare_digest(pepper, _pepper_check(sealing)):
        raise SecretRefused(
            "the pepper is not the one this database was made with: every key in this database would fail. "
            "Give back the old one (storage.pepper, or the file beside the SQLite database)"
        )
    if any(hmac.compare_digest(encryption, fingerprint) for fingerprint in sealing.fingerprints()):
        return True
    credentials = schema.CREDENTIALS
    sealed = select(func.count()).select_from(credentials).where(credentials.c.sealed.is_not(None))
    count = (await connection.execute(sealed)).scalar_one()
    if count:
        raise SecretRefused(
            f"no key of storage.encryption_keys opens what this database holds ({count} Telnyx "
            f"{'key' if count == 1 else 'keys'}): add the old one behind the new one, and run 'telnyx-proxy reseal' "
            "before you take it away"
        )
    return False


def _pepper_check(sealing: Sealing) -> str:
    return sealing.digest(CHECKED).hex()
