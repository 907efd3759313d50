import asyncio
import gzip
import logging
from contextlib import suppress

import pytest
from aiohttp import http_parser

from proxy import codec
from proxy.admin import server, serving
from tests.admin.listener import TOKEN, Listener

TENANTS = "/admin/v1/tenants"


@pytest.mark.parametrize(("path", "token", "status"), [(TENANTS, "wrong", 401), ("/livez", None, 200)])
async def test_what_nobody_reads_is_not_unpacked(
    admin: Listener, monkeypatch: pytest.MonkeyPatch, path: str, token: str | None, status: int
) -> None:
    """Two megabytes from anybody would become gigabytes, and nobody else be served meanwhile."""
    unpacked: list[object] = []
    monkeypatch.setattr(http_parser.DeflateBuffer, "feed_data", lambda self, *data: unpacked.append(data))
    body = gzip.compress(bytes(1 << 24))
    assert (await admin.send("GET", path, body, token, Content_Encoding="gzip")).status == status
    assert unpacked == []


async def test_who_opens_connections_without_end_keeps_nobody_out(
    admin: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 4)
    host, port = admin.url.removeprefix("http://").split(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(8)]
    try:
        for _, writer in opened:
            writer.write(b"GET /livez HTTP/1.1\r\n")
        assert (await admin.send("GET", "/livez")).status == 200
        async with asyncio.timeout(10):
            for reader, _ in opened[:5]:  # the oldest have gone
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        newest, writer = opened[-1]
        writer.write(b"Host: x\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await newest.readline()).startswith(b"HTTP/1.1 200")
    finally:
        for _, writer in opened:
            writer.close()


@pytest.mark.parametrize(
    "line", [f"Authorization: {TOKEN}\x01", f"Authorization: Bearer {TOKEN}\0", f"X {TOKEN}: x", "Content-Length: x"]
)
async def test_bytes_that_are_no_http_are_repeated_nowhere(
    admin: Listener, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    host, port = admin.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with caplog.at_level(logging.DEBUG):
        writer.write(f"GET {TENANTS} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    assert head.split()[1] == "400"
    assert "x-request-id: req_" in head.lower()
    assert codec.decode(body.encode())["error"]["code"] == "invalid_http"
    assert TOKEN not in head + body + caplog.text


async def test_a_bug_before_all_else_is_told_to_the_log_alone(
    admin: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise RuntimeError("the cause")

    monkeypatch.setattr(server, "request_id", fails)
    answer = await admin.send("GET", "/livez")
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    assert "the cause" not in answer.text
    assert "the cause" in caplog.text
