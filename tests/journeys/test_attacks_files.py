"""Files as a weapon: disks that are full, uploads that never end, and addresses that nobody here shall fetch."""

import asyncio
import io
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conftest import Build
from tests.journeys.test_audio import TRANSCRIPTIONS, TURBO
from tests.journeys.test_batches import kept
from tests.world import HELLO, KEY, MODEL, World

MIB = 1 << 20
LIMIT = 8 * MIB
BEARER = {"Authorization": f"Bearer {KEY}"}
FILES = "/v1/files"
CHAT = {"model": MODEL, "messages": HELLO}


def form(size: int, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(fields)
    made.add_field("file", io.BytesIO(b"x" * size), filename="a.wav", content_type="application/octet-stream")
    return made


async def send(here: World, path: str, data: Any, **headers: str) -> tuple[int, Any]:
    async with here.session.post(here.url(path), data=data, headers={**BEARER, **headers}) as answer:
        return answer.status, await answer.json()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process can become larger, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
async def test_a_full_disk_takes_no_half_file_and_the_proxy_lives(build: Build, tmp_path: Path) -> None:
    here = await build(**kept(tmp_path))
    for _ in range(2):
        status, told = await send(here, FILES, form(LIMIT + MIB, purpose="batch"))
        assert (status, told["error"]["code"], told["error"]["type"]) == (503, "store_unavailable", "server_error")
        assert "File too large" in told["error"]["message"], "the words of the system"
        assert list((tmp_path / "files").iterdir()) == []
    async with here.session.get(here.url(FILES), headers=BEARER) as answer:
        assert (await answer.json())["data"] == []
    assert (await send(here, FILES, form(MIB, purpose="batch")))[0] == 200
    async with here.post(CHAT) as answer:
        assert answer.status == 200


@pytest.mark.usefixtures("small_disk")
async def test_a_recording_that_finds_no_room_is_not_a_bug(build: Build) -> None:
    here = await build(audio={"upload": "spool"})
    status, told = await send(here, TRANSCRIPTIONS, form(LIMIT + MIB, model=TURBO))
    assert (status, told["error"]["code"]) == (503, "store_unavailable")
    assert [line["event"] for line in map(_event, here.log.read_bytes().splitlines())].count("bug") == 0
    assert here.sent() == []
    assert (await send(here, TRANSCRIPTIONS, form(1000, model=TURBO)))[0] == 200


def _event(line: bytes) -> Any:
    from proxy import codec

    return codec.decode(line)


DRIPS = {
    FILES: ("multipart/form-data; boundary=B", b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch'),
    TRANSCRIPTIONS: (
        "multipart/form-data; boundary=B",
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
    ),
    "/v1/chat/completions": ("application/json", b'{"model":"'),
    "/telnyx/ai/x": ("application/octet-stream", b""),
}


@pytest.mark.parametrize("path", DRIPS)
async def test_an_upload_by_drops_has_the_time_that_every_upload_has(build: Build, tmp_path: Path, path: str) -> None:
    """However regularly they come."""
    here = await build(
        limits={"body_timeout": 0.3}, audio={"upload_timeout": 0.3}, **kept(tmp_path, upload_timeout=0.3),
        tenants=[{"id": "acme", "upstream_api_key": {"value": "KEY_a"}, "passthrough": ["*"],
                  "keys": [{"name": "web", "secret": {"value": KEY}}]}],
    )  # fmt: skip
    kind, begin = DRIPS[path]

    async def drops() -> AsyncIterator[bytes]:
        yield begin
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    async with asyncio.timeout(30):
        status, told = await send(here, path, drops(), **{"Content-Type": kind})
    assert (status, told["error"]["code"]) == (408, "request_timeout")
    folder = tmp_path / "files"
    assert not folder.exists() or list(folder.iterdir()) == []


async def test_the_proxy_fetches_no_address_that_a_client_names(build: Build) -> None:
    here = await build(responses={"keep": 1})
    callers: list[Any] = []
    server = await asyncio.start_server(lambda *each: callers.append(each), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/latest/meta-data"
    image = {"type": "image_url", "image_url": {"url": address}}
    async with here.post({"model": MODEL, "messages": [{"role": "user", "content": [image]}]}) as answer:
        assert answer.status == 200
    seen = {"type": "input_image", "image_url": address}
    read = {"type": "input_file", "file_url": address}
    for part, status in ((seen, 200), (read, 400)):
        body = {"model": MODEL, "store": False, "input": [{"role": "user", "content": [part]}]}
        async with here.post(body, path="/v1/responses") as answer:
            assert answer.status == status, await answer.text()
    source = {"type": "image", "source": {"type": "url", "url": address}}
    body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": [source]}]}
    async with here.post(body, path="/v1/messages", headers={"anthropic-version": "2023-06-01"}) as answer:
        assert answer.status in {200, 400}
    assert sum(address in str(sent) for sent in here.sent()) >= 2, "Telnyx may fetch them, in its own network"
    assert callers == []
    server.close()
