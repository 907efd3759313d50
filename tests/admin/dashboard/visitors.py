"""The fixture `visitor`: somebody who has signed in with the token of the configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from proxy.accounts.roles import Role
from tests.admin.dashboard.records import Visitor
from tests.admin.listener import TOKEN, Listener, listener


@asynccontextmanager
async def visiting(admin: Listener, token: str = TOKEN) -> AsyncIterator[Visitor]:
    """Somebody who signs in with a token, in a browser of its own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await Visitor(admin, session).sign_in(token)


@asynccontextmanager
async def visiting_as(admin: Listener, role: Role, tenant: str | None = None) -> AsyncIterator[Visitor]:
    """Somebody with another role."""
    async with visiting(admin, await admin.token(role, tenant)) as visitor:
        yield visitor


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """An owner, over a listener with the tenants `acme` and `beta`."""
    async with listener(tmp_path) as admin, visiting(admin) as made:
        yield made
