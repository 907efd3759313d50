"""A real Chromium over a real listener: what it complains about on the way fails the test.

    async def test_it(surfer: Surfer) -> None:
        page = await surfer.signed_in("/dashboard/keys")
        ...
        await surfer.expect_good(page)          # fits on a phone, axe finds nothing serious, nothing was complained of

Use it in a test by importing both fixtures into the file: `from tests.admin.dashboard.browser import chrome, surfer`,
and mark the test `@in_a_browser`: there is one browser for each process of pytest, so the tests that use it share its
event loop. What a test has opened in it is closed behind the test.
"""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.admin.listener import TOKEN, Listener, listener

KNOWN = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERIOUS = frozenset({"serious", "critical"})
WIDE, PHONE = (1280, 900), (390, 844)
SHOTS = os.environ.get("DASHBOARD_SHOTS", "")
"""A folder to leave pictures in, for people who look at them."""
Theme = Literal["light", "dark"]
in_a_browser = pytest.mark.asyncio(loop_scope="session")
"""A test that has a `surfer`."""


def chromium() -> str:
    """Where it is; skips the test where it is not."""
    found = next((path for name in KNOWN if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"there is no Chromium here: none of {', '.join(KNOWN)} is on the path")
    return found


@dataclass
class Surfer:
    """A browser, the listener it looks at, and what it complained about."""

    admin: Listener
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    async def page(self, theme: Theme = "light", size: tuple[int, int] = WIDE, *, script: bool = True) -> Page:
        """A page of a browser that knows nothing yet."""
        context = await self.browser.new_context(
            color_scheme=theme,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.set_default_timeout(10_000)
        return page

    async def signed_in(
        self,
        path: str = "/dashboard",
        token: str = TOKEN,
        theme: Theme = "light",
        size: tuple[int, int] = WIDE,
        **more: Any,
    ) -> Page:
        """A page that has signed in by the form, as people do."""
        page = await self.page(theme, size, **more)
        await page.goto(f"{self.admin.url}{path}")
        await page.get_by_label("Admin token").fill(token)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{self.admin.url}{path}")
        return page

    async def expect_good(self, page: Page, name: str = "") -> None:
        """Nothing was complained of, nothing sticks out, and axe-core finds nothing serious, in both themes.

        Where things are does not depend on their colours, so axe looks at each size and at each theme once.
        With `name`, and DASHBOARD_SHOTS set, a picture is left there.
        """
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            for size in (WIDE, PHONE):
                await page.set_viewport_size({"width": size[0], "height": size[1]})
                assert await sticks_out(page) == [], f"{theme}, {size[0]} px"
                if SHOTS and name:
                    await page.screenshot(path=Path(SHOTS) / f"{name}-{theme}-{size[0]}.png", full_page=True)
                if (theme == "light") == (size == WIDE):
                    assert await violations(page) == [], f"{theme}, {size[0]} px"
        assert self.complaints == []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")


async def sticks_out(page: Page) -> list[str]:
    """What makes a page wider than its window, where it scrolls sideways."""
    return list(
        await page.evaluate(
            """() => {
                const width = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= width) return [];
                return [...document.querySelectorAll('body *')]
                    .filter((each) => each.getBoundingClientRect().right > width + 1)
                    .map((each) => each.outerHTML.slice(0, 120)).slice(0, 5);
            }"""
        )
    )


async def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical. It is evaluated, not put into a script element: the policy holds."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = await page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser; skips the test where there is none."""
    path = chromium()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chrome() -> AsyncIterator[Browser]:
    """The browser of all tests of this process."""
    async with browsing() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def surfer(tmp_path: Path, chrome: Browser) -> AsyncIterator[Surfer]:
    """Somebody with that browser, over a listener of its own, with the tenants `acme` and `beta`."""
    async with listener(tmp_path) as admin:
        try:
            yield Surfer(admin, chrome)
        finally:
            for context in chrome.contexts:
                await context.close()
