"""HTTP around the pages: who asks, what was sent, what is shown, and the headers that every answer has.

is_ours?         the Host header                       421: another site's name points here
signed in?       the cookie, and its token             else to the form, and back afterwards
allowed?         the page's roles                      403
GET              render -> View -> HTML
POST             is it from us? its csrf? its action?  403
run -> Go -> 303 and what is said     or a View, shown at once; or the same page again, with the fault
"""

import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from proxy import codec
from proxy.admin.api import Api
from proxy.admin.authorisation import Authorisation
from proxy.admin.dashboard import answers, forms, live, rendering, sessions
from proxy.admin.dashboard.answers import LIVE
from proxy.admin.dashboard.attempts import Attempts
from proxy.admin.dashboard.frame import ROOT, Action, Go, Page, Values, View, Visit, first
from proxy.admin.dashboard.pages import PAGES
from proxy.admin.dashboard.sessions import Pass, Sessions
from proxy.admin.dashboard.site import Site
from proxy.errors import InternalError, InvalidApiKey, InvalidRequest, NotFound, NotPermitted, ProxyError
from proxy.telemetry.metrics import Metrics

SIGN_IN, SIGN_OUT = f"{ROOT}/sign-in", f"{ROOT}/sign-out"
REFUSED = "This is no token that can sign in here."
"""Whatever is wrong with it: nobody learns whether a token is unknown, expired or revoked."""
OLD_FORM = "The form is not from this page, or too old. Please send it again."
_INSIDE = re.compile(rf"{ROOT}(?:[/?][A-Za-z0-9_./?=&%:+~-]*)?\Z")

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Misdirected(ProxyError):
    """The Host header names somebody else."""

    status = 421
    type = "invalid_request_error"


class TooManyTries(ProxyError):
    """Signing in failed too often."""

    status = 429
    type = "invalid_request_error"


class Dashboard:
    """The pages over one API; None where there is no store, which every page then says."""

    def __init__(self, api: Api | None, metrics: Metrics, token: str | None, site: Site) -> None:
        self._api = api
        self._metrics = metrics
        self._site = site
        self._attempts = Attempts()
        self._live = live.Live(metrics)
        if api is not None:
            self._sessions = Sessions(api.office, Authorisation(token, api.office), token)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Every path below `/dashboard`."""
        router.add_get(f"{ROOT}/static/{{digest}}/{{name}}", answers.guarded(answers.static))
        for page in PAGES if self._api is not None else ():
            router.add_get(page.path, answers.guarded(self._show(page)))
            router.add_post(page.path, answers.guarded(self._act(page)))
        if self._api is None:
            router.add_get(ROOT, answers.guarded(self._unconfigured))
        else:
            router.add_get(SIGN_IN, answers.guarded(self._form))
            router.add_post(SIGN_IN, answers.guarded(self._sign_in))
            router.add_post(SIGN_OUT, answers.guarded(self._sign_out))
            router.add_get(LIVE, answers.guarded(self._numbers))
        router.add_get(f"{ROOT}/{{rest:.*}}", answers.guarded(self._nowhere))

    async def _unconfigured(self, request: web.Request) -> web.Response:
        self._expect_ours(request)
        return await answers.html("unconfigured.html", {"title": "Dashboard", "visit": None}, 503)

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._expect_ours(request)
        raise NotFound("There is no such page.")

    async def _form(self, request: web.Request) -> web.Response:
        """The form to sign in."""
        self._expect_ours(request)
        onwards = inside(first(forms.query(request), "next"))
        if await self._known(request) is not None:
            return answers.go(onwards)
        return await self._sign_in_form(request, onwards)

    async def _sign_in_form(
        self, request: web.Request, onwards: str, fault: ProxyError | None = None, *, wait: int = 0
    ) -> web.Response:
        secure = self._site.is_secure(request)
        name = sessions.cookie_name(sessions.SIGN_IN, secure=secure)
        nonce = request.cookies.get(name, "")
        if not re.fullmatch(r"[0-9a-f]{32}", nonce):
            nonce = self._office_random()
        values = {
            "title": "Sign in",
            "visit": None,
            "onwards": onwards,
            "token": self._sessions.form_token(nonce),
            "fault": fault,
        }
        answer = await answers.html("sign_in.html", values, fault.status if fault is not None else 200)
        self._sessions.offer(answer, nonce, secure=secure)
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer

    async def _sign_in(self, request: web.Request) -> web.Response:
        """A token was sent. The try counts before anything is looked at, so that many at once count, too."""
        self._expect_ours(request)
        api = self._ready()
        address = self._site.address(request)
        form = await forms.read(request)
        onwards = inside(first(form, "next"))
        secure = self._site.is_secure(request)
        if not self._site.is_from_us(request) or not self._sessions.is_offered(
            request, first(form, "csrf"), secure=secure
        ):
            return await self._sign_in_form(request, onwards, NotPermitted(OLD_FORM))
        wait = self._attempts.begin(address, api.office.clock.steady())
        if wait > 0:
            seconds = int(wait) + 1
            fault: ProxyError = TooManyTries(f"Too many tries. Please wait {seconds} seconds.")
            return await self._sign_in_form(request, onwards, fault, wait=seconds)
        try:
            made, _ = await self._sessions.sign_in(first(form, "token"), address)
        except InvalidApiKey:
            return await self._sign_in_form(request, onwards, InvalidApiKey(REFUSED))
        self._attempts.succeed(address)
        answer = answers.go(onwards)
        self._sessions.keep(answer, made, secure=secure)
        sessions.forget(answer, sessions.SIGN_IN, secure=secure)
        return answer

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._expect_ours(request)
        secure = self._site.is_secure(request)
        made = self._sessions.read(request, secure=secure)
        if made is not None:
            self._expect_sent_by(request, made, await forms.read(request))
        answer = answers.go(SIGN_IN)
        self._sessions.end(answer, secure=secure)
        return answer

    async def _numbers(self, request: web.Request) -> web.Response:
        """What is going on now, for the script that asks every other second."""
        self._expect_ours(request)
        known = await self._known(request)
        if known is None:
            raise InvalidApiKey("Please sign in.")
        value = await self._live.look(known[1], self._ready().office.clock)
        return web.Response(body=codec.encode(value), content_type="application/json")

    def _show(self, page: Page) -> Handler:
        async def show(request: web.Request) -> web.Response:
            self._expect_ours(request)
            known = await self._known(request)
            if known is None:
                return self._to_sign_in(request)
            visit = self._visit(request, page, *known)
            secure = self._site.is_secure(request)
            by_hand = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
            if by_hand:  # a script that reads the page anew must neither keep one signed in nor hide what was said
                visit.said = self._sessions.said(request, known[0], secure=secure)
            answer = await _rendered(visit)
            if visit.said is not None:
                sessions.forget(answer, sessions.SAID, secure=secure)
            if by_hand and visit.now - known[0].renewed >= sessions.RENEWED:
                self._sessions.keep(answer, known[0], secure=secure)
            return answer

        return show

    def _act(self, page: Page) -> Handler:
        async def act(request: web.Request) -> web.Response:
            self._expect_ours(request)
            known = await self._known(request)
            if known is None:
                return self._to_sign_in(request)
            form = await forms.read(request)
            self._expect_sent_by(request, known[0], form)
            visit = self._visit(request, page, *known)
            visit.form = form
            action = _action(visit)
            try:
                gone = await action.run(visit)
            except ProxyError as fault:
                visit.fault = fault
                return await _rendered(visit)
            if isinstance(gone, View):
                return await _viewed(visit, gone)
            return self._gone(request, known[0], gone)

        return act

    def _gone(self, request: web.Request, made: Pass, gone: Go) -> web.Response:
        answer = answers.go(inside(gone.path))
        if gone.said is not None:
            self._sessions.say(answer, made, gone.said, secure=self._site.is_secure(request))
        return answer

    def _visit(self, request: web.Request, page: Page, made: Pass, actor: Any) -> Visit:
        api = self._ready()
        return Visit(
            page=page,
            actor=actor,
            csrf=made.csrf,
            api=api,
            metrics=self._metrics,
            now=api.office.clock.wall(),
            path=request.rel_url.raw_path,
            host=request.headers.get("Host", ""),
            params=dict(request.match_info),
            query=forms.query(request),
        )

    async def _known(self, request: web.Request) -> tuple[Pass, Any] | None:
        """Who has signed in, as long as the token is good. Raises StoreUnavailable."""
        made = self._sessions.read(request, secure=self._site.is_secure(request))
        if made is None:
            return None
        try:
            return made, await self._sessions.actor(made, self._site.address(request))
        except InvalidApiKey:
            return None

    def _to_sign_in(self, request: web.Request) -> web.Response:
        here = request.rel_url.raw_path_qs if request.method == "GET" else request.rel_url.raw_path
        onwards = inside(here)
        answer = answers.go(SIGN_IN if onwards == ROOT else rendering.link(SIGN_IN, next=onwards))
        sessions.forget(answer, sessions.COOKIE, secure=self._site.is_secure(request))
        return answer

    def _expect_ours(self, request: web.Request) -> None:
        if not self._site.is_ours(request):
            raise Misdirected("The dashboard does not answer to this name. Use localhost, or the address itself.")

    def _expect_sent_by(self, request: web.Request, made: Pass, form: Values) -> None:
        given = first(form, "csrf").encode("ascii", "replace")
        if not self._site.is_from_us(request) or not hmac.compare_digest(given, made.csrf.encode()):
            raise NotPermitted(OLD_FORM)

    def _ready(self) -> Api:
        if self._api is None:
            raise InternalError("There is no store.")
        return self._api

    def _office_random(self) -> str:
        return self._ready().office.random(sessions.RANDOM).hex()


def inside(path: str) -> str:
    """A path of the dashboard, the first page for whatever is none: a link cannot lead elsewhere through here."""
    if not _INSIDE.match(path) or "//" in path or ".." in path or path.startswith((SIGN_IN, SIGN_OUT, LIVE)):
        return ROOT
    return path


def _action(visit: Visit) -> Action:
    """What the form wants. Raises NotPermitted, InvalidRequest."""
    found = visit.page.actions.get(visit.typed("action"))
    if found is None:
        raise InvalidRequest("There is no such action on this page.")
    if visit.actor.role not in found.roles or visit.actor.role not in visit.page.roles:
        raise NotPermitted(f"The role {visit.actor.role} may not do this.")
    return found


async def _rendered(visit: Visit) -> web.Response:
    """The page of a visit, or a page about why there is none."""
    status = visit.fault.status if visit.fault is not None else 200
    try:
        if visit.actor.role not in visit.page.roles:
            raise NotPermitted(f"The role {visit.actor.role} does not see this page.")
        view = await visit.page.render(visit)
    except ProxyError as fault:
        visit.fault = None
        view, status = View("fault.html", {"fault": fault}, "This did not work"), fault.status
    return await _viewed(visit, view, status)


async def _viewed(visit: Visit, view: View, status: int = 200) -> web.Response:
    values = {"title": view.title or visit.page.title, "visit": visit, "pages": _listed(visit), **view.values}
    return await answers.html(view.template, values, max(status, view.status))


def _listed(visit: Visit) -> list[Page]:
    return [each for each in PAGES if each.listed and visit.actor.role in each.roles]
