"""The dashboard over HTTP, and what somebody may try on it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.admin.authorisation import BOOTSTRAP
from proxy.admin.dashboard import answers, attempts, forms, overview, pages, serving, sessions
from proxy.admin.dashboard.frame import Action, Go, Page, Said, View, Visit
from proxy.admin.dashboard.serving import REFUSED, inside
from proxy.admin.dashboard.site import Site
from proxy.admin.operations import EVERYBODY, OWNERS
from proxy.errors import Conflict, StoreUnavailable
from tests.admin.listener import TOKEN, Listener, listener


class Browser:
    """Cookies, forms, and headers as a browser would send them; redirects are not followed."""

    def __init__(self, admin: Listener, session: aiohttp.ClientSession) -> None:
        self.admin = admin
        self.session = session

    async def get(self, path: str, **headers: str) -> "Seen":
        return await self._send("GET", path, headers)

    async def post(self, path: str, fields: Any, **headers: str) -> "Seen":
        return await self._send("POST", path, headers, data=fields)

    async def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> "Seen":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.admin.url + path
        async with self.session.request(method, url, headers=named, allow_redirects=False, **more) as answer:
            return Seen(answer, await answer.text())

    async def sign_in(self, token: str = TOKEN, onwards: str = "/dashboard", **headers: str) -> "Seen":
        form = await self.get("/dashboard/sign-in", **headers)
        fields = {"csrf": form.field("csrf"), "token": token, "next": onwards}
        return await self.post("/dashboard/sign-in", fields, **headers)

    async def csrf(self) -> str:
        return (await self.get("/dashboard")).field("csrf")

    def cookies(self) -> dict[str, str]:
        return {each.key: each.value for each in self.session.cookie_jar}


class Seen:
    """An answer."""

    def __init__(self, answer: aiohttp.ClientResponse, text: str) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.cookies = answer.cookies
        self.text = text

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return found[1]

    @property
    def place(self) -> str:
        return self.headers.get("location", "")


@pytest.fixture
async def browser(admin: Listener) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(admin, session)


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The overview with actions that write down who did them."""
    done: list[str] = []

    async def render(visit: Visit) -> View:
        return View("fault.html", {"fault": visit.fault or Conflict("nothing wrong")})

    async def say(visit: Visit) -> Go:
        done.append(f"{visit.actor.id} {visit.typed('what')}")
        return Go("/dashboard?range=7d", Said("It is done.", secret=visit.typed("secret")))

    async def fail(visit: Visit) -> Go:
        raise Conflict("It is there already.")

    async def lead_away(visit: Visit) -> Go:
        return Go("https://evil.example/")

    actions = {"say": Action(say, EVERYBODY), "own": Action(say, OWNERS)}
    actions |= {"fail": Action(fail, EVERYBODY), "away": Action(lead_away, EVERYBODY)}
    page = Page("/dashboard", "overview", "Overview", render, actions=actions)
    monkeypatch.setattr(serving, "PAGES", (page, *pages.PAGES[1:]))
    return done


async def test_who_has_not_signed_in_is_led_to_the_form_and_back(browser: Browser) -> None:
    seen = await browser.get("/dashboard/requests?range=7d&model=a%2Fb")
    assert (seen.status, seen.place) == (
        303, "/dashboard/sign-in?next=%2Fdashboard%2Frequests%3Frange%3D7d%26model%3Da%2Fb",
    )  # fmt: skip
    form = await browser.get(seen.place)
    assert form.field("next").replace("&amp;", "&") == "/dashboard/requests?range=7d&model=a/b"
    signed = await browser.sign_in(onwards="/dashboard/requests?range=7d")
    assert (signed.status, signed.place) == (303, "/dashboard/requests?range=7d")
    assert (await browser.get("/dashboard")).status == 200
    assert (await browser.get("/dashboard/sign-in?next=/dashboard/keys")).place == "/dashboard/keys"


async def test_every_answer_has_its_headers(browser: Browser) -> None:
    form = await browser.get("/dashboard/sign-in")
    asset = re.findall(r'(?:href|src)="(/dashboard/static/[^"]*)"', form.text)
    assert len(asset) >= 4
    await browser.sign_in()
    paths = [
        "/dashboard",
        "/dashboard/keys",
        "/dashboard/nowhere",
        "/dashboard/live.json",
        "/dashboard/sign-in",
        *asset,
    ]
    for path in paths:
        headers = (await browser.get(path)).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == (answers.FOREVER if path in asset else "no-store")


async def test_the_cookie_is_for_the_dashboard_alone(browser: Browser) -> None:
    signed = await browser.sign_in()
    cookie = signed.cookies["telnyx_proxy_session"]
    assert cookie["path"] == "/dashboard"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert cookie["max-age"] == "43200"
    assert TOKEN not in cookie.value
    assert signed.cookies["telnyx_proxy_sign_in"].value == ""


@pytest.mark.parametrize(
    "token", ["wrong", "", "sk-admin-nobody", "Bearer x", TOKEN + "x", "\udcff", "x" * 9000, "a\x00b"]
)
async def test_whatever_is_wrong_with_a_token_the_words_are_the_same(browser: Browser, token: str) -> None:
    form = await browser.get("/dashboard/sign-in")
    fields = {"csrf": form.field("csrf"), "token": token.encode("utf-8", "replace").decode()}
    seen = await browser.post("/dashboard/sign-in", fields)
    assert seen.status == 401
    assert REFUSED in seen.text
    assert "telnyx_proxy_session" not in browser.cookies()
    assert token == "" or token not in seen.text


async def test_tokens_that_have_ended_are_refused_in_the_same_words(browser: Browser) -> None:
    admin = browser.admin
    made = await admin.done("POST", "/admin/v1/tokens", {"name": "a", "role": "viewer"})
    await admin.done("POST", f"/admin/v1/tokens/{made['id']}/revoke")
    seen = await browser.sign_in(made["token"])
    assert (seen.status, REFUSED in seen.text) == (401, True)


async def test_a_revoked_token_signs_out_at_once(browser: Browser) -> None:
    admin = browser.admin
    made = await admin.done("POST", "/admin/v1/tokens", {"name": "a", "role": "viewer"})
    assert (await browser.sign_in(made["token"])).status == 303
    assert (await browser.get("/dashboard")).status == 200
    await admin.done("POST", f"/admin/v1/tokens/{made['id']}/revoke")
    seen = await browser.get("/dashboard")
    assert (seen.status, seen.place) == (303, "/dashboard/sign-in")
    assert seen.cookies["telnyx_proxy_session"].value == ""


async def test_an_expired_token_signs_out_at_once(browser: Browser) -> None:
    admin = browser.admin
    ends = int(admin.bureau.now) + 100
    made = await admin.done("POST", "/admin/v1/tokens", {"name": "a", "role": "viewer", "expires_at": ends})
    await browser.sign_in(made["token"])
    assert (await browser.get("/dashboard")).status == 200
    admin.bureau.now = ends
    assert (await browser.get("/dashboard")).status == 303


async def test_a_session_slides_and_still_ends(browser: Browser) -> None:
    bureau = browser.admin.bureau
    await browser.sign_in()
    began = bureau.now
    for hours in range(10, 170, 10):
        bureau.now = began + hours * 3600
        assert (await browser.get("/dashboard/requests")).status == 200
    bureau.now = began + sessions.LONGEST
    assert (await browser.get("/dashboard/requests")).status == 303
    await browser.sign_in()
    bureau.now += sessions.LASTS
    assert (await browser.get("/dashboard")).status == 303


async def test_a_script_that_reads_anew_does_not_keep_one_signed_in(browser: Browser) -> None:
    bureau = browser.admin.bureau
    await browser.sign_in()
    bureau.now += sessions.RENEWED
    assert "telnyx_proxy_session" not in (await browser.get("/dashboard", Sec_Fetch_Mode="cors")).cookies
    assert "telnyx_proxy_session" in (await browser.get("/dashboard", Sec_Fetch_Mode="navigate")).cookies


async def test_the_token_of_the_configuration_can_be_replaced(tmp_path: Path) -> None:
    """Another worker, or the same after a restart: it has the same secrets and another admin.token."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with listener(tmp_path) as admin, aiohttp.ClientSession(cookie_jar=jar) as session:
        await Browser(admin, session).sign_in()
        cookies = Browser(admin, session).cookies()
    cookie = f"telnyx_proxy_session={cookies['telnyx_proxy_session']}"
    for token, status in ((TOKEN, 200), ("another", 303), (None, 303)):
        folder = tmp_path / str(token)
        folder.mkdir()
        async with listener(folder, token) as admin, aiohttp.ClientSession() as session:
            assert (await Browser(admin, session).get("/dashboard", Cookie=cookie)).status == status


@pytest.mark.parametrize(
    "value", ["x", "", "é", "gAAAAA" + "A" * 200, "a" * 5000], ids=["short", "empty", "not ascii", "forged", "long"]
)
async def test_a_forged_cookie_is_none(browser: Browser, value: str) -> None:
    assert (await browser.get("/dashboard", Cookie=f"telnyx_proxy_session={value}")).status == 303


async def test_what_was_sealed_for_something_else_is_no_session(browser: Browser) -> None:
    sealing = browser.admin.bureau.api.office.sealing
    for sealed in (b'{"token": "bootstrap"}', b"dashboard said\0{}", b'dashboard session\0{"token": "bootstrap"}'):
        cookie = f"telnyx_proxy_session={sealing.seal(sealed).decode()}"
        assert (await browser.get("/dashboard", Cookie=cookie)).status == 303


async def test_signing_in_too_often_has_to_wait(browser: Browser) -> None:
    for _ in range(attempts.BURST):
        assert (await browser.sign_in("wrong")).status == 401
    seen = await browser.sign_in()
    assert seen.status == 429
    assert 0 < int(seen.headers["retry-after"]) <= attempts.EACH + 1
    assert "telnyx_proxy_session" not in browser.cookies()


async def test_tries_at_once_count_each(browser: Browser) -> None:
    form = await browser.get("/dashboard/sign-in")
    fields = {"csrf": form.field("csrf"), "token": "wrong"}
    seen = await asyncio.gather(*(browser.post("/dashboard/sign-in", fields) for _ in range(30)))
    assert sorted(each.status for each in seen) == [401] * attempts.BURST + [429] * (30 - attempts.BURST)


async def test_a_sign_in_form_of_another_site_is_refused(browser: Browser) -> None:
    form = await browser.get("/dashboard/sign-in")
    good = {"csrf": form.field("csrf"), "token": TOKEN}
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert (await browser.post("/dashboard/sign-in", good, **headers)).status == 403
    for csrf in ("", "x", "é", "0" * 64):
        assert (await browser.post("/dashboard/sign-in", {**good, "csrf": csrf})).status == 403
    browser.session.cookie_jar.clear()
    assert (await browser.post("/dashboard/sign-in", good)).status == 403
    assert "telnyx_proxy_session" not in browser.cookies()


async def test_signing_out_takes_the_cookie_back_and_cannot_be_forged(browser: Browser) -> None:
    await browser.sign_in()
    csrf = await browser.csrf()
    assert (await browser.post("/dashboard/sign-out", {"csrf": "x"})).status == 403
    assert (await browser.post("/dashboard/sign-out", {"csrf": csrf}, Sec_Fetch_Site="cross-site")).status == 403
    assert (await browser.get("/dashboard/sign-out")).status == 404
    assert (await browser.get("/dashboard")).status == 200
    seen = await browser.post("/dashboard/sign-out", {"csrf": csrf})
    assert (seen.status, seen.place) == (303, "/dashboard/sign-in")
    assert (await browser.get("/dashboard")).status == 303
    assert (await browser.post("/dashboard/sign-out", {})).status == 303


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/", "//evil.example", "/dashboard//evil.example", "/\\evil.example", "/dashboard\\@evil",
        "/dashboard/../admin/docs", "/dashboardevil", "/admin/docs", "javascript:alert(1)", "/dashboard\r\nx: y", "",
        "/dashboard/sign-out", "/dashboard/sign-in?next=/dashboard/sign-in", "/dashboard/live.json",
    ],
)  # fmt: skip
async def test_nobody_is_led_elsewhere(browser: Browser, path: str) -> None:
    assert inside(path) == "/dashboard"
    seen = await browser.sign_in(onwards=path)
    assert (seen.status, seen.place) == (303, "/dashboard")


async def test_an_action_is_done_and_said_once(trial: list[str], browser: Browser) -> None:
    await browser.sign_in()
    csrf = await browser.csrf()
    seen = await browser.post("/dashboard", {"csrf": csrf, "action": "say", "what": " now ", "secret": "sk-1"})
    assert (seen.status, seen.place) == (303, "/dashboard?range=7d")
    assert trial == [f"{BOOTSTRAP} now"]
    cookie = seen.cookies["telnyx_proxy_said"]
    assert cookie["httponly"]
    assert "sk-1" not in cookie.value
    assert "It is done." not in (await browser.get("/dashboard", Sec_Fetch_Mode="cors")).text
    shown = await browser.get("/dashboard")
    assert "It is done." in shown.text
    assert "sk-1" in shown.text
    assert "It is done." not in (await browser.get("/dashboard")).text


async def test_what_is_said_is_for_one_session(trial: list[str], browser: Browser) -> None:
    await browser.sign_in()
    fields = {"csrf": await browser.csrf(), "action": "say"}
    said = (await browser.post("/dashboard", fields)).cookies["telnyx_proxy_said"].value
    browser.session.cookie_jar.clear()
    await browser.sign_in()
    browser.session.cookie_jar.update_cookies({"telnyx_proxy_said": said})
    assert "It is done." not in (await browser.get("/dashboard")).text


async def test_a_form_that_is_not_ours_does_nothing(trial: list[str], browser: Browser) -> None:
    await browser.sign_in()
    csrf = await browser.csrf()
    fields = {"csrf": csrf, "action": "say"}
    for wrong in ({"action": "say"}, {**fields, "csrf": "x"}, {**fields, "csrf": "é"}):
        assert (await browser.post("/dashboard", wrong)).status == 403
    for headers in ({"Sec_Fetch_Site": "same-site"}, {"Origin": "http://localhost:1"}, {"Origin": "null"}):
        assert (await browser.post("/dashboard", fields, **headers)).status == 403
    assert (await browser.post("/dashboard", {**fields, "action": "what"})).status == 400
    assert (await browser.post("/dashboard", {"csrf": csrf})).status == 400
    browser.session.cookie_jar.clear()
    assert (await browser.post("/dashboard", fields)).place == "/dashboard/sign-in"
    assert trial == []


async def test_a_role_does_what_it_may(trial: list[str], browser: Browser) -> None:
    await browser.sign_in(await browser.admin.token("viewer"))
    csrf = await browser.csrf()
    assert (await browser.post("/dashboard", {"csrf": csrf, "action": "own"})).status == 403
    assert trial == []
    assert (await browser.post("/dashboard", {"csrf": csrf, "action": "say"})).status == 303


async def test_an_action_that_fails_shows_the_page_again(trial: list[str], browser: Browser) -> None:
    await browser.sign_in()
    seen = await browser.post("/dashboard", {"csrf": await browser.csrf(), "action": "fail"})
    assert (seen.status, "It is there already." in seen.text) == (409, True)


async def test_an_action_cannot_lead_away(trial: list[str], browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.post("/dashboard", {"csrf": await browser.csrf(), "action": "away"})).place == "/dashboard"


async def test_a_page_is_for_its_roles(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def render(visit: Visit) -> View:
        raise AssertionError("it was rendered")

    page = Page("/dashboard/{id}", "owners", "Owners", render, OWNERS, {"say": Action(render, EVERYBODY)})
    monkeypatch.setattr(serving, "PAGES", (page,))
    folder = browser.admin.bureau.path.parent / "other"
    folder.mkdir()
    async with listener(folder) as admin:
        browser.admin = admin
        await browser.sign_in(await admin.token("operator"))
        seen = await browser.get("/dashboard/x")
        assert (seen.status, "does not see this page" in seen.text) == (403, True)
        fields = {"csrf": seen.field("csrf"), "action": "say"}
        assert (await browser.post("/dashboard/x", fields)).status == 403


async def test_a_name_of_somebody_else_is_not_answered(browser: Browser) -> None:
    """DNS rebinding: evil.example has got the address 127.0.0.1, and asks from within a browser on this machine."""
    await browser.sign_in()
    for path in ("/dashboard", "/dashboard/sign-in", "/dashboard/live.json", "/dashboard/nowhere"):
        seen = await browser.get(path, Host="evil.example:8081")
        assert (seen.status, "csrf" in seen.text) == (421, False)
    for path in ("/dashboard", "/dashboard/sign-in", "/dashboard/sign-out"):
        assert (await browser.post(path, {"token": TOKEN}, Host="evil.example")).status == 421


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 400),
        (b"csrf=x", "text/plain", 400),
        (b"x=" + b"a" * forms.LIMIT, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=1" for _ in range(forms.FIELDS + 1)), "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form(browser: Browser, body: bytes, kind: str, status: int) -> None:
    await browser.sign_in()
    for path in ("/dashboard", "/dashboard/sign-in", "/dashboard/sign-out"):
        if path != "/dashboard" or status != 400 or kind != "text/plain":
            assert (await browser.post(path, body, Content_Type=kind)).status in {status, 405}


async def test_packed_forms_are_not_unpacked(browser: Browser) -> None:
    kind = "application/x-www-form-urlencoded"
    seen = await browser.post("/dashboard/sign-in", b"x", Content_Type=kind, Content_Encoding="gzip")
    assert seen.status == 400


async def test_files_are_for_ever_and_small(browser: Browser) -> None:
    form = await browser.get("/dashboard/sign-in")
    path = re.search(r"/dashboard/static/[0-9a-f]{16}/dashboard.css", form.text)
    assert path is not None
    plain = await browser.get(path[0], Accept_Encoding="identity")
    assert plain.headers["content-type"] == "text/css; charset=utf-8"
    assert "content-encoding" not in plain.headers
    packed = await browser.get(path[0], Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    again = await browser.get(path[0], If_None_Match=plain.headers["etag"])
    assert (again.status, again.text) == (304, "")
    for wrong in ("0123456789abcdef/dashboard.css", "0123456789abcdef/frame.py", "x/..%2fframe.py", "x/%00"):
        assert (await browser.get(f"/dashboard/static/{wrong}")).status == 404


async def test_without_a_store_it_says_what_to_configure(tmp_path: Path) -> None:
    async with listener(tmp_path, with_api=False) as admin, aiohttp.ClientSession() as session:
        seen = await Browser(admin, session).get("/dashboard")
        assert (seen.status, "sqlite:///data/proxy.db" in seen.text) == (503, True)
        assert (await Browser(admin, session).get("/dashboard/keys")).status == 404
        assert (await Browser(admin, session).get("/dashboard", Host="evil.example")).status == 421


async def test_a_store_that_does_not_answer_is_a_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    await browser.sign_in()

    async def gone(*_: Any) -> None:
        raise StoreUnavailable("The database does not answer.")

    monkeypatch.setattr(overview, "_read", gone)
    seen = await browser.get("/dashboard")
    assert (seen.status, "The database does not answer." in seen.text) == (503, True)


async def test_a_bug_is_a_page_that_says_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await browser.sign_in()
    monkeypatch.setattr(overview, "_read", None)
    seen = await browser.get("/dashboard")
    assert (seen.status, "NoneType" in seen.text) == (500, False)
    assert "a page of the dashboard failed" in caplog.text


async def test_live_numbers_need_a_session(browser: Browser) -> None:
    seen = await browser.get("/dashboard/live.json")
    assert (seen.status, seen.headers["content-type"]) == (401, "application/json")
    await browser.sign_in()
    seen = await browser.get("/dashboard/live.json")
    assert seen.status == 200
    assert '"streams":0' in seen.text


async def test_behind_tls_cookies_are_secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.admin.server.Site", lambda trusted: Site(["127.0.0.0/8"]))
    tls = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "192.0.2.7", "Host": "proxy.example"}
    async with listener(tmp_path) as admin, aiohttp.ClientSession() as session:
        browser = Browser(admin, session)
        form = await browser.get("/dashboard/sign-in", **tls)
        nonce = form.cookies["__Secure-telnyx_proxy_sign_in"]
        assert nonce["secure"]
        fields = {"csrf": form.field("csrf"), "token": TOKEN}
        given = {**tls, "Cookie": f"__Secure-telnyx_proxy_sign_in={nonce.value}"}
        signed = await browser.post("/dashboard/sign-in", fields, Origin="https://proxy.example", **given)
        cookie = signed.cookies["__Secure-telnyx_proxy_session"]
        assert (cookie["secure"], cookie["path"]) == (True, "/dashboard")
        seen = await browser.get("/dashboard", **{**tls, "Cookie": f"__Secure-telnyx_proxy_session={cookie.value}"})
        assert seen.status == 200
        plain = await browser.get("/dashboard", Cookie=f"__Secure-telnyx_proxy_session={cookie.value}")
        assert plain.status == 303  # without TLS the name means nothing
