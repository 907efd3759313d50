"""Answers: HTML, files, faults as pages, and the headers that each of them has."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from proxy import codec
from proxy.admin.dashboard import files, rendering
from proxy.admin.dashboard.frame import ROOT
from proxy.errors import InternalError, NotFound, ProxyError

LIVE = f"{ROOT}/live.json"
"""The one path that a script reads as JSON."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: browsers would send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
FOREVER = "public, max-age=31536000, immutable"

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def static(request: web.Request) -> web.Response:
    """A file, for ever. Raises NotFound for another version of it, too."""
    name = request.match_info["name"]
    if name not in files.names():
        raise NotFound("There is no such file.")
    found = await asyncio.to_thread(files.named, name)
    if request.match_info["digest"] != found.digest:
        raise NotFound("There is no such version of this file.")
    tag = f'"{found.digest}"'
    headers = {"cache-control": FOREVER, "etag": tag, "vary": "accept-encoding"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    data = found.packed if packed else found.data
    return web.Response(body=data, content_type=found.kind, charset="utf-8", headers=headers)


async def html(template: str, values: Mapping[str, Any], status: int = 200) -> web.Response:
    """A page."""
    body = await asyncio.to_thread(rendering.html, template, values)
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


def go(path: str) -> web.Response:
    """Send the browser to another page, which it asks for by GET."""
    return web.Response(status=303, headers={"location": path})


def guarded(handler: Handler) -> Handler:
    """Faults as pages, and the headers on every answer."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            answer = await handler(request)
        except ProxyError as fault:
            answer = await _fault(request, fault)
        except Exception:
            logging.getLogger(__name__).exception("a page of the dashboard failed: %s", request.rel_url.raw_path)
            answer = await _fault(request, InternalError("Something here went wrong; the log says more."))
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    return guarded


async def _fault(request: web.Request, fault: ProxyError) -> web.Response:
    if request.rel_url.raw_path == LIVE:
        return web.Response(body=codec.encode(fault.envelope()), status=fault.status, content_type="application/json")
    return await html("fault.html", {"title": "This did not work", "visit": None, "fault": fault}, fault.status)
