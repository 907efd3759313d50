"""Transcripts in OpenAI's shapes."""

from typing import Any

import pytest
from openai.types.audio import TranscriptionVerbose

from proxy import codec
from proxy.errors import RateLimited, UpstreamFailed
from proxy.translation.failures import Circumstances
from proxy.translation.transcriptions import Wanted
from proxy.translation.transcripts import EVENTS, JSON, TEXT, Told, tell
from proxy.usage import Usage

SEGMENT = {"id": 0, "start": 0.0, "end": 1.0, "text": "Hello"}
FULL: dict[str, Any] = {"text": "Hello", "duration": 2, "segments": [SEGMENT, 5], "language": "english"}


def told(value: Any, heard: float | None = None, **wanted: Any) -> Told:
    raw = value if isinstance(value, bytes) else codec.encode(value)
    return tell(raw, Wanted(**wanted), heard, Circumstances())


def test_json() -> None:
    made = told(FULL)
    assert codec.decode(made.body) == {"text": "Hello", "usage": {"type": "duration", "seconds": 2.0}}
    assert made.content_type == JSON
    assert made.usage == Usage(source="upstream", audio_ms=2000)


@pytest.mark.parametrize(("heard", "usage"), [
    (1.5, Usage(source="estimated", audio_ms=1500)), (None, Usage(source="estimated")),
])  # fmt: skip
def test_where_telnyx_does_not_say_how_long_it_was(heard: float | None, usage: Usage) -> None:
    for duration in (None, "2", True, -1, 1e12):
        made = told({"text": "Hello", "duration": duration}, heard)
        assert made.usage == usage
        assert ("usage" in codec.decode(made.body)) == (heard is not None)


def test_verbose() -> None:
    made = codec.decode(told(FULL, shape="verbose_json").body)
    TranscriptionVerbose.model_validate(made, strict=True)
    assert made["segments"][0] == {
        **SEGMENT, "seek": 0, "tokens": [], "temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 0.0,
        "no_speech_prob": 0.0,
    }  # fmt: skip
    assert len(made["segments"]) == 1
    assert (made["task"], made["language"], made["duration"]) == ("transcribe", "english", 2.0)


def test_verbose_without_anything_but_text() -> None:
    made = codec.decode(told({"text": "Hello"}, shape="verbose_json", language="en").body)
    assert made == {"task": "transcribe", "language": "en", "duration": None, "text": "Hello"}


def test_words() -> None:
    words = [{"word": "Hello", "start": 0, "end": 1}]
    both = {**FULL, "words": words}
    assert "words" not in codec.decode(told(both, shape="verbose_json").body)
    only = codec.decode(told(both, shape="verbose_json", words=True, segments=False).body)
    assert "segments" not in only
    assert only["words"] == words


def test_texts() -> None:
    assert told(FULL, shape="text")[:2] == (b"Hello\n", TEXT)
    assert told(FULL, shape="srt").body.startswith(b"1\n00:00:00,000 -->")
    assert told(FULL, shape="vtt").body.startswith(b"WEBVTT\n")
    assert told({"text": " "}, shape="srt").body == b"\n"
    with pytest.raises(UpstreamFailed, match="does not say when"):
        told({"text": "Hello"}, shape="srt")


def test_events() -> None:
    made = told(FULL, stream=True)
    assert made.content_type == EVENTS
    assert made.body == (
        b'data: {"type":"transcript.text.delta","delta":"Hello"}\n\n'
        b'data: {"type":"transcript.text.done","text":"Hello"}\n\ndata: [DONE]\n\n'
    )
    assert told({"text": ""}, stream=True).body.count(b"data:") == 2


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"text": 5}'])
def test_what_is_no_transcript(raw: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        told(raw)


def test_an_error_in_a_200() -> None:
    with pytest.raises(RateLimited):
        told({"errors": [{"code": "10011", "detail": "slow down"}]})
