"""A request with what is asked of it at hand, and the rest of aiohttp's when it is asked for."""

import asyncio

import pytest
from aiohttp import HttpVersion11, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser

from proxy.edge.connection import Connection
from proxy.edge.familiar import Heads
from proxy.edge.request import Request
from tests.conftest import Build

HEAD = b"POST /v1/chat%20x?y=1 HTTP/1.1\r\nHost: here\r\nX-Some: thing\r\nContent-Length: 4\r\n\r\nbody"


async def request(build: Build, data: bytes = HEAD) -> Request:
    here = await build()
    loop = asyncio.get_running_loop()
    server = web.Server(here.proxy.listener.serve)  # type: ignore[arg-type]  # edge/reply says what aiohttp needs
    connection = Connection(server, services=here.proxy.services, heads=Heads(), bounds=(60, 60), loop=loop)
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    ((message, payload),), _, _ = parser.feed_data(data)
    task = asyncio.current_task()
    assert task is not None
    return Request(message, payload, connection, task)


async def test_what_is_asked_of_every_request_is_as_aiohttp_has_it(build: Build) -> None:
    made = await request(build)
    assert (made.method, made.version, made.keep_alive) == ("POST", HttpVersion11, True)
    assert made.rel_url.raw_path == "/v1/chat%20x"
    assert made.headers["x-some"] == "thing"
    assert await made.content.read() == b"body"


async def test_one_that_wants_no_other_after_it_says_so(build: Build) -> None:
    assert not (await request(build, HEAD.replace(b"X-Some: thing", b"Connection: close"))).keep_alive


async def test_all_the_rest_is_there_when_it_is_asked_for(build: Build) -> None:
    made = await request(build)
    assert made.content_length == 4
    assert made.remote is None
    assert made.query["y"] == "1"
    assert made.writer.output_size == 0
    assert made.transport is None
    assert len(made) == 0


async def test_what_nobody_has_is_not_there_either_time(build: Build) -> None:
    made = await request(build)
    for _ in range(2):
        with pytest.raises(AttributeError):
            made.nothing  # type: ignore[attr-defined]  # noqa: B018
        assert made.content_length == 4


async def test_a_client_that_goes_away_breaks_the_body_off(build: Build) -> None:
    made = await request(build, HEAD.removesuffix(b"dy"))
    made._cancel(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await made.content.read()
