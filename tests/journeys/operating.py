"""An operator of a world: the admin API by plain HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from proxy import codec
from tests.conftest import Build
from tests.world import CREDENTIAL, MODEL, World

TOKEN = "an-admin-token-of-the-tests"
PATIENCE = 20.0
"""Seconds after which something that was to happen has not."""
CHAT: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hello there"}]}


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Asked again and again until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 - other processes and tasks call nobody back
            await asyncio.sleep(0.02)


class Operator:
    """Somebody with the admin token."""

    def __init__(self, here: World) -> None:
        self.here = here

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call: status and body."""
        url = f"{self.here.proxy.addresses.admin}/admin/v1/{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        data = None if body is None else codec.encode(body)
        async with self.here.session.request(method, url, data=data, headers=headers) as answer:
            return answer.status, codec.decode(await answer.read())

    async def do(self, method: str, path: str, body: Any = None) -> Any:
        """One call that must succeed: its body."""
        status, answer = await self.call(method, path, body)
        assert status < 300, answer
        return answer

    async def tenant(self, name: str = "shop", credential: str = CREDENTIAL, **rules: Any) -> None:
        """A tenant of the store with a Telnyx key."""
        await self.do("POST", "tenants", {"id": name, "rules": rules})
        await self.do("POST", "credentials", {"tenant": name, "name": "main", "secret": credential})

    async def key(self, tenant: str = "shop", name: str = "web", **more: Any) -> tuple[str, str]:
        """A new key: its id and its text."""
        made = await self.do("POST", "keys", {"tenant": tenant, "name": name, **more})
        return made["id"], made["key"]


def kept(folder: Path, **sections: Any) -> dict[str, Any]:
    """Sections of a proxy that keeps what operators make."""
    given: dict[str, Any] = {
        "storage": {"url": f"sqlite:///{folder}/proxy.db"},
        "admin": {"port": 0, "token": {"value": TOKEN}},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section} if isinstance(section, dict) else section
    return given


async def operated(build: Build, folder: Path, **sections: Any) -> tuple[World, Operator]:
    """A world with a store, and its operator."""
    here = await build(**kept(folder, **sections))
    return here, Operator(here)
