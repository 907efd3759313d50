"""A small world for journeys: the emulated Telnyx, the proxy in front of it, clients, all on real sockets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from proxy import codec
from proxy.app.running import Proxy, running
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as telnyx_running
from proxy.settings import Settings
from tests.storage.ready import lay_out

KEY = "sk-an-old-key-of-the-app-0001"
OTHER_KEY = "sk-an-old-key-of-the-app-0002"
CREDENTIAL = "KEY_acme-telnyx-0001"
OTHER_CREDENTIAL = "KEY_other-telnyx-0002"
MODEL = "moonshotai/Kimi-K2.6"
HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]

TENANTS: list[dict[str, Any]] = [
    {
        "id": "acme",
        "upstream_api_key": {"value": CREDENTIAL},
        "keys": [{"name": "web", "secret": {"value": KEY}}],
    },
    {
        "id": "beta",
        "upstream_api_key": {"value": OTHER_CREDENTIAL},
        "models": ["zai-org/*"],
        "keys": [{"name": "app", "secret": {"value": OTHER_KEY}}],
    },
]


def settings(base_url: str, log: Path | None = None, **sections: Any) -> Settings:
    """Settings for a proxy in front of `base_url` on free ports; sections are laid over section by section."""
    given: dict[str, Any] = {
        "listen": {"port": 0},
        "admin": {"port": 0, "token": None},
        "upstream": {"base_url": base_url, "api_key": None},
        "shutdown": {"grace": 5},
        "logging": {"file": log and str(log), "format": "json"},
        "tenants": TENANTS,
        "storage": {"url": None},
    }
    if log is not None:
        given["ledger"] = {"spool": {"folder": str(log.parent / "spool")}}
    for name, section in sections.items():
        known = given.get(name)
        given[name] = {**known, **section} if isinstance(known, dict) else section
    return Settings.model_validate(given)


@dataclass
class World:
    """One emulator, one proxy, one session that speaks plain HTTP."""

    telnyx: Emulator
    proxy: Proxy
    session: aiohttp.ClientSession
    stack: AsyncExitStack
    log: Path

    def url(self, path: str) -> str:
        """An address of the OpenAI side."""
        return self.proxy.addresses.openai + path

    async def openai(self, key: str = KEY, **options: Any) -> AsyncOpenAI:
        """The official client, changed by base URL and key only (and without retries, which would hide errors)."""
        client = AsyncOpenAI(base_url=self.proxy.addresses.base_url, api_key=key, **{"max_retries": 0, **options})
        return await self.stack.enter_async_context(client)

    def post(self, body: Any, key: str | None = KEY, **options: Any) -> Any:
        """A chat request by plain HTTP."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        headers |= options.pop("headers", {})
        data = body if isinstance(body, bytes) else codec.encode(body)
        path = options.pop("path", "/v1/chat/completions")
        return self.session.post(self.url(path), data=data, headers=headers, **options)

    def sent(self) -> list[Any]:
        """The bodies of the chat requests that Telnyx received."""
        return [request.body for request in self.telnyx.state.requests if request.method == "POST"]

    def lines(self) -> list[dict[str, Any]]:
        """The canonical log lines."""
        found = [codec.decode(line) for line in self.log.read_bytes().splitlines()]
        return [line for line in found if line["event"] == "request"]

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of a scrape: (name, labels) -> value."""
        async with self.session.get(self.proxy.addresses.admin + "/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in (await self.metrics()).items() if found == name and wanted <= has)


@asynccontextmanager
async def world(
    log: Path, scenario: str = "default", options: Mapping[str, Any] | None = None, **sections: Any
) -> AsyncIterator[World]:
    """A world until the block is left."""
    async with AsyncExitStack() as stack:
        telnyx = await stack.enter_async_context(telnyx_running(scenario=scenario, options=options))
        given = settings(telnyx.base_url, log, **sections)
        lay_out(given.storage.url)
        proxy = await stack.enter_async_context(running(given))
        stack.callback(telnyx.state.release.set)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(telnyx, proxy, session, stack, log)
