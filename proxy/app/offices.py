"""The admin API on an open store: of a running server, which acts on a change at once, or of a program beside one."""

import os
from collections.abc import Callable
from contextlib import suppress

from proxy.accounts.ports import Spent
from proxy.admin.api import Api
from proxy.admin.declared import DeclaredSettings
from proxy.admin.operations import Models, Office
from proxy.app.membership import Kept
from proxy.clock import SYSTEM, Clock
from proxy.edge.services import Services
from proxy.errors import StoreUnavailable
from proxy.settings import Settings


class ConfiguredModels:
    """The models that a configuration names."""

    def __init__(self, settings: Settings) -> None:
        aliases = settings.models.aliases
        self._names = frozenset((*aliases, *aliases.values()))

    def known(self) -> frozenset[str]:
        """Aliases and what they stand for."""
        return self._names


class ServedModels:
    """The same, and the model lists that have been read."""

    def __init__(self, settings: Settings, listed: Callable[[], frozenset[str]]) -> None:
        self._configured = ConfiguredModels(settings)
        self._listed = listed

    def known(self) -> frozenset[str]:
        """All of them; nothing as long as no list has been read: nobody can say then that there is no such model."""
        listed = self._listed()
        return listed | self._configured.known() if listed else frozenset()


def api_on(kept: Kept, settings: Settings) -> Api:
    """The API without a server."""
    return Api(_office(kept, settings, SYSTEM, ConfiguredModels(settings), dict))


def api_for(services: Services, kept: Kept | None) -> Api | None:
    """The API of a server, None where nothing is kept that it could change."""
    if kept is None:
        return None
    models = ServedModels(services.settings, services.catalogue.names)
    return Api(_office(kept, services.settings, services.clock, models, services.admission.limiter.budgets))


def _office(kept: Kept, settings: Settings, clock: Clock, models: Models, spent: Callable[[], Spent]) -> Office:
    async def changed() -> None:
        # The change is kept. Should the database go now, its answer, perhaps with a new key, must not be lost for that:
        # whoever watches the database takes the change over when it is back.
        with suppress(StoreUnavailable):
            await kept.refresh()

    return Office(
        store=kept.store,
        sealing=kept.sealing,
        clock=clock,
        declared=DeclaredSettings(settings),
        models=models,
        random=os.urandom,
        changed=changed,
        spent=spent,
        bootstrap=settings.admin.token is not None,
        listens=(settings.listen.host, settings.listen.port),
    )
