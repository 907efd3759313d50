"""The operator's listener: metrics for Prometheus, health for whatever starts and stops the process, API, dashboard.

It has a port of its own so that it can be closed to the outside. Faults have the same body as on the other listener.
The document of the API and its page need no token: they hold nothing but what the published program says about
itself, and a browser that follows a link cannot send one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from proxy import codec
from proxy.admin.api import Api
from proxy.admin.authorisation import Authorisation
from proxy.admin.dashboard.site import Site
from proxy.admin.exchange import BODY_LIMIT, FRESH, Exchange
from proxy.admin.later import Later
from proxy.admin.serving import REQUEST_ID, request_id
from proxy.errors import InternalError, InvalidApiKey, MethodNotAllowed, NotPermitted, ProxyError, UnknownUrl
from proxy.telemetry.health import CONTENT_TYPE, Readiness, live, ready
from proxy.telemetry.metrics import Metrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVER = "telnyx-openai-proxy"
API_PATHS = ("/admin/v1", "/admin/v1/{rest:.*}", "/v1/organization", "/v1/organization/{rest:.*}")
PEOPLE = ("/admin/{rest:.*}", "/dashboard", "/dashboard/{rest:.*}", "/v1/organization", "/v1/organization/{rest:.*}")
"""Paths of people and their programs, where `later` knows more; the others are asked for by machines, every few
seconds."""


def create_app(
    metrics: Metrics,
    readiness: Readiness,
    token: str | None,
    api: Api | None = None,
    *,
    trusted: Sequence[str] = (),
) -> web.Application:
    """The application; the caller owns the listener.

    Args:
        metrics: what `/metrics` renders.
        readiness: what `/readyz` says; called on each probe, so it must be cheap.
        token: the admin token of the configuration. It is what `/metrics` asks for, too (None or empty opens it);
            health never needs one, the admin API always needs one, this or one that was made.
        api: the admin API; None where no store is configured, which its paths and the dashboard then say.
        trusted: networks of load balancers whose word on addresses and TLS is taken.
    """
    authorisation, site = Authorisation(token, api.office if api is not None else None), Site(trusted)

    async def get_metrics(request: web.Request) -> web.Response:
        if token:
            actor = await authorisation.actor(request.headers.get("Authorization", ""), request.remote or "")
            if actor.role == "tenant_admin":
                raise NotPermitted("Metrics are of all tenants; the role tenant_admin sees only its own.")
        # A scrape of many series takes long enough to be noticed in a stream, so it does not run on the event loop.
        body, content_type = await asyncio.to_thread(metrics.render, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"content-type": content_type, **FRESH})

    async def get_live(_request: web.Request) -> web.Response:
        return _json(*live())

    async def get_ready(_request: web.Request) -> web.Response:
        return _json(*ready(readiness))

    app = web.Application(middlewares=[_faults], client_max_size=BODY_LIMIT)
    app.router.add_get("/metrics", get_metrics)
    app.router.add_get("/livez", get_live)
    app.router.add_get("/readyz", get_ready)
    later = Later(lambda: _for_people(api, metrics, token, authorisation, site))
    for path in PEOPLE:
        app.router.add_route("*", path, later.answer)
    return app


def _for_people(
    api: Api | None, metrics: Metrics, token: str | None, authorisation: Authorisation, site: Site
) -> web.UrlDispatcher:
    """The routes of the admin API, its document, and the dashboard; what they consist of takes 8 MB."""
    from proxy.admin import page
    from proxy.admin.dashboard.serving import Dashboard

    router = web.UrlDispatcher()
    page.add_routes(router)
    Dashboard(api, metrics, token, site).add_routes(router)
    for path in API_PATHS:
        router.add_route("*", path, Exchange(api, authorisation).answer)
    return router


@web.middleware
async def _faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one place of this listener that turns an exception into an answer; and every answer has an id."""
    identity = request_id()
    answer = await _answer(request, handler, identity)
    answer.headers[REQUEST_ID] = identity
    answer.headers["Server"] = SERVER  # aiohttp would name itself and Python, with their versions
    return answer


async def _answer(request: web.Request, handler: Handler, identity: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as fault:
        return _fault(MethodNotAllowed("This path has no such method.", tuple(sorted(fault.allowed_methods))))
    except web.HTTPNotFound:
        return _fault(UnknownUrl("There is no such path on the admin listener."))
    except ProxyError as fault:
        return _fault(fault)
    except Exception:
        logging.getLogger(__name__).exception("admin request %s failed", identity)
        return _fault(InternalError("Internal error; the log says more under this request's id."))


def _fault(fault: ProxyError) -> web.Response:
    answer = _json(fault.status, codec.encode(fault.envelope()))
    if isinstance(fault, InvalidApiKey):
        answer.headers["www-authenticate"] = "Bearer"
    if isinstance(fault, MethodNotAllowed):
        answer.headers["allow"] = ", ".join(fault.allowed)
    return answer


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=FRESH)
