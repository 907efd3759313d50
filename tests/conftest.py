"""Fixtures of many rooms."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.world import World, world

settings.register_profile("house", deadline=None)  # a busy machine is no fault
settings.load_profile("house")

Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds worlds: `await build("scenario", section={...})`."""
    async with AsyncExitStack() as stack:

        async def make(scenario: str = "default", options: Any = None, **sections: Any) -> World:
            return await stack.enter_async_context(world(tmp_path / "log.jsonl", scenario, options, **sections))

        yield make
