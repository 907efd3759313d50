"""The implementations of the transport port, and the event loops they may run on: each test meets every pair.

Sockets differ in their details between asyncio and uvloop: which error a reset is, when a closed connection shows.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop

from proxy.timers import Wheel
from proxy.upstream.aiohttp_transport import AiohttpTransport
from proxy.upstream.native_transport import NativeTransport
from proxy.upstream.transport import Transport


def native(**options: Any) -> Transport:
    """Our own, on a wheel of its own."""
    return NativeTransport(**options, timers=Wheel())


IMPLEMENTATIONS: Mapping[str, Callable[..., Transport]] = {"native": native, "aiohttp": AiohttpTransport}
"""Each takes `connect`, `first_byte`, `keepalive` (seconds), `user_agent` and `tls`."""
PATIENT: Mapping[str, Any] = {"connect": 60, "first_byte": 60, "keepalive": 60, "user_agent": "telnyx-openai-proxy/9"}
"""Timeouts that no test meets by accident."""

Make = Callable[..., Transport]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=IMPLEMENTATIONS)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes transports that are closed when the test has ended."""
    async with AsyncExitStack() as stack:

        def made(**changed: Any) -> Transport:
            options = {**PATIENT, "tls": ssl.create_default_context(), **changed}
            transport = IMPLEMENTATIONS[request.param](**options)
            stack.push_async_callback(transport.close)
            return transport

        yield made


@pytest.fixture
async def transport(make: Make) -> Transport:
    """A patient one."""
    return make()
