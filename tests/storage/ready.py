"""A SQLite file that has its tables already: to make them takes 0.1 s of work for every test, to copy them takes none.

What migrations do is tested where they are (`test_migrating.py`, `migrations/`).
"""

import asyncio
import functools
import tempfile
import threading
from pathlib import Path

from proxy.storage.database import migrate_database
from proxy.storage.files import make_database_file

FILE = "sqlite:///"


def lay_out(url: str | None) -> None:
    """Put it where a URL says, if it says a SQLite file by its whole path, and none is there."""
    path = Path((url or "").removeprefix(FILE))
    if url is None or not url.startswith(FILE) or not path.is_absolute() or path.exists():
        return
    make_database_file(path)
    path.write_bytes(migrated())


@functools.cache
def migrated() -> bytes:
    """Its bytes, from the real migrations, which a thread runs: here an event loop may run already."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"{FILE}{folder}/proxy.db"
        thread = threading.Thread(target=lambda: asyncio.run(migrate_database(url, folder=Path(folder))))
        thread.start()
        thread.join()
        (file,) = Path(folder).iterdir()  # no log beside it, which would have to be copied, too
        return file.read_bytes()
