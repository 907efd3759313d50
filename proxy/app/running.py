"""Running: both listeners up, a clean end on a signal."""

import asyncio
import os
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
from proxy.settings.model import Admin, Listen

BACKLOG = 4096
"""Connections waiting to be accepted: a burst of a few thousand apps that start together."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LAST_REQUESTS = 1.0
"""Seconds for requests that are on their way on kept connections; their answers say that the connection ends."""
LAST_CONNECTIONS = 2.0
"""Seconds for closing connections once every request has ended."""


Runner = web.ServerRunner | web.AppRunner


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
        operators = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_CONNECTIONS)
        await _set_up(stack, operators)
        await _start(operators, settings.admin, "admin")
        admin = _address(operators, settings.admin.host)
        listener = Listener(services)
        runner = web.ServerRunner(listener.server(), handle_signals=False, shutdown_timeout=LAST_CONNECTIONS)
        await _set_up(stack, runner)
        site = await _start(runner, settings.listen, "listen", reuse_port=settings.listen.reuse_port or None)
        try:
            yield Proxy(Addresses(_address(runner, settings.listen.host), admin), services, listener)
        finally:
            stopping.begun = True
            await site.stop()
            await listener.wind_down(min(LAST_REQUESTS, settings.shutdown.grace))
            await listener.drain(settings.shutdown.grace)


async def _set_up(stack: AsyncExitStack, runner: Runner) -> None:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)


async def _start(runner: Runner, where: Listen | Admin, section: str, *, reuse_port: bool | None = None) -> web.TCPSite:
    """Listen. Raises OSError that names the setting to change."""
    site = web.TCPSite(runner, where.host, where.port, backlog=BACKLOG, reuse_port=reuse_port)
    try:
        await site.start()
    except OSError as fault:
        code = fault.errno or 0
        reason = os.strerror(code) if code > 0 else fault.strerror  # negative codes are those of a name look-up
        raise OSError(
            code, f"cannot listen on {where.host}:{where.port} ({section}.host, {section}.port): {reason}"
        ) from fault
    return site


def _address(runner: Runner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def until_signal(settings: Settings, ready: Callable[[Proxy], Awaitable[None] | None]) -> None:
    """Run until SIGINT or SIGTERM; a second one cuts the grace short. `ready` is called once everything listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(settings) as proxy:
            told = ready(proxy)
            if told is not None:
                await told
            proxy.services.log.say("listening", openai=proxy.addresses.openai, admin=proxy.addresses.admin)
            await stop.wait()
            proxy.services.log.say("stopping", grace_seconds=int(settings.shutdown.grace))
            for number in SIGNALS:
                loop.add_signal_handler(number, proxy.listener.hurry)  # a second one is meant
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
