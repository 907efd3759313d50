"""The emulated text to speech."""

import base64
from typing import Any

import pytest

from tests.emulator.conftest import Caller

PATH = "/v2/text-to-speech/speech"
ASKED = {"text": "one two", "voice": "Telnyx.NaturalHD.astra"}


async def test_sound_comes_in_pieces(caller: Caller) -> None:
    answer = await caller.send("POST", PATH, json=ASKED)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.data.startswith(b"ID3")
    assert len(answer.data) == 1204
    assert (await caller.send("POST", PATH, json=ASKED)).data == answer.data
    in_json = await caller.send("POST", PATH, json={**ASKED, "output_type": "base64_output"})
    assert base64.b64decode(in_json.json["base64_audio"]) == answer.data


async def test_other_formats(caller: Caller) -> None:
    wav = await caller.send("POST", PATH, json={**ASKED, "telnyx": {"response_format": "wav"}})
    assert wav.headers["content-type"] == "audio/wav"
    await caller.choose("speech-always-mp3")
    mp3 = await caller.send("POST", PATH, json={**ASKED, "telnyx": {"response_format": "wav"}})
    assert mp3.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize(("scenario", "size"), [("speech-empty", 0), ("speech-in-base64", None)])
async def test_scenarios(caller: Caller, scenario: str, size: int | None) -> None:
    await caller.choose(scenario)
    answer = await caller.send("POST", PATH, json=ASKED)
    assert answer.status == 200
    assert len(answer.data) == size or answer.json["base64_audio"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"voice": None}, 422),
        ({"input": "x"}, 422),
        ({"telnyx": {"voice_speed": 3}}, 422),
        ({"voice": "alloy"}, 400),
    ],
)
async def test_what_is_refused(caller: Caller, changed: dict[str, Any], status: int) -> None:
    assert (await caller.send("POST", PATH, json={**ASKED, **changed})).status == status
