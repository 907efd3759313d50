"""One server on a SQLite file: two would count limits apart and not hear of each other at once.

The lock is the kernel's, on `proxy.db.lock`: it ends with the process, however that ends, and the file may stay.
The command line does not take it; it may change keys beside a running server.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.storage import files
from proxy.storage.refusals import InUse

SUFFIX = ".lock"
PID_LENGTH = 32
"""Bytes read of the file: a process id and a line break."""


@contextmanager
def serving(path: Path) -> Iterator[None]:
    """Have a SQLite file for this server alone. Raises InUse, which names the process that has it, and OSError."""
    lock = path.with_name(path.name + SUFFIX)
    lock.parent.mkdir(mode=files.FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.OWNER_ONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(
                f"{path} is in use by another server, process {_holder(descriptor)}: stop that one, give this one "
                "another storage.url, or use PostgreSQL for both"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)  # which gives the lock up


def _holder(descriptor: int) -> str:
    said = os.pread(descriptor, PID_LENGTH, 0).decode(errors="replace").strip()
    return said if said.isdigit() else "unknown"
