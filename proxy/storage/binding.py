"""One spool, one database: the rows of one must never end up in the other.

The database has a random name, which it is given once; the spool has it in the file `database`. A spool in which
nothing waits may be used for another database from now on.
"""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import select

from proxy.storage import engines, schema
from proxy.storage.database import Database
from proxy.storage.files import write_new
from proxy.storage.refusals import StorageRefused
from proxy.storage.segments import FOLDER, make_folder

NAME = "ledger"
"""The row of `meta`."""
MARKER = "database"


class OtherDatabase(StorageRefused):
    """Requests wait in the spool for another database."""


async def bind(database: Database, root: Path) -> None:
    """See to it that a spool is this database's. Raises OtherDatabase, OSError, StoreUnavailable."""
    name = await _name(database)
    await asyncio.to_thread(_mark, root, name.encode())


async def _name(database: Database) -> str:
    meta = schema.META
    query = select(meta.c.value).where(meta.c.name == NAME)
    async with database.connect() as connection:
        found = (await connection.execute(query)).scalar_one_or_none()
    if found is None:
        made = {"name": NAME, "value": secrets.token_hex(16)}
        adding = engines.upsert(meta, sqlite=database.location.path is not None).values(made)
        async with database.begin() as connection:
            await connection.execute(adding.on_conflict_do_nothing())
            found = (await connection.execute(query)).scalar_one()
    return str(found)


def _mark(root: Path, name: bytes) -> None:
    make_folder(root)
    marker = root / MARKER
    with _alone(root):
        if write_new(marker, name) or marker.read_bytes() == name:
            return
        folders = [folder for folder in root.iterdir() if FOLDER.match(folder.name)]
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()  # an empty one holds nothing
        if any(folder.exists() for folder in folders):
            raise OtherDatabase(
                f"ledger.spool.folder: in {root}, requests wait for another database than that of storage.url. Start "
                "the proxy with that one once, so that it gets them; or give this one another folder; or delete what "
                "is in there, which forgets those requests"
            )
        marker.unlink()
        write_new(marker, name)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Workers start together: one would take the folder that another one has just made for one that was left behind."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
