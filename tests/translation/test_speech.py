"""Text to speech: the table of fields, and what comes back."""

import base64
from typing import Any, get_type_hints

import pytest
from openai.types.audio import SpeechCreateParams

from proxy import codec
from proxy.errors import InvalidRequest, ModelNotFound, ProxyError, RateLimited, UpstreamFailed
from proxy.translation.rules import Policy
from proxy.translation.speech import FIELDS, FORMATS, LONGEST, decode, expect_format, family_asked, format_of, translate

MODEL = "Telnyx.NaturalHD"
ASKED = {"model": "tts-1", "input": "Hello", "voice": "alloy"}
PLAIN = Policy()


def told(request: dict[str, Any], model: str = MODEL, policy: Policy = PLAIN) -> tuple[dict[str, Any], str]:
    made = translate({**ASKED, **request}, model, policy, {})
    return made.body, made.changes.header()


def test_every_field_of_the_official_client_has_a_row() -> None:
    assert [name for name in get_type_hints(SpeechCreateParams) if name not in FIELDS] == []


def test_the_least() -> None:
    body, header = told({})
    assert body == {"voice": "Telnyx.NaturalHD.astra", "text": "Hello"}
    assert header == "renamed=input>text; converted=voice"


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "wav": ({"response_format": "wav"}, {"telnyx": {"response_format": "wav"}}, "converted=voice,response_format"),
    "pcm": (
        {"response_format": "pcm"}, {"telnyx": {"response_format": "pcm", "sampling_rate": 24000}}, "response_format",
    ),
    "mp3": ({"response_format": "mp3"}, {}, "dropped=response_format"),
    "speed": ({"speed": 2}, {"telnyx": {"voice_speed": 2}}, "renamed=speed>telnyx.voice_speed"),
    "usual speed": ({"speed": 1.0}, {}, "dropped=speed"),
    "audio": ({"stream_format": "audio"}, {}, "dropped=stream_format"),
    "instructions": ({"instructions": "softly"}, {}, "lossy=instructions"),
    "unknown": ({"mood": 1}, {}, "lossy=mood"),
    "null": ({"instructions": None}, {}, ""),
    "language": ({"language": "de-DE"}, {"language": "de-DE"}, ""),
    "telnyx": (
        {"telnyx": {"volume": 1, "voice_speed": 1.5}, "speed": 0.5}, {"telnyx": {"volume": 1, "voice_speed": 0.5}}, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "body", "header"), ROWS.values(), ids=ROWS)
def test_rows(request_: dict[str, Any], body: dict[str, Any], header: str) -> None:
    made, changes = told(request_)
    assert made == {"voice": "Telnyx.NaturalHD.astra", "text": "Hello", **body}
    assert header in changes


def test_other_providers_are_not_told_how_fast() -> None:
    body, header = told({"voice": "AWS.Polly.Joanna", "speed": 1.5}, "AWS.Polly")
    assert "telnyx" not in body
    assert "lossy=speed" in header


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"input": "  "}, "input"),
    "no text": ({"input": 5}, "input"),
    "missing text": ({"input": None}, "input"),
    "missing voice": ({"voice": None}, "voice"),
    "too long": ({"input": "x" * (LONGEST + 1)}, "input"),
    "opus": ({"response_format": "opus"}, "response_format"),
    "no format": ({"response_format": "mp4"}, "response_format"),
    "too fast": ({"speed": 3}, "speed"),
    "much too fast": ({"speed": 5}, "speed"),
    "events": ({"stream_format": "sse"}, "stream_format"),
    "no voice": ({"voice": ""}, "voice"),
    "strange voice": ({"voice": "a\nb"}, "voice"),
    "strange object": ({"voice": {"name": "x"}}, "voice.id"),
    "number": ({"voice": 5}, "voice"),
}


@pytest.mark.parametrize(("request_", "param"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(request_: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        told(request_)
    assert caught.value.param is not None
    assert caught.value.param.startswith(param.partition(".")[0])


def test_a_policy_refuses_what_would_be_lost() -> None:
    with pytest.raises(InvalidRequest):
        told({"instructions": "softly"}, policy=Policy(unsupported="refuse"))


def test_formats_of_outside_voices_are_refused_with_what_works() -> None:
    with pytest.raises(InvalidRequest, match="Voices of AWS are written as mp3"):
        told({"voice": "AWS.Polly.Joanna", "response_format": "wav"}, "AWS.Polly")


def test_a_language_model_does_not_speak() -> None:
    with pytest.raises(ModelNotFound, match="does not speak"):
        told({}, "moonshotai/Kimi-K2.6")


def test_a_body_of_invented_fields_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Too many fields"):
        told({f"x{number}": 1 for number in range(300)})


def test_who_says_the_family() -> None:
    assert family_asked({}, {}) is None
    assert family_asked({"voice": "alloy"}, {}) is None
    assert family_asked({"voice": "AWS.Polly.Joanna"}, {}) == "AWS.Polly"


def test_formats() -> None:
    assert format_of({}) == FORMATS["mp3"]
    wav = format_of({"response_format": "wav"})
    for fine in ("audio/wav", "Audio/X-WAV; codecs=1", "application/octet-stream", ""):
        expect_format(wav, fine)
    with pytest.raises(UpstreamFailed, match="audio/mpeg"):
        expect_format(wav, "audio/mpeg")


def test_sound_in_json() -> None:
    assert decode(codec.encode({"base64_audio": base64.b64encode(b"sound").decode()})) == b"sound"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"base64_audio": 5}', b'{"base64_audio": "?"}',
                                 b'{"base64_audio": ""}'])  # fmt: skip
def test_json_without_sound(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        decode(raw)


def test_an_error_in_json() -> None:
    with pytest.raises(ProxyError) as caught:
        decode(b'{"errors": [{"code": "10011", "detail": "slow down"}]}')
    assert isinstance(caught.value, RateLimited)
