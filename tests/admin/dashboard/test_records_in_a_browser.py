"""The pages of requests and keys in a real Chromium: what a person does there, with a mouse, a keyboard, no script."""

from typing import Any

from playwright.async_api import Page

from tests.admin.dashboard.browser import Surfer, chrome, in_a_browser, surfer
from tests.admin.dashboard.records import keep, price, request
from tests.admin.listener import TOKEN

__all__ = ["chrome", "surfer"]

STORY: dict[str, Any] = {
    "stream": 1,
    "stream_end": "complete",
    "first_token_us": 812_000,
    "duration_us": 6_420_000,
    "overhead_us": 740,
    "model": "moonshotai/Kimi-K2.6",
    "repairs": ("cap_with_tools",),
    "changes": (("max_completion_tokens", "renamed"), ("logit_bias", "lossy")),
    "upstream_request_id": "0d9d3b3e-3a52-4f0e-9a93-5f0f2c8a8b11",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "tags": {"team": "search"},
    "price": "v1",
}
LONG = "req_0c1f7e2a9b3d4c5e8f00112233445566"


@in_a_browser
async def test_requests_and_one_story(surfer: Surfer) -> None:
    await price(surfer.admin, "v1", input=600_000, cached_input=150_000, output=2_500_000)
    rows = [request(f"req_{number}", ago=300 + number, model=f"lab/{'long-name-' * 9}{number}") for number in range(3)]
    bad = request("req_bad", ago=200, status=429, error_code="rate_limit_exceeded", source="none", tenant="beta")
    await keep(surfer.admin, request(LONG, **STORY), bad, *rows)
    page = await surfer.signed_in("/dashboard/requests")
    await surfer.expect_good(page, "requests")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.get_by_text("Filters").click()
    await page.get_by_label("Status").select_option("4xx")
    await page.get_by_role("button", name="Show").last.click()
    await page.wait_for_url("**status=4xx**")
    assert await page.locator("tbody tr").count() == 1
    await page.get_by_role("link", name="Clear all").click()
    assert await page.locator("tbody tr").count() == 5
    await page.locator(f'a[href$="{LONG}"]').click()
    await page.wait_for_url(f"**/{LONG}")
    assert await page.locator(".story h3").all_inner_texts() == [
        "Received",
        "Translated",
        "Sent to Telnyx",
        "First token",
        "Ended: complete",
    ]
    copy = page.get_by_role("button", name="Copy trace id")
    await copy.click()
    await page.get_by_text("Copied", exact=True).first.wait_for()
    await surfer.expect_good(page, "request")


@in_a_browser
async def test_times_are_those_of_the_browser(surfer: Surfer) -> None:
    await keep(surfer.admin, request("req_1"))
    context = await surfer.browser.new_context(timezone_id="Europe/Berlin")
    page = await context.new_page()
    await sign_in(page, surfer, "/dashboard/requests")
    time = page.locator("tbody time")
    assert await time.inner_text() == "2027-01-15 08:59:00"
    assert await time.get_attribute("title") == "2027-01-15 07:59:00 UTC"
    assert await time.get_attribute("datetime") == "2027-01-15T07:59:00+00:00"
    assert "Europe/Berlin" in await page.locator("footer").inner_text()


@in_a_browser
async def test_a_key_by_keyboard_alone(surfer: Surfer) -> None:
    page = await surfer.signed_in("/dashboard/keys")
    await reach(page, "New key")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/keys/new")
    await surfer.expect_good(page, "key-new")
    for label, text in (("Tenant", "acme"), ("Name", "web"), ("Requests a minute (optional)", "60")):
        await reach(page, label)
        await page.keyboard.type(text)
    await reach(page, "Make the key")
    await page.keyboard.press("Enter")
    await page.locator("#secret").wait_for()
    secret = await page.locator("#secret").input_value()
    assert secret.startswith("sk-tp-")
    await reach(page, "Copy the key")
    await page.keyboard.press("Enter")
    await page.get_by_text("Copied", exact=True).first.wait_for()
    await surfer.expect_good(page, "key-made")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    await page.get_by_text("was made then").wait_for()
    assert secret not in await page.content()
    (key,) = (await surfer.admin.done("GET", "/admin/v1/keys"))["data"]
    assert (key["name"], key["status"]) == ("web", "active")
    assert surfer.complaints == []


@in_a_browser
async def test_a_key_is_bounded_and_revoked(surfer: Surfer) -> None:
    key = await surfer.admin.key(owner="ops", tags={"team": "search"})
    page = await surfer.signed_in("/dashboard/keys")
    await surfer.expect_good(page, "keys")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.get_by_role("link", name="web", exact=True).click()
    await page.get_by_text("Set a budget").click()
    await page.get_by_label("US dollars").fill("25")
    await page.get_by_role("button", name="Set the budget").click()
    await page.get_by_text("The budget holds from now on.").wait_for()
    await surfer.expect_good(page, "key")
    await page.get_by_role("link", name="Revoke it").click()
    await page.get_by_role("button", name="Revoke web").click()
    await page.get_by_text("The key web is revoked").wait_for()
    assert (await surfer.admin.done("GET", f"/admin/v1/keys/{key['id']}"))["status"] == "revoked"
    assert surfer.complaints == []


@in_a_browser
async def test_pressing_twice_makes_one_key(surfer: Surfer) -> None:
    page = await surfer.signed_in("/dashboard/keys/new")
    await page.get_by_label("Tenant").fill("acme")
    await page.get_by_label("Name").fill("web")
    await page.get_by_role("button", name="Make the key").dblclick()
    await page.locator("#secret").wait_for()
    assert len((await surfer.admin.done("GET", "/admin/v1/keys"))["data"]) == 1


@in_a_browser
async def test_everything_works_without_a_script(surfer: Surfer) -> None:
    await keep(surfer.admin, request("req_1"))
    page = await surfer.signed_in("/dashboard/keys/new", script=False)
    await page.get_by_label("Tenant").fill("acme")
    await page.get_by_label("Name").fill("not a name")
    await page.get_by_role("button", name="Make the key").click()
    assert await page.locator("#h-name").inner_text() == (
        "'name' must be letters, digits, _, . and -, at most 63 of them."
    )
    await page.get_by_label("Name").fill("web")
    await page.get_by_role("button", name="Make the key").click()
    assert (await page.locator("#secret").input_value()).startswith("sk-tp-")
    assert await page.get_by_role("button", name="Copy").count() == 0
    await page.goto(f"{surfer.admin.url}/dashboard/requests")
    await page.locator("summary", has_text="Filters").click()
    await page.get_by_label("Model").fill("nope")
    await page.get_by_role("button", name="Show").last.click()
    await page.get_by_text("No request suits these filters").wait_for()


async def sign_in(page: Page, surfer: Surfer, path: str) -> None:
    await page.goto(f"{surfer.admin.url}{path}")
    await page.get_by_label("Admin token").fill(TOKEN)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{surfer.admin.url}{path}")


async def reach(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called that."""
    called = "(each) => each.getAttribute('aria-label') || (each.labels && each.labels[0] || each).textContent.trim()"
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate(f"() => ({called})(document.activeElement)") == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")
