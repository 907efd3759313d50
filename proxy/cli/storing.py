"""The database of a configuration, for subcommands that work on it without a server or beside one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.storage.location import Location
    from proxy.storage.sealing import Sealing
    from proxy.storage.store import Store


class Opened(NamedTuple):
    """A configuration, and what it stores."""

    settings: "Settings"
    store: "Store"
    sealing: "Sealing"


def configured(config: Path | None) -> "Settings":
    """The settings of a file, all defaults without one, with the secrets of the store. Raises ConfigurationError."""
    from proxy.app.checks import CHECKS
    from proxy.settings import environment, load_stored

    return load_stored(config, environment(), checks=CHECKS)


def url_of(settings: "Settings") -> str:
    """The address of the database. Raises ConfigurationError where none is configured."""
    from proxy.settings.faults import ConfigurationError, Fault

    if settings.storage.url is None:
        hint = "sqlite:///data/proxy.db or postgresql://USER@HOST/NAME"
        raise ConfigurationError([Fault("storage.url", "is null, so there is no database to work on", hint)])
    return settings.storage.url


def location_of(settings: "Settings") -> "Location":
    """Where the database is. Raises ConfigurationError, BadAddress."""
    from proxy.storage.location import locate

    return locate(url_of(settings), Path(), password_of(settings))


def password_of(settings: "Settings") -> str | None:
    """The password for PostgreSQL, if it does not stand in the address."""
    password = settings.storage.password
    return None if password is None else password.reveal()


@asynccontextmanager
async def opened(config: Path | None) -> AsyncIterator[Opened]:
    """The store of a configuration, closed at the end. A SQLite database is made and migrated where needed.

    Raises ConfigurationError, and OSError for all that is wrong with the database, while it is opened and later.
    """
    from proxy.app import storing
    from proxy.errors import StoreUnavailable

    settings = configured(config)
    url_of(settings)
    try:
        async with storing.opened(settings) as kept:
            if kept is not None:
                yield Opened(settings, kept.store, kept.sealing)
    except StoreUnavailable as fault:
        raise OSError(fault.message) from None
