"""Forms with a file, byte by byte: what the official client would never send."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_batches import kept
from tests.world import KEY, World, world

TYPE = "multipart/form-data; boundary=B"


def part(name: str, value: bytes, filename: str | None = None, head: str = "") -> bytes:
    called = f'; filename="{filename}"' if filename else ""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{called}\r\n{head}\r\n'.encode() + value + b"\r\n"


PURPOSE, FILE, END = part("purpose", b"batch"), part("file", b"abc", "in.jsonl"), b"--B--\r\n"


async def post(here: World, body: Any, content_type: str = TYPE, **headers: str) -> tuple[int, Any]:
    given = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type, **headers}
    async with here.session.post(here.url("/v1/files"), data=body, headers=given) as answer:
        return answer.status, await answer.json()


async def test_fields_stand_before_or_behind_the_file(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        for body in (PURPOSE + FILE + END, FILE + PURPOSE + END):
            status, made = await post(here, body, Expect="100-continue")
            assert (status, made["bytes"], made["filename"]) == (200, 3, "in.jsonl")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (FILE + END, "purpose"),
        (PURPOSE + END, "file"),
        (PURPOSE + FILE + FILE + END, "file"),
        (PURPOSE + part("colour", b"red") + FILE + END, "colour"),
        (part("purpose", b"batch" * 1000) + FILE + END, "purpose"),
        (FILE + part("purpose", b"vision") + END, "purpose"),
        (PURPOSE + part("expires_after[anchor]", b"now") + FILE + END, "expires_after.anchor"),
        (PURPOSE + part("expires_after[seconds]", b"3600") + FILE + END, "expires_after.anchor"),
        (
            PURPOSE
            + part("expires_after[anchor]", b"created_at")
            + part("expires_after[seconds]", b"1e4")
            + FILE
            + END,
            "expires_after.seconds",
        ),
        (PURPOSE + FILE[:-2], None),
        (PURPOSE + b"--X\r\n", None),
        (b"no form at all", None),
        (PURPOSE + part("file", b"x", "x", "Content-Type: multipart/mixed; boundary=C\r\n") + END, None),
    ],
)
async def test_what_cannot_be_read_leaves_nothing(tmp_path: Path, body: bytes, param: str | None) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        status, told = await post(here, body)
        assert (status, told["error"]["param"]) == (400, param)
        assert not (tmp_path / "files").exists() or list((tmp_path / "files").iterdir()) == []


async def test_what_the_head_says_is_enough(tmp_path: Path) -> None:
    async with world(tmp_path / "log.jsonl", **kept(tmp_path, file_size=1000)) as here:
        assert (await post(here, b"{}", "application/json"))[0] == 400
        assert (await post(here, PURPOSE, **{"Content-Encoding": "gzip"}))[0] == 400
        assert (await post(here, b"x" * 100_000))[0] == 413


async def test_a_file_has_to_arrive_in_time(tmp_path: Path) -> None:
    async def slowly() -> Any:
        yield PURPOSE + FILE
        await asyncio.sleep(3600)

    async with world(tmp_path / "log.jsonl", **kept(tmp_path, upload_timeout=0.2)) as here:
        status, told = await post(here, slowly())
        assert (status, told["error"]["code"]) == (408, "request_timeout")
        assert not (tmp_path / "files").exists()


async def test_a_disk_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("not a folder")
    async with world(tmp_path / "log.jsonl", **kept(tmp_path)) as here:
        status, told = await post(here, PURPOSE + FILE + END)
        assert (status, told["error"]["code"]) == (503, "store_unavailable")
        large = part("file", b"x" * 3_000_000, "x")
        assert (await post(here, io.BytesIO(PURPOSE + large + END)))[0] == 503
