"""The operator's listener: metrics for Prometheus, health for whatever starts and stops the process.

It has a port of its own so that it can be closed to the outside. Faults have the same body as on the other listener.
"""

import asyncio
import hmac
import logging
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy import codec
from proxy.errors import InternalError, InvalidApiKey, MethodNotAllowed, ProxyError, UnknownUrl
from proxy.telemetry.health import CONTENT_TYPE, Readiness, live, ready
from proxy.telemetry.metrics import Metrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FRESH = {"cache-control": "no-store"}


def create_app(metrics: Metrics, readiness: Readiness, token: str | None) -> web.Application:
    """The application; the caller owns the listener.

    Args:
        metrics: what `/metrics` renders.
        readiness: what `/readyz` says; called on each probe, so it must be cheap.
        token: the bearer token that `/metrics` asks for; None or empty opens it. Health never needs one.
    """

    async def get_metrics(request: web.Request) -> web.Response:
        if token and not _bears(request, token):
            raise InvalidApiKey("This needs the admin token as a bearer token.")
        # A scrape of many series takes long enough to be noticed in a stream, so it does not run on the event loop.
        body, content_type = await asyncio.to_thread(metrics.render, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"content-type": content_type, **_FRESH})

    async def get_live(_request: web.Request) -> web.Response:
        return _json(*live())

    async def get_ready(_request: web.Request) -> web.Response:
        return _json(*ready(readiness))

    app = web.Application(middlewares=[_faults])
    app.router.add_get("/metrics", get_metrics)
    app.router.add_get("/livez", get_live)
    app.router.add_get("/readyz", get_ready)
    return app


def _bears(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # Bytes, because compare_digest refuses text that is not ASCII, and headers can hold anything.
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer"


@web.middleware
async def _faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one place of this listener that turns an exception into an answer."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as fault:
        return _fault(MethodNotAllowed("This path has no such method.", tuple(sorted(fault.allowed_methods))))
    except web.HTTPNotFound:
        return _fault(UnknownUrl("There is no such path on the admin listener."))
    except ProxyError as fault:
        return _fault(fault)
    except Exception:
        answer = _fault(InternalError("Internal error; the log says more under this request's id."))
        logging.getLogger(__name__).exception("admin request %s failed", answer.headers["x-request-id"])
        return answer


def _fault(fault: ProxyError) -> web.Response:
    answer = _json(fault.status, codec.encode(fault.envelope()))
    answer.headers["x-request-id"] = f"req_{uuid.uuid4().hex}"
    if isinstance(fault, InvalidApiKey):
        answer.headers["www-authenticate"] = "Bearer"
    if isinstance(fault, MethodNotAllowed):
        answer.headers["allow"] = ", ".join(fault.allowed)
    return answer


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=_FRESH)
