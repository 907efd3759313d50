"""Telnyx's transcripts in the shapes that OpenAI's clients know."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from proxy import codec
from proxy.errors import UpstreamFailed
from proxy.translation import captions, failures
from proxy.translation.failures import Circumstances
from proxy.translation.transcriptions import CAPTIONS, Wanted
from proxy.usage import Source, Usage

JSON, TEXT, EVENTS = "application/json", "text/plain; charset=utf-8", "text/event-stream; charset=utf-8"
UNTIMED = "Telnyx's transcript does not say when what was said, so no captions can be made of it."
SEGMENT: Mapping[str, Any] = {
    "seek": 0,
    "tokens": [],
    "temperature": 0.0,
    "avg_logprob": 0.0,
    "compression_ratio": 0.0,
    "no_speech_prob": 0.0,
}
"""What a segment has at OpenAI and Telnyx does not tell. Clients read it; none of these values makes one drop it."""
LONGEST = 30 * 24 * 3600
"""Seconds. Nobody sends a recording of a month within the bound of its bytes."""


class Told(NamedTuple):
    """A transcript as the client gets it, and what was heard."""

    body: bytes
    content_type: str
    usage: Usage


def tell(raw: bytes, wanted: Wanted, heard: float | None, around: Circumstances) -> Told:
    """The client's bytes for the bytes of a 200. `heard` are seconds, as far as the recording itself said it.

    Raises ProxyError for an error in them, and UpstreamFailed for what is no transcript.
    """
    try:
        value = codec.decode(raw)
    except codec.NotJson:
        raise UpstreamFailed("Telnyx's answer cannot be read.") from None
    error = failures.from_event(value, around)
    if error is not None:
        raise error
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise UpstreamFailed("Telnyx's answer is no transcript.")
    told = _seconds(value.get("duration"))
    seconds = heard if told is None else told
    source: Source = "estimated" if told is None else "upstream"
    usage = Usage(source=source, audio_ms=0 if seconds is None else round(seconds * 1000))
    body, content_type = _shaped(value, wanted, seconds)
    return Told(body, content_type, usage)


def _shaped(value: dict[str, Any], wanted: Wanted, seconds: float | None) -> tuple[bytes, str]:
    text: str = value["text"]
    if wanted.stream:
        return _events(text), EVENTS
    if wanted.shape == "text":
        return f"{text}\n".encode(), TEXT
    if wanted.shape in CAPTIONS:
        found = captions.cues(value.get("segments"), value.get("words"))
        if not found and text.strip():
            raise UpstreamFailed(UNTIMED)
        return (captions.srt if wanted.shape == "srt" else captions.vtt)(found).encode(), TEXT
    made: dict[str, Any] = {"text": text}
    if wanted.shape == "verbose_json":
        made = _verbose(value, wanted, seconds)
    if seconds is not None:
        made["usage"] = {"type": "duration", "seconds": seconds}
    return codec.encode(made), JSON


def _verbose(value: dict[str, Any], wanted: Wanted, seconds: float | None) -> dict[str, Any]:
    language = value.get("language")
    made = {
        "task": "transcribe",
        "language": language if isinstance(language, str) else wanted.language,
        "duration": seconds,
        "text": value["text"],
    }
    segments, words = value.get("segments"), value.get("words")
    if wanted.segments and isinstance(segments, list):
        made["segments"] = [{**SEGMENT, **row} for row in segments if isinstance(row, dict)]
    if isinstance(words, list) and (wanted.words or "segments" not in made):
        made["words"] = words
    return made


def _seconds(value: Any) -> float | None:
    return float(value) if type(value) in {int, float} and 0 <= value <= LONGEST else None


def _events(text: str) -> bytes:
    events = [{"type": "transcript.text.done", "text": text}]
    if text:
        events.insert(0, {"type": "transcript.text.delta", "delta": text})
    return b"".join(b"data: " + codec.encode(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
