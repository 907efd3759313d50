"""The admin API on a real socket, driven by the official SDK's `client.admin.organization`.

The SDK does not look at what it gets, so every answer is read a second time, strictly, by the SDK's own types.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from openai import APIStatusError, AsyncOpenAI
from openai.resources.admin.organization.organization import AsyncOrganization
from pydantic import BaseModel

from proxy.admin.server import create_app
from proxy.storage.store import ADMIN_TOKEN
from proxy.telemetry.metrics import Metrics
from tests.admin.bureau import OWNER, Bureau, bureau

TOKEN = "an-admin-token-of-the-configuration"
DECLARED_TENANT: dict[str, Any] = {
    "id": "fixed",
    "name": "Fixed",
    "rules": {"models": ["zai-org/*"]},
    "disabled": False,
    "archived_at": None,
    "created_at": 0,
    "revision": 0,
}
DECLARED_KEY: dict[str, Any] = {
    "id": "fixed/web",
    "tenant": "fixed",
    "name": "web",
    "last4": "",
    "owner": "",
    "tags": {},
    "endpoints": [],
    "models": [],
    "networks": [],
    "expires_at": None,
    "disabled": False,
    "revoked_at": None,
    "last_used_at": None,
    "rotated_from": None,
    "service_account": None,
    "created_at": 0,
    "revision": 0,
}


def read(kind: type[BaseModel], answer: bytes | Mapping[str, Any]) -> Any:
    """An answer as the SDK's type, without any conversion: a number that should be text is an error."""
    if isinstance(answer, bytes):
        return kind.model_validate_json(answer, strict=True)
    return kind.model_validate(answer, strict=True)


def read_page(kind: type[BaseModel], answer: bytes) -> list[Any]:
    """The elements of a page, after a look at the page itself."""
    import json

    page = json.loads(answer)
    assert set(page) == {"object", "data", "first_id", "last_id", "has_more"}
    assert page["object"] == "list"
    assert isinstance(page["has_more"], bool)
    ids = [each["id"] for each in page["data"]]
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return [read(kind, each) for each in page["data"]]


@dataclass
class Official:
    """A client of the official SDK, and the bureau behind its server.

    Attributes:
        organization: of the bootstrap token.
    """

    bureau: Bureau
    organization: AsyncOrganization
    base_url: str
    stack: AsyncExitStack

    async def as_token(self, role: str, tenant: str | None = None) -> AsyncOrganization:
        """The same for a new token of another role."""
        made = await self.bureau.call("POST", "/tokens", {"name": "other", "role": role, "tenant": tenant})
        return (await self.client(made.value["token"])).admin.organization

    async def client(self, token: str) -> AsyncOpenAI:
        client = AsyncOpenAI(base_url=self.base_url, admin_api_key=token, api_key=None, max_retries=0)
        return await self.stack.enter_async_context(client)

    async def project(self, name: str = "Acme") -> str:
        """A new project."""
        return (await self.organization.projects.create(name=name)).id

    async def tokens(self) -> int:
        async with self.bureau.store.reading() as session:
            return len(await session.find(ADMIN_TOKEN))


@asynccontextmanager
async def official(folder: Path) -> AsyncIterator[Official]:
    """Open it, with no tenants and nothing declared."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(bureau(folder))
        app = create_app(Metrics(lambda name: True, lambda path: True), lambda: ("ok", ()), TOKEN, desk.api)
        server = TestServer(app)
        await server.start_server()
        stack.push_async_callback(server.close)
        made = Official(desk, None, str(server.make_url("/v1")), stack)  # type: ignore[arg-type]
        made.organization = (await made.client(TOKEN)).admin.organization
        yield made


async def refused(call: Any, status: int, code: str, param: str | None = None) -> str:
    """The message of a call that must fail like this."""
    with pytest.raises(APIStatusError) as caught:
        await call
    body: Any = caught.value.body
    assert (caught.value.status_code, body["code"], body["param"]) == (status, code, param), body
    assert set(body) == {"message", "type", "param", "code"}
    return str(body["message"])


__all__ = ["DECLARED_KEY", "DECLARED_TENANT", "OWNER", "TOKEN", "Official", "official", "read", "read_page", "refused"]
