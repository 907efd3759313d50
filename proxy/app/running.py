"""Running: both listeners up, a clean end on a signal."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from proxy.admin.server import create_app
from proxy.app.services import Stopping, running_services
from proxy.clock import SYSTEM, Clock
from proxy.edge.listener import Listener
from proxy.edge.services import Services
from proxy.settings import Settings

BACKLOG = 4096
"""Connections waiting to be accepted: a burst of a few thousand apps that start together."""
LAST_CONNECTIONS = 2.0
"""Seconds for closing connections once every request has ended."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the proxy listens, with the real ports."""

    openai: str
    admin: str

    @property
    def base_url(self) -> str:
        """What goes into OPENAI_BASE_URL."""
        return f"{self.openai}/v1"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    addresses: Addresses
    services: Services
    listener: Listener


@asynccontextmanager
async def running(settings: Settings, clock: Clock = SYSTEM) -> AsyncIterator[Proxy]:
    """Both listeners, up before the body runs; drained and closed after it. Raises OSError where one cannot listen."""
    stopping = Stopping()
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(running_services(settings, stopping, clock))
        token = settings.admin.token
        app = create_app(services.metrics, stopping.readiness, token.reveal() if token else None)
        admin = await _listen(stack, web.AppRunner(app, access_log=None), settings.admin.host, settings.admin.port)
        listener = Listener(services)
        runner = web.ServerRunner(listener.server(), handle_signals=False, shutdown_timeout=LAST_CONNECTIONS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(
            runner,
            settings.listen.host,
            settings.listen.port,
            backlog=BACKLOG,
            reuse_port=settings.listen.reuse_port or None,
        )
        await site.start()
        try:
            yield Proxy(Addresses(_address(runner, settings.listen.host), admin), services, listener)
        finally:
            stopping.begun = True
            await site.stop()
            await listener.drain(settings.shutdown.grace)


async def _listen(stack: AsyncExitStack, runner: web.AppRunner, host: str, port: int) -> str:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port).start()
    return _address(runner, host)


def _address(runner: web.ServerRunner | web.AppRunner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def until_signal(settings: Settings, ready: Callable[[Proxy], Awaitable[None] | None]) -> None:
    """Run until SIGINT or SIGTERM; `ready` is called once everything listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as proxy:
        told = ready(proxy)
        if told is not None:
            await told
        proxy.services.log.say("listening", openai=proxy.addresses.openai, admin=proxy.addresses.admin)
        await stop.wait()
        proxy.services.log.say("stopping", grace_seconds=int(settings.shutdown.grace))
