"""Fixtures of the admin API's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.listener import Listener, listener


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Listener]:
    """A listener with the tenants `acme` and `beta`."""
    async with listener(tmp_path) as opened:
        yield opened
