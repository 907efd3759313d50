"""Fixtures of many rooms."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.bounds import (
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_runtest_teardown,
    pytest_sessionfinish,
)
from tests.collecting import pytest_collection
from tests.rerunning import pytest_configure
from tests.storage.postgres import postgres
from tests.world import World, world

__all__ = [
    "build",
    "postgres",
    "pytest_collection",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
]

pytest_plugins = ["tests.measuring"]

os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))
"""Whom programs trust while they are tested: one authority, whose key is gone. To read the 140 of the system takes
30 ms for every proxy and every client, which is half of a test.
"""

settings.register_profile("house", deadline=None, derandomize=True, database=None)  # a busy machine is no fault
settings.register_profile("search", deadline=None, derandomize=False, max_examples=1000)  # new examples: `make soak`
settings.load_profile("house")

Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds worlds: `await build("scenario", section={...})`."""
    async with AsyncExitStack() as stack:

        async def make(scenario: str = "default", options: Any = None, **sections: Any) -> World:
            return await stack.enter_async_context(world(tmp_path / "log.jsonl", scenario, options, **sections))

        yield make
