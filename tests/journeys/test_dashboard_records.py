"""An operator's day at the dashboard of a real proxy: requests of the official client, and a key's whole life."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openai import AsyncOpenAI, AuthenticationError
from playwright.async_api import Page, async_playwright

from tests.admin.dashboard.browser import FLAGS, Surfer, chromium
from tests.conftest import Build
from tests.journeys.operating import TOKEN, Operator, eventually, operated
from tests.world import HELLO, MODEL


async def ask(client: AsyncOpenAI) -> Any:
    return await client.chat.completions.create(model=MODEL, messages=HELLO, max_completion_tokens=50)


async def rows(page: Page, url: str) -> list[str]:
    await page.goto(url)
    return await page.locator("tbody tr").all_inner_texts()


async def secret_on(page: Page) -> str:
    await page.locator("#secret").wait_for()
    return await page.locator("#secret").input_value()


async def make_key(page: Page, url: str) -> str:
    await page.goto(f"{url}/keys/new")
    await page.get_by_label("Tenant").fill("shop")
    await page.get_by_label("Name").fill("till")
    await page.get_by_role("button", name="Make the key").click()
    return await secret_on(page)


async def test_what_was_asked_is_seen_and_a_key_lives_and_dies(build: Build, tmp_path: Path) -> None:
    browser_path = chromium()
    here, operator = await operated(build, tmp_path)
    await operator.tenant("shop")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=browser_path, args=FLAGS)
        surfer = Surfer(cast("Any", SimpleNamespace(url=here.proxy.addresses.admin)), browser)
        page = await surfer.signed_in("/dashboard/requests", token=TOKEN)
        url = f"{here.proxy.addresses.admin}/dashboard"
        first = await make_key(page, url)
        port = here.proxy.services.settings.listen.port
        assert "OPENAI_BASE_URL=http://127.0.0.1" in await page.content(), port

        answer = await ask(await here.openai(first))
        await _expect_shown(page, url, answer, operator)

        await page.goto(f"{url}/keys")
        await page.get_by_role("link", name="till", exact=True).click()
        await page.get_by_label("The old key ends").select_option("86400")
        await page.get_by_role("button", name="Rotate").click()
        second = await secret_on(page)
        assert second != first
        for secret in (first, second):
            await ask(await here.openai(secret))

        await page.goto(f"{url}/keys")
        await page.get_by_role("link", name="till", exact=True).click()
        await page.get_by_role("link", name="Revoke it").click()
        await page.get_by_role("button", name="Revoke till").click()
        await page.get_by_text("The key till is revoked").wait_for()
        with pytest.raises(AuthenticationError):
            await ask(await here.openai(second))
        await ask(await here.openai(first))  # the old one works until its grace has passed
        assert surfer.complaints == []
        await browser.close()


async def _expect_shown(page: Page, url: str, answer: Any, operator: Operator) -> None:
    """The list and the story have the figures that the client was told."""

    async def shipped() -> bool:
        return len(await rows(page, f"{url}/requests")) == 1

    await eventually(shipped)
    (row,) = await rows(page, f"{url}/requests")
    usage = answer.usage
    assert f"{usage.prompt_tokens:,} / {usage.completion_tokens:,}" in row
    assert "served" in row
    assert "till" in row
    await page.locator("tbody a").click()
    await page.wait_for_url(re.compile(r"/requests/req_\w+$"))
    text = await page.locator("main").inner_text()
    assert answer._request_id in text
    assert f"Input tokens\t{usage.prompt_tokens}" in text
    assert "max_completion_tokens" in text
