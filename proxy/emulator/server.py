"""The emulator on a socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from proxy.emulator.app import create_app
from proxy.emulator.control import STATE
from proxy.emulator.state import State

_PATIENCE = 2.0
"""Seconds that open answers get to end when the emulator stops; everything that waits is released first."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Attributes:
        host, port: where it listens.
        state: what it received and how it behaves, live.
    """

    host: str
    port: int
    state: State

    @property
    def root(self) -> str:
        """`http://HOST:PORT`, where `/_requests` and its kind are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """`http://HOST:PORT/v2`, what stands for `https://api.telnyx.com/v2`."""
        return f"{self.root}/v2"


@asynccontextmanager
async def running(
    host: str = "127.0.0.1",
    port: int = 0,
    scenario: str = "default",
    *,
    options: Mapping[str, Any] | None = None,
) -> AsyncIterator[Emulator]:
    """Serves until the block is left. Port 0 takes a free one.

    Raises scenarios.UnknownScenario or behaviour.BadOption as `create_app` does, and OSError where it cannot listen.
    """
    app = create_app(scenario, options=options)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PATIENCE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield Emulator(host, runner.addresses[0][1], app[STATE])
    finally:
        await runner.cleanup()
