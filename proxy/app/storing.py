"""Opening what is kept: the store of the settings, and the secrets of what it keeps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.app.membership import Kept
from proxy.clock import SYSTEM, Clock
from proxy.errors import StoreUnavailable
from proxy.settings import Settings

if TYPE_CHECKING:
    from proxy.storage.database import Database
    from proxy.storage.sealing import Sealing

HERE = Path()
"""Where relative paths begin; those of the configuration have been made absolute."""


@asynccontextmanager
async def opened(settings: Settings, clock: Clock = SYSTEM) -> AsyncIterator[Kept | None]:
    """The store while the body runs, None where the settings keep nothing.

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
        yield Kept(Store(database, clock), sealing)
    finally:
        await database.close()


async def _check(database: "Database", sealing: "Sealing") -> None:
    from proxy.storage.secrets import check_sealing

    try:
        await check_sealing(database, sealing)
    except StoreUnavailable as fault:
        raise OSError(f"storage.url: {fault.message}") from None
