"""Routes whose code is not imported before somebody asks for one of them: a proxy may run for months without."""

import asyncio
from collections.abc import Callable

from aiohttp import web


class Later:
    """Stands in for routes until they are needed.

    Args:
        lay_out: makes their router; called in a thread, so that what it imports keeps no stream waiting.
    """

    def __init__(self, lay_out: Callable[[], web.UrlDispatcher]) -> None:
        self._lay_out = lay_out
        self._router: web.UrlDispatcher | None = None
        self._turn = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer of the route that is meant. Raises HTTPNotFound, HTTPMethodNotAllowed, whatever the route does."""
        found = await (await self._laid_out()).resolve(request)
        request.match_info.clear()
        request.match_info.update(found)
        return await found.handler(request)

    async def _laid_out(self) -> web.UrlDispatcher:
        async with self._turn:
            if self._router is None:
                self._router = await asyncio.to_thread(self._lay_out)
            return self._router
