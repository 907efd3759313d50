"""Opening what is kept: the store of the settings, and the secrets of what it keeps."""

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.app.membership import Kept
from proxy.clock import SYSTEM, Clock
from proxy.errors import StoreUnavailable
from proxy.settings import Settings
from proxy.settings.model import Listen

if TYPE_CHECKING:
    from proxy.storage.database import Database
    from proxy.storage.sealing import Sealing

HOST_LIMIT = 64
"""Characters of the name of a host, which is 253 at most."""
HERE = Path()
"""Where relative paths begin; those of the configuration have been made absolute."""


@asynccontextmanager
async def opened(settings: Settings, clock: Clock = SYSTEM, number: int = 1) -> AsyncIterator[Kept | None]:
    """The store while the body runs, None where the settings keep nothing. `number`: which of several workers asks.

    Raises OSError where the schema, the pepper or an encryption key is another, or the database does not answer.
    """
    storage = settings.storage
    if storage.url is None:
        yield None
        return
    # what is not used shall not take memory: a tenth of a second and 30 MB
    from proxy.storage.database import open_database
    from proxy.storage.secrets import sealing_for
    from proxy.storage.store import Store

    pepper = storage.pepper.reveal() if storage.pepper is not None else None
    sealing = sealing_for(storage.url, HERE, pepper, [key.reveal() for key in storage.encryption_keys])
    password = storage.password.reveal() if storage.password is not None else None
    try:
        database = await open_database(storage.url, folder=HERE, migrate=True, password=password)
    except StoreUnavailable as fault:
        raise OSError(f"storage.url: {fault.message}") from None
    try:
        await _check(database, sealing)
        yield Kept(Store(database, clock), sealing, worker=name_of(settings.listen, number))
    finally:
        await database.close()


def name_of(listen: Listen, number: int) -> str:
    """By which name a process is known to others with the same database, and to the one after it.

    Nobody else has it as long as the process runs: host, port and the worker's number. Where that is not sure (the
    port is any, or shared with whoever comes next), it is a name that nobody else will ever have.
    """
    unique = "" if listen.port and not listen.reuse_port else f"/{secrets.token_hex(8)}"
    return f"{socket.gethostname()[:HOST_LIMIT]}:{listen.port}/{number}{unique}"


async def _check(database: "Database", sealing: "Sealing") -> None:
    from proxy.storage.secrets import check_sealing

    try:
        await check_sealing(database, sealing)
    except StoreUnavailable as fault:
        raise OSError(f"storage.url: {fault.message}") from None
