"""The overview: its figures, over HTTP and in a real Chromium."""

import re

import pytest
from playwright.async_api import Page, expect

from proxy.admin.dashboard.overview import _name
from proxy.storage.ledger_schema import REQUESTS
from proxy.storage.schema import KEYS
from tests.admin.bureau import NOW
from tests.admin.dashboard import scene
from tests.admin.dashboard.browser import PHONE, Surfer, chrome, in_a_browser, sticks_out, surfer
from tests.admin.dashboard.scene import play, row
from tests.admin.dashboard.test_serving import Browser, Seen, browser
from tests.admin.listener import TOKEN

__all__ = ["browser", "chrome", "surfer"]

HOUR = 3600


async def page_of(browser: Browser, query: str) -> Seen:
    """The overview as it is; signs in first."""
    if not browser.cookies():
        assert (await browser.sign_in()).status == 303
    return await browser.get(f"/dashboard{query}")


async def page_for(browser: Browser, query: str = "", token: str = TOKEN) -> str:
    """The overview as text without markup; signs in first."""
    if not browser.cookies():
        assert (await browser.sign_in(token)).status == 303
    seen = await browser.get(f"/dashboard{query}")
    assert seen.status == 200, seen.text
    text = re.sub(r'<script type="application/json".*?</script>', "", seen.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


async def test_the_figures_are_those_of_the_ledger(browser: Browser) -> None:
    await play(browser.admin.bureau, [
        row(NOW - 100, 1, input_tokens=1000, cached_input_tokens=500, output_tokens=50, cost_micros=2_000_000),
        row(NOW - 7200, 2, status=502, error_code="upstream_failed", input_tokens=0, output_tokens=0, cost_micros=0),
        row(NOW - 7300, 3, tenant="beta", key_id="beta/app", cost_micros=None, price=""),
        row(NOW - 7400, 4, model="other", first_token_us=300_000, stream=1, changes=[["logit_bias", "dropped"]]),
        row(NOW - 26 * HOUR, 5, cost_micros=4_000_000),
    ])  # fmt: skip
    text = await page_for(browser)
    assert "Requests 4 ▲" not in text
    assert "Requests 4 +" in text
    assert "Error rate 25 % ▲ +25.0 points 0 refused, 1 failed" in text
    assert "Tokens 1,200 in 90 out" in text
    assert "42 % of the input cached" in text
    assert "Cost $2.00 " in text
    assert "1 request without a known price" in text
    assert "Bars: share of cost." in text
    assert "beta 100 % 1 \N{EN DASH} 120 0 %" not in text
    assert "logit_bias dropped 1" in text
    assert "Last 24 hours, beside the same length of time before." in text


async def test_a_stream_that_broke_has_failed_here_too(browser: Browser) -> None:
    broken = row(NOW - 90, 2, stream=1, stream_end="upstream_reset")
    await play(browser.admin.bureau, [row(NOW - 100, 1), broken])
    for query in ("", "?range=1h"):  # from sums, and from single requests
        text = await page_for(browser, query)
        assert "Error rate 50 %" in text
        assert "0 refused, 1 failed 1 of these: stream broke after status 200" in text
        assert "UTC Served Refused (4xx) Failed (5xx, broken streams) Client left" in text


async def test_of_old_minutes_the_hours_are_told_as_long_as_there_are_sums(browser: Browser) -> None:
    await play(browser.admin.bureau, [row(NOW - 3 * HOUR + 100, 1), row(NOW - 3 * HOUR + 200, 2)])
    query = "?range=custom&from=2027-01-15T05:01&to=2027-01-15T05:20"
    assert "from=2027-01-15T05%3A01" in (await page_of(browser, query)).text
    unused = "?range=custom&from=2027-01-15T05:31&to=2027-01-15T05:50"
    assert "No request in this time" in (await page_of(browser, unused)).text
    async with browser.admin.bureau.store.database.begin() as connection:
        await connection.execute(REQUESTS.delete())
    seen = await page_of(browser, query)
    assert "from=2027-01-15T05%3A00&amp;to=2027-01-15T06%3A00" in seen.text
    assert "Served 2 in total" in seen.text
    nothing = await page_of(browser, "?range=custom&from=2027-01-15T02:01&to=2027-01-15T02:20")
    assert "No request in this time" in nothing.text
    assert 'value="2027-01-15T02:01"' in nothing.text


async def test_other_times(browser: Browser) -> None:
    await play(browser.admin.bureau, [row(NOW - 26 * HOUR, 5), row(NOW - 20 * 24 * HOUR, 6)])
    assert "No request in this time" in await page_for(browser)
    assert "Requests 1 " in await page_for(browser, "?range=7d")
    assert "Requests 2 " in await page_for(browser, "?range=30d")
    assert "Requests 1 " in await page_for(browser, "?range=custom&from=2027-01-14T00:00&to=2027-01-15T00:00")
    seen = await browser.get("/dashboard?range=never")
    assert (seen.status, "&#39;range&#39; is one of" in seen.text) == (400, True)


async def test_a_tenant_admin_sees_its_own_tenant_and_what_it_is_charged(browser: Browser) -> None:
    bureau = browser.admin.bureau
    await play(bureau, [
        row(NOW - 100, 1, cost_micros=1_000_000, charged_micros=1_500_000),
        row(NOW - 100, 2, tenant="beta", key_id="beta/app", model="secret/model", cost_micros=7_000_000,
            charged_micros=9_000_000, changes=[["beta_field", "dropped"]]),
    ])  # fmt: skip
    await scene.budgets(bureau)
    text = await page_for(browser, token=await browser.admin.token("tenant_admin", "acme"))
    assert "Cost $1.50" in text
    assert "tenant admin of acme" in text
    assert "acme per month" in text
    for hidden in ("beta", "secret/model", "$9.00", "Tenants", "requests under way"):
        assert hidden not in text


async def test_keys_of_the_store_by_their_names(browser: Browser) -> None:
    made = await browser.admin.key("acme", "mobile")
    await play(browser.admin.bureau, [row(NOW - 100, 1, key_id=made["id"], key="mobile")])
    assert "acme/mobile" in await page_for(browser)


async def test_budgets_and_how_far_along(browser: Browser) -> None:
    await scene.budgets(browser.admin.bureau)
    text = await page_for(browser)
    assert "acme per day $5.10 $5.00 102 % used up" in text
    assert "beta per month $17.20 $20.00 86 % nearly spent" in text
    assert text.index("acme per day") < text.index("beta per month") < text.index("acme per month")


async def test_hostile_names_stay_text(browser: Browser) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    await play(browser.admin.bureau, [row(NOW - 100, 1, model=name, changes=[[name, "dropped"]])])
    await browser.sign_in()
    text = (await browser.get("/dashboard")).text
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


async def test_an_empty_house_says_how_to_begin(browser: Browser) -> None:
    text = await page_for(browser)
    assert "curl http://127.0.0.1:8080/v1/chat/completions" in text
    assert "telnyx-proxy budgets set" in text
    assert "tenants create" not in text
    assert "Latency" not in text


async def page_for_again(browser: Browser) -> str:
    return (await browser.get("/dashboard")).text


async def test_without_a_tenant_it_says_how_to_make_one(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    await browser.sign_in()
    monkeypatch.setattr("proxy.admin.dashboard.overview.TENANTS", KEYS)  # of which there is none
    text = await page_for_again(browser)
    assert "telnyx-proxy tenants create acme" in text
    assert "Welcome" in text or "No request" in text


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:8081", "localhost"), ("proxy", "proxy"), ("[::1]:8081", "[::1]"), ("[::1]", "[::1]"), ("", "")],
)
def test_the_name_for_the_example(host: str, name: str) -> None:
    assert _name(host) == name


async def tile(page: Page, name: str) -> str:
    text = await page.locator(".tile", has=page.get_by_role("heading", name=name, exact=True)).inner_text()
    return " ".join(text.split())


async def busy(surfer: Surfer) -> None:
    await play(surfer.admin.bureau, list(scene.busy(days=2)))
    await scene.budgets(surfer.admin.bureau)


@in_a_browser
async def test_in_a_browser_nothing_is_wrong_in_both_themes_and_at_phone_width(surfer: Surfer) -> None:
    await busy(surfer)
    page = await surfer.signed_in("/dashboard")
    await expect(page.locator("[data-live]")).to_be_visible()
    await surfer.expect_good(page, "overview")
    drawn = await page.evaluate(
        """() => [...document.querySelectorAll('canvas')].map((each) => each.getContext('2d')
            .getImageData(0, 0, each.width, each.height).data.some((value) => value !== 0))"""
    )
    assert drawn == [True] * 5


@in_a_browser
async def test_in_a_browser_the_empty_page_and_the_sign_in_are_good_too(surfer: Surfer) -> None:
    page = await surfer.page()
    await page.goto(f"{surfer.admin.url}/dashboard")
    await surfer.expect_good(page, "sign-in")
    page = await surfer.signed_in("/dashboard")
    await surfer.expect_good(page, "overview-empty")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Admin token")).to_be_visible()


@in_a_browser
async def test_in_a_browser_a_wrong_token_is_told(surfer: Surfer) -> None:
    page = await surfer.page()
    await page.goto(f"{surfer.admin.url}/dashboard")
    await page.get_by_label("Admin token").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("no token that can sign in")


@in_a_browser
async def test_in_a_browser_the_page_is_read_anew_and_stays_where_it_was(surfer: Surfer) -> None:
    await busy(surfer)
    bureau = surfer.admin.bureau
    page = await surfer.signed_in("/dashboard", size=PHONE)
    before = await tile(page, "Requests")
    summary = page.locator("#fresh-by-tenant a").first
    await summary.focus()
    await page.evaluate("scrollTo(0, 900)")
    scrolled = await page.evaluate("scrollY")
    await play(bureau, [row(NOW - 5, 100_000 + number) for number in range(50)])
    await page.evaluate(
        """() => { const picker = document.querySelector('[data-refresh] select');
                   picker.value = '5'; picker.dispatchEvent(new Event('change')); }"""
    )
    await expect(page.locator("html")).to_have_attribute("data-read", "1")
    assert await tile(page, "Requests") != before
    assert await page.evaluate("document.activeElement.closest('[data-fresh]')?.id") == "fresh-by-tenant"
    assert await page.evaluate("scrollY") == scrolled
    assert surfer.complaints == []


@in_a_browser
async def test_in_a_browser_figures_that_are_not_current_say_so_and_why(surfer: Surfer) -> None:
    page = await surfer.signed_in("/dashboard/requests")
    stale = page.locator("[data-stale]")
    picker = page.locator("[data-refresh] select")
    await expect(stale).to_be_hidden()
    away = f'<div class="said bad"><p>The store is away{" for a long time" * 5}.</p></div>'
    await page.route(
        "**/dashboard/requests", lambda route: route.fulfill(status=503, content_type="text/html", body=away)
    )
    await picker.select_option("30")
    await expect(stale).to_contain_text("for a long time. As of ")
    await expect(page.locator("#live")).to_contain_text("for a long time. The figures are those of before.")
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert await sticks_out(page) == []
    await page.unroute("**/dashboard/requests")
    await page.route("**/dashboard/requests", lambda route: route.abort())
    await picker.select_option("5")
    await expect(stale).to_contain_text("The proxy does not answer. As of ")
    await page.unroute("**/dashboard/requests")
    await picker.select_option("30")
    await expect(stale).to_be_hidden()
    await expect(page.locator("#live")).to_have_text("The figures are current again.")
    assert len(surfer.complaints) >= 2  # Chromium's own, of answers that were none


@in_a_browser
async def test_in_a_browser_who_is_signed_out_meanwhile_comes_to_the_form_and_back(surfer: Surfer) -> None:
    page = await surfer.signed_in("/dashboard/requests?range=7d")
    await page.context.clear_cookies()
    await page.locator("[data-refresh] select").select_option("30")
    await page.get_by_label("Admin token").fill(TOKEN)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/dashboard/requests?range=7d")


@in_a_browser
async def test_in_a_browser_the_theme_is_chosen_and_kept(surfer: Surfer) -> None:
    page = await surfer.signed_in("/dashboard", theme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await page.get_by_role("button", name="Switch to the dark theme").click()
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark
    assert surfer.complaints == []


@in_a_browser
async def test_in_a_browser_without_scripts_everything_is_there(surfer: Surfer) -> None:
    await busy(surfer)
    page = await surfer.signed_in("/dashboard", script=False)
    assert "$" in await tile(page, "Cost")
    await page.get_by_text("As a table").first.click()
    await expect(page.get_by_role("table", name="Requests, last 24 hours")).to_be_visible()
    await expect(page.locator("canvas").first).to_be_hidden()
    await page.get_by_role("link", name="7 d").click()
    await expect(page.get_by_role("link", name="7 d")).to_have_attribute("aria-current", "true")


@in_a_browser
async def test_in_a_browser_by_keyboard_alone(surfer: Surfer) -> None:
    page = await surfer.page()
    await page.goto(f"{surfer.admin.url}/dashboard")
    await page.keyboard.type(TOKEN)  # the field has the focus already
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{surfer.admin.url}/dashboard")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


@in_a_browser
async def test_long_names_do_not_widen_a_phone(surfer: Surfer) -> None:
    long = "organisation-with-a-long-name/" + "x" * 200
    await play(
        surfer.admin.bureau, [row(NOW - 5, 1, model=long, key_id="acme/" + "k" * 100, changes=[["f" * 200, "dropped"]])]
    )
    page = await surfer.signed_in("/dashboard", size=PHONE)
    assert await sticks_out(page) == []
