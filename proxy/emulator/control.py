"""The endpoints that Telnyx does not have, all below `/_`: what was received, the scenario in force, and the brakes."""

from typing import Any

import orjson
from aiohttp import web

from proxy.emulator import scenarios
from proxy.emulator.behaviour import BadOption
from proxy.emulator.state import State

STATE = web.AppKey("state", State)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the endpoints."""
    router.add_get("/_requests", _requests)
    router.add_delete("/_requests", _clear)
    router.add_get("/_scenario", _scenario)
    router.add_put("/_scenario", _choose)
    router.add_post("/_scenario", _choose)
    router.add_get("/_scenarios", _scenarios)
    router.add_post("/_release", _release)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


async def _requests(request: web.Request) -> web.Response:
    return _json({"data": [received.described() for received in request.app[STATE].requests]})


async def _clear(request: web.Request) -> web.Response:
    request.app[STATE].clear()
    return web.Response(status=204)


async def _scenario(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return _json({"name": state.scenario, "options": state.options})


async def _choose(request: web.Request) -> web.Response:
    try:
        wanted = orjson.loads(await request.read())
        request.app[STATE].choose(*_name_and_options(wanted))
    except ValueError as fault:  # JSON that is none, an unknown scenario, a bad option
        return _json({"error": str(fault)}, 400)
    return await _scenario(request)


def _name_and_options(wanted: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
        raise BadOption('expected {"name": "...", "options": {...}}')
    options = wanted.get("options", {})
    if not isinstance(options, dict):
        raise BadOption("options is an object")
    return wanted["name"], options


async def _scenarios(request: web.Request) -> web.Response:
    return _json({"data": scenarios.described()})


async def _release(request: web.Request) -> web.Response:
    request.app[STATE].release.set()
    return web.Response(status=204)
