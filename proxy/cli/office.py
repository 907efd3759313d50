"""Key management in this process, on the database of a configuration: without a server, or beside a running one.

A running server notices by itself what is changed here, as it does when another server changes it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy.accounts.roles import COMMAND_LINE
from proxy.admin.api import Api
from proxy.app.membership import Kept
from proxy.app.offices import api_on
from proxy.cli.desks import Query, Refused
from proxy.cli.storing import opened
from proxy.errors import ProxyError


class Near:
    """A desk in this process: whoever can open the database may do everything."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        """One call. Raises Refused."""
        listed = {name: (value,) if isinstance(value, str) else value for name, value in (query or {}).items()}
        try:
            reply = await self.api.call(method, path, COMMAND_LINE, query=listed, body=body)
        except ProxyError as fault:
            raise Refused(fault.message, fault.status) from None
        return reply.value


@asynccontextmanager
async def office(config: Path) -> AsyncIterator[Near]:
    """The desk on the database of this configuration. Raises ConfigurationError, Refused."""
    try:
        async with opened(config) as (settings, store, sealing):
            yield Near(api_on(Kept(store, sealing), settings))
    except ProxyError as fault:
        raise Refused(fault.message, fault.status) from None
