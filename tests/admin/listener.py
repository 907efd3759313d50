"""The admin listener on a real socket, over a real SQLite file."""

import dataclasses
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from proxy.accounts.roles import Role
from proxy.admin.server import create_app
from proxy.admin.serving import runner as admin_runner
from proxy.telemetry.metrics import Metrics
from tests.admin.bureau import Bureau, bureau

TOKEN = "the bootstrap token of these tests"


@dataclass(frozen=True)
class Answer:
    """Status, headers and decoded body."""

    status: int
    headers: Mapping[str, str]
    value: Any
    text: str

    @property
    def error(self) -> Any:
        """The error object."""
        return self.value["error"]


@dataclass
class Listener:
    """A listener, what is behind it, and a way to speak to it."""

    bureau: Bureau
    url: str
    session: aiohttp.ClientSession

    async def send(self, method: str, path: str, body: Any = None, token: str | None = TOKEN, **headers: str) -> Answer:
        """A request; names of headers with `_` for `-`. Bytes are sent as they are."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        content = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        async with self.session.request(method, self.url + path, headers=given, **content) as answer:
            text = await answer.text()
            whole = answer.content_type == "application/json" and text
            return Answer(answer.status, answer.headers, await answer.json() if whole else None, text)

    async def done(self, method: str, path: str, body: Any = None, token: str | None = TOKEN, **headers: str) -> Any:
        """The value of a request that must succeed."""
        answer = await self.send(method, path, body, token, **headers)
        assert answer.status < 300, answer.text
        return answer.value

    async def token(self, role: Role, tenant: str | None = None, name: str = "someone") -> str:
        """A new admin token."""
        body = {"name": name, "role": role, "tenant": tenant}
        return str((await self.done("POST", "/admin/v1/tokens", body))["token"])

    async def key(self, tenant: str = "acme", name: str = "web", **more: Any) -> Any:
        """A new key: the view, with the secret."""
        return await self.done("POST", "/admin/v1/keys", {"tenant": tenant, "name": name, **more})


@asynccontextmanager
async def listener(folder: Path, token: str | None = TOKEN, *, with_api: bool = True) -> AsyncIterator[Listener]:
    """Open it, with the tenants `acme` and `beta`."""
    async with bureau(folder) as made:
        made.api.office = dataclasses.replace(made.api.office, bootstrap=token is not None)
        for name in ("acme", "beta"):
            await made.add_tenant(name)
        metrics = Metrics(lambda name: True, lambda path: True)
        runner = admin_runner(create_app(metrics, lambda: ("ok", []), token, made.api if with_api else None))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            async with aiohttp.ClientSession() as session:
                yield Listener(made, f"http://{host}:{port}", session)
        finally:
            await runner.cleanup()
