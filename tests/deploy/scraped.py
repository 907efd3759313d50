"""A proxy of two workers that a real Prometheus scrapes with our configuration and rules, and a load that touches
everything its dashboards show.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from proxy import codec
from proxy.emulator.catalogue import MODELS
from proxy.emulator.server import Emulator
from proxy.emulator.server import running as telnyx_running
from tests.cli.commands import MODULE, Command, base_url, running
from tests.deploy.boards import DEPLOY, RULES
from tests.deploy.prometheus_server import Prometheus, running_prometheus
from tests.storage.redis_server import RedisServer, running_redis
from tests.world import HELLO

WORKERS = 2
SERIES = 30
"""`metrics.series` of each worker: fewer than the load has, so that the limit is reached."""
PATIENCE = 240.0
"""Seconds for the whole of it: many times what it takes on a slow machine."""
TOKEN = "an-admin-token-of-the-tests"
MODEL, LIMITED_MODEL, UNPRICED_MODEL = "zai-org/GLM-5.2", "moonshotai/Kimi-K2.6", "nobody/knows-its-price"
OWNED = [model.id for model in MODELS.values() if not model.needs_key]
CHAT: dict[str, Any] = {"model": MODEL, "messages": HELLO}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}}
DROPPED = {"store": True, "service_tier": "auto", "metadata": {"a": "b"}, "logit_bias": {"5": 1}}
OTHERS = tuple(f"tenant-{number}" for number in range(3))


def key_of(tenant: str) -> str:
    """The key of a tenant's app."""
    return f"sk-of-the-app-of-{tenant}-0001"


def tenant(name: str, **more: Any) -> dict[str, Any]:
    """A declared tenant with one key."""
    return {"id": name, "keys": [{"name": "app", "secret": {"value": key_of(name)}}], **more}


def tenants() -> list[dict[str, Any]]:
    """`acme` has everything that a dashboard of one tenant shows; the others are many."""
    credentials = [
        {"name": "good", "api_key": {"value": "KEY"}},
        {"name": "revoked", "api_key": {"value": "KEY_unauthorized"}},
    ]
    acme = tenant(
        "acme",
        credentials=credentials,
        limits=[{"model": LIMITED_MODEL, "requests_per_minute": 1}],
        budgets=[{"usd": 250, "per": "month"}],
        markup=1.2,
    )
    others = [tenant(name, upstream_api_key={"value": "KEY"}) for name in OTHERS]
    return [acme, *others]


def settings_of(telnyx: Emulator, redis: RedisServer, folder: Path) -> dict[str, Any]:
    """The proxy's configuration."""
    return {
        "listen": {"port": 0},
        "admin": {"port": 0, "token": {"value": TOKEN}},
        "server": {"workers": WORKERS},
        "upstream": {"base_url": telnyx.base_url},
        "storage": {"url": f"sqlite:///{folder}/proxy.db", "redis": {"url": {"value": redis.url}}},
        "ledger": {"spool": {"folder": str(folder / "spool")}},
        "logging": {"file": str(folder / "log.jsonl")},
        "metrics": {"series": SERIES},
        "tenants": tenants(),
    }


def prometheus_config(folder: Path, target: str) -> Path:
    """The configuration in `deploy/`, with this target, a token of the tests, and less patience."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES / "*.yml")]
    (job,) = config["scrape_configs"]
    token = folder / "admin-token"
    token.write_text(TOKEN)
    job["authorization"]["credentials_file"] = str(token)
    job["static_configs"] = [{"targets": [target]}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class Scraped:
    """What is running, and how many requests were answered with which status, how many with a stream."""

    telnyx: Emulator
    redis: RedisServer
    prometheus: Prometheus
    session: aiohttp.ClientSession
    openai: str
    answered: Counter[int] = field(default_factory=Counter)
    streams: int = 0

    async def ask(self, body: dict[str, Any], name: str = "acme", **headers: str) -> int:
        """One chat request, read to its end, however that is."""
        lines = {"Authorization": f"Bearer {key_of(name)}", **headers}
        url = f"{self.openai}/chat/completions"
        async with self.session.post(url, data=codec.encode(body), headers=lines) as answer:
            await answer.read()
            self.answered[answer.status] += 1
            self.streams += answer.content_type == "text/event-stream"
            return answer.status

    async def each(self, bodies: Iterable[dict[str, Any]], name: str = "acme") -> None:
        """All of them, a few at a time."""
        few = asyncio.Semaphore(32)

        async def one(body: dict[str, Any]) -> None:
            async with few:
                await self.ask(body, name)

        await asyncio.gather(*map(one, bodies))

    async def under(self, scenario: str, *bodies: dict[str, Any], **options: Any) -> None:
        """Requests of acme while Telnyx behaves like this."""
        self.telnyx.state.choose(scenario, options)
        await self.each(bodies)
        self.telnyx.state.choose("default")

    async def leave(self) -> None:
        """A client that goes while Telnyx is still thinking."""
        self.telnyx.state.choose("slow-headers", {"seconds": 600})
        request = asyncio.ensure_future(self.ask(CHAT))
        await self.telnyx.state.until(lambda state: state.paused)
        request.cancel()
        await asyncio.wait([request])
        await self.telnyx.state.until(lambda state: not state.paused)
        self.telnyx.state.choose("default")
        self.answered[499] += 1

    async def everything(self) -> None:
        """One round: every kind of answer, ending, refusal and repair that a panel shows."""
        stream = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
        await self.under("default", *([CHAT, stream] * 4), cached_tokens=5)
        await self.each([{**CHAT, "model": LIMITED_MODEL}] * 3)
        await self.each([{**CHAT, **DROPPED}, {**CHAT, "model": UNPRICED_MODEL}, {**CHAT, "messages": 5}])
        self.telnyx.state.choose("any-model")  # with a budget, as acme has, it would be refused
        await self.ask({**CHAT, "model": UNPRICED_MODEL}, OTHERS[0])
        await self.under("unavailable", *[CHAT] * 2)
        await self.under("error-mid-stream", *[stream] * 2)
        await self.under("schema-violated", *[{**CHAT, "response_format": SCHEMA_FORMAT}] * 2)
        await self.under("cap-with-tools-refused", *[{**CHAT, "tools": TOOLS, "max_tokens": 50}] * 4)
        await self.under("usage-missing", CHAT)
        await self.leave()
        for name in OTHERS:
            await self.each(({**CHAT, "model": model} for model in OWNED), name)

    async def scrape_holds_all(self) -> None:
        """Until Prometheus has seen every request that was answered, and no more."""
        sent = self.answered.total()
        seen = await self.prometheus.until("sum(telnyx_proxy_requests_total)", lambda value: value >= sent)
        assert seen == sent


@asynccontextmanager
async def scraped(folder: Path) -> AsyncIterator[Scraped]:
    """All of it until the block is left."""
    async with AsyncExitStack() as stack:
        telnyx = await stack.enter_async_context(telnyx_running())
        redis = stack.enter_context(running_redis())
        path = folder / "proxy.yaml"
        path.write_bytes(codec.encode(settings_of(telnyx, redis, folder)))
        serve = running(*MODULE, "serve", "--config", str(path), environ={"TMPDIR": str(folder)}, patience=PATIENCE)
        command: Command = await stack.enter_async_context(serve)
        text = await command.until("Ctrl-C stops it.")
        stack.callback(telnyx.state.release.set)
        admin = text.partition("metrics and health: http://")[2].partition("/metrics")[0]
        prometheus = await stack.enter_async_context(running_prometheus(prometheus_config(folder, admin), folder))
        connections = aiohttp.TCPConnector(force_close=True)  # so that both workers are asked
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connections))
        yield Scraped(telnyx, redis, prometheus, session, base_url(text))
