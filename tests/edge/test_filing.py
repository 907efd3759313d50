"""What the official client does not see of files; the rest is in `journeys/test_batches`."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.edge.filing import _disposition
from proxy.errors import StoreUnavailable
from tests.journeys.operating import eventually
from tests.journeys.test_batches import kept
from tests.world import KEY, World, world

MIB = 1 << 20
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("in.jsonl", "attachment; filename=\"in.jsonl\"; filename*=UTF-8''in.jsonl"),
        ('a"b\\c%', "attachment; filename=\"a_b_c_\"; filename*=UTF-8''a%22b%5Cc%25"),
        ("\u00e4", "attachment; filename=\"_\"; filename*=UTF-8''%C3%A4"),
    ],
)
def test_names_stand_in_a_header(name: str, header: str) -> None:
    assert _disposition(name) == header


async def put(here: World, content: bytes) -> str:
    files = here.proxy.services.files
    assert files is not None
    deposit = await files.open("acme", "batch")
    await deposit.writer.write(content)
    return str((await files.close(deposit, "batch", "in", None))["id"])


async def test_lists_refuse_what_makes_no_sense(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        for query in ("limit=0", "limit=10001", "limit=x", "limit=%C2%B2", "order=up"):
            async with here.session.get(here.url(f"/v1/files?{query}"), headers=HEADERS) as answer:
                assert answer.status == 400, query
                assert (await answer.json())["error"]["param"] == query.partition("=")[0]


@pytest.mark.parametrize("size", [0, 1000, MIB])
async def test_the_length_of_a_file_is_told_and_a_head_has_no_body(tmp_path: Path, size: int) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        identity = await put(here, b"x" * size)
        for method, body in (("HEAD", b""), ("GET", b"x" * size), ("HEAD", b"")):
            url = here.url(f"/v1/files/{identity}/content")
            async with here.session.request(method, url, headers=HEADERS) as answer:
                assert (answer.status, await answer.read()) == (200, body)
                assert answer.headers["content-length"] == str(size)
                assert "transfer-encoding" not in answer.headers
        here.proxy.services.log.flush()
        assert [line.get("bytes_out", 0) for line in here.lines()] == [0, size, 0]
        assert here.proxy.listener._server is not None
        assert len(here.proxy.listener._server._open) == 1, "one connection for all of them"


async def test_a_file_of_another_length_than_it_should_have_is_no_whole_answer(tmp_path: Path) -> None:
    """And never more than was promised: the next answer of the connection would be found in it."""
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        for size in (MIB - 1, MIB + 1, 3 * MIB):
            identity = await put(here, b"x" * MIB)
            (tmp_path / "files" / identity).write_bytes(b"x" * size)
            async with here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS) as answer:
                if size < MIB:
                    with pytest.raises(aiohttp.ClientPayloadError):
                        await answer.read()
                else:
                    with suppress(aiohttp.ClientError):
                        assert len(await answer.read()) == MIB
        here.proxy.services.log.flush()
        assert {line["error_code"] for line in here.lines()} == {"store_unavailable"}


async def test_an_old_client_is_told_the_length_too(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        identity = await put(here, b"x" * MIB)
        host = here.url("").removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        asked = f"GET /v1/files/{identity}/content HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n"
        for _ in range(2):
            writer.write(f"{asked}Connection: keep-alive\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b"\r\ncontent-length: %d\r\nconnection: keep-alive\r\n\r\n" % MIB in head
            assert await reader.readexactly(MIB) == b"x" * MIB
        writer.close()


async def test_contents_that_are_gone_are_no_file(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        identity = await put(here, b"abc")
        (tmp_path / "files" / identity).unlink()
        async with here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS) as answer:
            assert answer.status == 404
        (tmp_path / "files" / identity).mkdir()
        async with here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS) as answer:
            assert answer.status == 503


def breaking(*pieces: bytes, fault: Exception | None) -> Any:
    """In the place of what reads a file: breaks off behind these pieces, or never comes to an end."""

    async def pour(_row: Any) -> Any:
        for piece in pieces:
            yield piece
        if fault is not None:
            raise fault
        await asyncio.sleep(3600)

    return pour


@pytest.mark.parametrize("fault", [StoreUnavailable("down"), OSError("gone")])
async def test_who_reads_a_file_that_breaks_off_does_not_take_it_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        identity = await put(here, b"abc" * MIB)
        monkeypatch.setattr(here.proxy.services.files, "pieces", breaking(b"abc", fault=fault))
        async with here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS) as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


async def test_a_client_that_leaves_takes_its_file_with_it(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        identity = await put(here, b"x" * (30 * MIB))
        answer = await here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS)
        assert await answer.content.readany()
        answer.close()

        async def logged() -> bool:
            here.proxy.services.log.flush()
            return any(line["endpoint"] == "files.content" and line["status"] == 499 for line in here.lines())

        await eventually(logged)


async def test_a_shutdown_breaks_a_download_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path / "log.jsonl", shutdown={"grace": 0.05}, **kept(tmp_path)) as here:
        identity = await put(here, b"abc" * MIB)
        monkeypatch.setattr(here.proxy.services.files, "pieces", breaking(b"abc", fault=None))
        answer = await here.session.get(here.url(f"/v1/files/{identity}/content"), headers=HEADERS)
        assert await answer.content.readany() == b"abc"
        for exchange in list(here.proxy.listener._under_way):
            exchange.stop()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
