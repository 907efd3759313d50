"""Running: both listeners up, a clean end on a signal."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import web

from proxy.admin.server import create_app
from proxy.admin.serving import runner as admin_runner
from proxy.app.keeping import Condition
from proxy.app.looping import rare_garbage
from proxy.app.offices import api_for
from proxy.app.services import running_services
from proxy.app.storing import opened
from proxy.clock import SYSTEM, Clock
from proxy.edge.background import look_after, recover
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


@dataclass(frozen=True, slots=True)
class Place:
    """Which of several workers a process is.

    Attributes:
        number: from 1.
        lifeline: file descriptor whose end says that whoever started the workers has gone.
        workers: how many there are.
    """

    number: int
    lifeline: int
    workers: int = 1


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock = SYSTEM, *, workers: int = 1, number: int = 1
) -> AsyncIterator[Proxy]:
    """Both listeners, up before the body runs; drained and closed after it. Raises OSError where one cannot listen.

    `workers`: processes that serve together, this one included; several share both ports. `number`: which it is.
    """
    condition = Condition()
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(opened(settings, clock, number))
        services = await stack.enter_async_context(running_services(settings, condition, clock, kept, workers))
        await recover(services)
        services.start(look_after(services))
        token = settings.admin.token
        app = create_app(
            services.metrics,
            condition.readiness,
            token.reveal() if token else None,
            api_for(services, kept),
            trusted=settings.listen.trusted_proxies,
        )
        operators = admin_runner(app, shutdown_timeout=LAST_CONNECTIONS)
        await _set_up(stack, operators)
        await _start(operators, settings.admin, "admin", reuse_port=workers > 1 or None)
        admin = _address(operators, settings.admin.host)
        listener = Listener(services)
        runner = web.ServerRunner(listener.server(), handle_signals=False, shutdown_timeout=LAST_CONNECTIONS)
        await _set_up(stack, runner)
        reuse_port = workers > 1 or settings.listen.reuse_port or None
        site = await _start(runner, settings.listen, "listen", reuse_port=reuse_port)
        condition.started.set()
        try:
            yield Proxy(Addresses(_address(runner, settings.listen.host), admin), services, listener)
        finally:
            condition.stopping = True
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
        raise cannot_listen(where, section, fault) from fault
    return site


def cannot_listen(where: Listen | Admin, section: str, fault: OSError) -> OSError:
    """The error to raise instead of one that does not name the setting to change."""
    code = fault.errno or 0
    reason = os.strerror(code) if code > 0 else fault.strerror  # negative codes are those of a name look-up
    return OSError(code, f"cannot listen on {where.host}:{where.port} ({section}.host, {section}.port): {reason}")


def _address(runner: Runner, host: str) -> str:
    return address(host, runner.addresses[0][1])


def address(host: str, port: int) -> str:
    """A host and a port as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def until_signal(
    settings: Settings, ready: Callable[[Proxy], Awaitable[None] | None], place: Place | None = None
) -> None:
    """Run until SIGINT or SIGTERM; a second one cuts the grace short. `ready` is called once everything listens.

    In one of several workers, at its `place`, the end of the lifeline is the same as a signal.
    """
    loop = asyncio.get_running_loop()
    which = {"worker": place.number, "pid": os.getpid()} if place is not None else {}
    with _end(place) as stop:
        async with _running(settings, place) as proxy:
            told = ready(proxy)
            if told is not None:
                await told
            proxy.services.log.say("listening", openai=proxy.addresses.openai, admin=proxy.addresses.admin, **which)
            with rare_garbage():
                await stop.wait()
            proxy.services.log.say("stopping", grace_seconds=int(settings.shutdown.grace), **which)
            for number in SIGNALS:
                loop.add_signal_handler(number, proxy.listener.hurry)  # a second one is meant


def _running(settings: Settings, place: Place | None) -> AbstractAsyncContextManager[Proxy]:
    if place is None:
        return running(settings)
    return running(settings, workers=place.workers, number=place.number)


@contextmanager
def _end(place: Place | None) -> Iterator[asyncio.Event]:
    """What is set once it is time to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def deserted(lifeline: int) -> None:
        loop.remove_reader(lifeline)  # an end is ready to be read for ever
        stop.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    if place is not None:
        loop.add_reader(place.lifeline, deserted, place.lifeline)
    try:
        yield stop
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        if place is not None:
            loop.remove_reader(place.lifeline)
