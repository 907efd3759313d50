"""The way of a recording, where the journey does not go: several Telnyx keys, time, broken bodies."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Build
from tests.journeys.test_audio import KIND, TRANSCRIPTIONS, TURBO, asked, bearer, part, recording, upload
from tests.world import KEY, World

TENANTS: list[dict[str, Any]] = [
    {
        "id": "acme",
        "credentials": [
            {"name": "old", "api_key": {"value": "KEY_invalid"}},
            {"name": "new", "api_key": {"value": "KEY_acme-new"}},
        ],
        "keys": [{"name": "web", "secret": {"value": KEY}}],
    }
]
PARTS = part("model", TURBO), part("file", recording(), "a.wav")


@pytest.mark.parametrize(("way", "statuses"), [("stream", [503, 200]), ("spool", [200, 200])])
async def test_another_telnyx_key_where_one_is_refused(build: Build, way: str, statuses: list[int]) -> None:
    """What is on disk is sent again at once; what is not, by the client."""
    here = await build(tenants=TENANTS, audio={"upload": way})
    found = []
    for _ in range(2):
        async with upload(here, *PARTS) as answer:
            found.append(answer.status)
            if answer.status == 503:
                assert answer.headers["x-should-retry"] == "true"
    assert found == statuses


async def read_all(here: World, data: Any) -> tuple[int, str]:
    async with here.session.post(here.url(TRANSCRIPTIONS), data=data, headers=bearer()) as answer:
        return answer.status, (await answer.json())["error"]["code"]


async def test_a_recording_that_does_not_come_in_time(build: Build) -> None:
    here = await build(audio={"upload_timeout": 0.2})
    stop = asyncio.Event()

    async def slow() -> Any:
        yield part("model", TURBO) + part("file", b"noise", "a.wav")[:-2]
        await stop.wait()

    assert await read_all(here, slow()) == (408, "request_timeout")
    stop.set()
    async with asyncio.timeout(30):
        await here.telnyx.state.until(lambda _: all(request.ended for request in asked(here)))
    assert [request.outcome for request in asked(here)] == ["hung up"]


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        (part("model", b"\xff") + b"--the-boundary--\r\n", 400, "invalid_value"),
        (part("prompt", b"x" * 1_100_000), 413, "request_too_large"),
        (b"--the-boundary\r\nContent-Disposition: form-data; name=a\r\n\r\nvalue", 400, "invalid_multipart"),
    ],
)
async def test_fields_that_cannot_be_read(build: Build, form: bytes, status: int, code: str) -> None:
    here = await build()

    async def pieces() -> Any:
        yield form

    assert await read_all(here, pieces()) == (status, code)


async def test_the_client_is_told_to_go_on(build: Build) -> None:
    """Some clients wait for that before they send anything large."""
    here = await build()
    async with here.session.post(
        here.url(TRANSCRIPTIONS), data=b"".join(PARTS) + b"--the-boundary--\r\n", headers=bearer(), expect100=True
    ) as answer:
        assert answer.status == 200
    assert KIND["Content-Type"] != asked(here)[0].headers["content-type"], "what Telnyx gets has a boundary of its own"
