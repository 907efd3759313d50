import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from proxy.admin.dashboard import forms
from proxy.errors import ProxyError

Open = Callable[[web.Application], Awaitable[Any]]
KIND = {"Content-Type": forms.KIND}


@pytest.fixture
async def client(aiohttp_client: Open) -> Any:
    """What says what it has read."""

    async def told(request: web.Request) -> web.Response:
        try:
            found = await forms.read(request) if request.method == "POST" else forms.query(request)
        except ProxyError as fault:
            return web.Response(status=fault.status)
        return web.json_response(dict(found))

    app = web.Application()
    app.router.add_route("*", "/", told)
    return await aiohttp_client(app)


async def test_each_name_with_all_its_values(client: Any) -> None:
    answer = await client.post("/", data=b"a=1&b=&a=%C3%A9+x%00", headers=KIND)
    assert await answer.json() == {"a": ["1", "é x"], "b": [""]}
    answer = await client.get("/?a=1&a=2%00&b=%C3%A9")
    assert await answer.json() == {"a": ["1", "2"], "b": ["é"]}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a=1", {"Content-Type": "application/json"}, 400),
        (b"a=1", {**KIND, "Content-Encoding": "identity"}, 400),
        (b"a=\xff", KIND, 400),
        (b"a=%ff", KIND, 400),
        (b"&".join([b"a=1"] * (forms.FIELDS + 1)), KIND, 400),
        (b"a" * (forms.LIMIT + 1), KIND, 413),
        (b"a" * forms.LIMIT, KIND, 200),
    ],
)
async def test_bounds(client: Any, body: bytes, headers: dict[str, str], status: int) -> None:
    assert (await client.post("/", data=body, headers=headers)).status == status


async def test_whoever_stops_sending_is_not_waited_for(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "TIMEOUT", 0.01)
    reader, writer = await asyncio.open_connection(client.host, client.port)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {forms.KIND}\r\nContent-Length: 9\r\n\r\na="
    writer.write(head.encode())
    assert b" 408 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_form_in_pieces_and_a_broken_one(client: Any) -> None:
    for end, status in ((b"2\r\n=1\r\n0\r\n\r\n", b" 200 "), (b"zz\r\n", b" 400 ")):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {forms.KIND}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"1\r\na\r\n" + end)
        assert status in await reader.readline()
        writer.close()
        await writer.wait_closed()
