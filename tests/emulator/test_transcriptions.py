"""The emulated speech to text: strict about its form."""

from typing import Any

import pytest
from aiohttp import FormData

from tests.emulator.conftest import Caller

PATH = "/v2/ai/audio/transcriptions"
DISTIL, TURBO, NOVA = "distil-whisper/distil-large-v2", "openai/whisper-large-v3-turbo", "deepgram/nova-3"


def form(file: bytes | None = b"noise" * 3200, filename: str = "a.wav", **fields: str) -> FormData:
    made = FormData(default_to_multipart=True)
    for name, value in fields.items():
        made.add_field(name, value)
    if file is not None:
        made.add_field("file", file, filename=filename, content_type="audio/wav")
    return made


async def test_what_was_heard(caller: Caller) -> None:
    answer = await caller.send("POST", PATH, data=form(model=TURBO))
    assert answer.json == {"text": "I heard 16000 bytes. They were clear. Thank you."}
    (request,) = caller.emulator.state.requests
    assert request.body["fields"] == {"model": TURBO}
    assert request.body["file"]["bytes"] == 16_000


async def test_models_tell_more_or_less(caller: Caller) -> None:
    told = {
        model: (await caller.send("POST", PATH, data=form(model=model, response_format="verbose_json"))).json
        for model in (DISTIL, TURBO, NOVA)
    }
    assert set(told[TURBO]) == {"text"}
    assert set(told[DISTIL]) == {"text", "duration", "segments"}
    assert set(told[NOVA]) == {"text", "duration", "words"}
    assert told[DISTIL]["duration"] == 1.0


SEGMENT = "timestamp_granularities[]"
REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "no model": ({}, 422),
    "model": ({"model": "whisper-1"}, 422),
    "format": ({"model": TURBO, "response_format": "srt"}, 422),
    "unknown": ({"model": TURBO, "prompt": "names"}, 422),
    "brackets": ({"model": DISTIL, "timestamp_granularities": "segment"}, 500),
    "granularity": ({"model": DISTIL, SEGMENT: "word", "response_format": "verbose_json"}, 422),
    "granularity of json": ({"model": DISTIL, SEGMENT: "segment"}, 400),
    "no file": ({"model": TURBO, "file": None}, 400),
    "both": ({"model": TURBO, "file_url": "https://a/b"}, 400),
    "language": ({"model": DISTIL, "language": "en"}, 400),
    "config": ({"model": TURBO, "model_config": "{}"}, 400),
    "kind": ({"model": NOVA, "filename": "a.ogg"}, 400),
}


@pytest.mark.parametrize(("fields", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused(caller: Caller, fields: dict[str, Any], status: int) -> None:
    assert (await caller.send("POST", PATH, data=form(**fields))).status == status


async def test_what_is_no_form(caller: Caller) -> None:
    assert (await caller.send("POST", PATH, json={})).status == 422
    assert (await caller.send("POST", PATH, key=None, data=form(model=TURBO))).status == 401


async def test_a_length_may_be_required(caller: Caller) -> None:
    await caller.choose("length-required")

    async def pieces() -> Any:
        yield b"--b--\r\n"

    assert (await caller.send("POST", PATH, data=pieces())).status == 411
    assert (await caller.send("POST", PATH, data=form(model=TURBO))).status == 200
