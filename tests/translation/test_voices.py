"""Voices."""

from pathlib import Path

import openai
import pytest

from proxy.translation.voices import NATURAL, VOICES, family, is_family, named_whole, within


def test_every_voice_of_the_official_client_has_a_telnyx_voice() -> None:
    source = (Path(openai.__file__).parent / "types/audio/speech_create_params.py").read_text(encoding="utf-8")
    voices = source[source.index("Voice: TypeAlias") :]
    named = {word.strip(' "\n') for word in voices[voices.index("Literal[") + 8 : voices.index("]")].split(",")} - {""}
    assert named | {"shimmer"} == set(VOICES)
    assert {family(voice) for voice in VOICES.values()} == {NATURAL}


@pytest.mark.parametrize(("model", "speaks"), [
    ("Telnyx.NaturalHD", True), ("AWS.Polly", True), ("Azure", True), ("Minimax.speech-02-turbo", True),
    ("moonshotai/Kimi-K2.6", False), ("tts-1", False), ("gpt-4.1", False), ("", False), ("Kimi", False),
])  # fmt: skip
def test_families(model: str, *, speaks: bool) -> None:
    assert is_family(model) == speaks


def test_names() -> None:
    assert within("Alloy", NATURAL) == VOICES["alloy"]
    assert within("alloy", "Telnyx.KokoroTTS") == "Telnyx.KokoroTTS.alloy"
    assert within("astra", NATURAL) == f"{NATURAL}.astra"
    assert named_whole("boss", {"boss": "Azure.x"}) == "Azure.x"
    assert named_whole("AWS.Polly.Joanna", {}) == "AWS.Polly.Joanna"
    assert named_whole("alloy", {}) is None
    assert family("Azure.en-US-Ava") == "Azure"
