"""Routes that are laid out when somebody asks for one of them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from proxy.admin.later import Later

Serve = Callable[[Callable[[], web.UrlDispatcher]], Awaitable[TestClient[web.Request, web.Application]]]


@pytest.fixture
def serve(aiohttp_client: Callable[[web.Application], Awaitable[TestClient[web.Request, web.Application]]]) -> Serve:
    async def serve(lay_out: Callable[[], web.UrlDispatcher]) -> TestClient[web.Request, web.Application]:
        app = web.Application()
        app.router.add_route("*", "/desk/{rest:.*}", Later(lay_out).answer)
        return await aiohttp_client(app)

    return serve


async def _told(request: web.Request) -> web.Response:
    return web.json_response(dict(request.match_info))


async def test_nothing_is_laid_out_before_it_is_asked_for_and_then_only_once(serve: Serve) -> None:
    laid: list[threading.Thread] = []

    def lay_out() -> web.UrlDispatcher:
        laid.append(threading.current_thread())
        router = web.UrlDispatcher()
        router.add_get("/desk/{drawer}", _told)
        return router

    client = await serve(lay_out)
    assert not laid
    answers = await asyncio.gather(*(client.get(f"/desk/{number}") for number in range(5)))
    assert [await answer.json() for answer in answers] == [{"drawer": str(number)} for number in range(5)]
    assert len(laid) == 1
    assert laid[0] is not threading.main_thread()


async def test_paths_and_methods_that_are_not_there_are_refused_as_ever(serve: Serve) -> None:
    def lay_out() -> web.UrlDispatcher:
        router = web.UrlDispatcher()
        router.add_get("/desk/drawer", _told)
        return router

    client = await serve(lay_out)
    assert (await client.get("/desk/lamp")).status == 404
    refused = await client.post("/desk/drawer")
    assert (refused.status, refused.headers["allow"]) == (405, "GET,HEAD")


async def test_what_could_not_be_laid_out_is_tried_again(serve: Serve) -> None:
    tries: list[int] = []

    def lay_out() -> web.UrlDispatcher:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no more files can be open")
        router = web.UrlDispatcher()
        router.add_get("/desk/drawer", _told)
        return router

    client = await serve(lay_out)
    assert [(await client.get("/desk/drawer")).status for _ in range(2)] == [500, 200]
