"""`POST /ai/audio/transcriptions`: a recording is counted and hashed as it arrives, and "heard".

Strict about the published form: its fields, the formats, what each model takes. What is heard follows from the
recording: how many bytes it had. A WAV file tells how long it is; of any other, each 16,000 bytes are a second.

Source: AudioTranscriptionRequest and AudioTranscriptionResponse; that a granularity without brackets is answered with
500 was seen.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import BodyPartReader, web

from proxy.emulator import failures
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.failures import Refused
from proxy.emulator.validation import Fault, fault

_DISTIL, _TURBO, _NOVA = "distil-whisper/distil-large-v2", "openai/whisper-large-v3-turbo", "deepgram/nova-3"
_MODELS = (_DISTIL, _TURBO, _NOVA)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "model": _MODELS,
    "response_format": ("json", "verbose_json"),
    "timestamp_granularities[]": ("segment",),
}
_FIELDS = frozenset({*_CHOICES, "file_url", "language", "model_config"})
_LARGEST = 100 * 2**20
_LARGEST_FIELD = 64 * 1024
_HEAD = 44
_BYTES_A_SECOND = 16_000
_WORDS_A_SEGMENT = 4
_SECONDS_A_WORD = 0.5


@dataclass
class Recording:
    """What arrived."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    content_type: str = ""
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    head: bytes = b""

    def described(self) -> dict[str, Any]:
        """For the list of requests."""
        file = {"filename": self.filename, "content_type": self.content_type, "bytes": self.size}
        return {"fields": self.fields, "file": {**file, "sha256": self.digest.hexdigest()} if self.size else None}

    def seconds(self) -> float:
        """How long it is."""
        if self.head[:4] == b"RIFF" and len(self.head) == _HEAD:
            rate = int.from_bytes(self.head[28:32], "little")
            return (self.size - _HEAD) / rate if rate else 0.0
        return self.size / _BYTES_A_SECOND


async def receive(request: web.Request, behaviour: Behaviour) -> Recording:
    """Reads the form. Raises failures.Refused."""
    if behaviour.lengths and request.content_length is None:
        raise Refused(failures.Failure(411, b"<html>411 Length Required</html>", "text/html"))
    if not request.content_type.startswith("multipart/"):
        raise Refused(failures.unprocessable([fault(("body", "model"), "missing", "Field required")]))
    recording = Recording()
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader):
                await _take(part, recording)
    except (ValueError, AssertionError):
        raise Refused(failures.bad_request("There was an error parsing the body")) from None
    return recording


async def _take(part: BodyPartReader, recording: Recording) -> None:
    if part.name != "file":
        data = await part.read_chunk(_LARGEST_FIELD)
        recording.fields[part.name or ""] = data.decode("utf-8", "replace")
        while await part.read_chunk():
            pass
        return
    recording.filename, recording.content_type = part.filename, part.headers.get("content-type", "")
    while piece := await part.read_chunk():
        recording.size += len(piece)
        if recording.size > _LARGEST:
            raise Refused(failures.TOO_LARGE)
        recording.head = (recording.head + piece[:_HEAD])[:_HEAD]
        recording.digest.update(piece)


def answer(recording: Recording, behaviour: Behaviour) -> bytes:
    """What was heard. Raises failures.Refused."""
    if "timestamp_granularities" in recording.fields:
        raise Refused(failures.detail_text(500, "Internal Server Error"))
    faults = _faults(recording)
    if faults:
        raise Refused(failures.unprocessable(faults))
    _expect_fitting(recording)
    model = recording.fields["model"]
    text = behaviour.answer or f"I heard {recording.size} bytes. They were clear. Thank you."
    told: dict[str, Any] = {"text": text}
    if recording.fields.get("response_format") == "verbose_json" and model != _TURBO:
        told["duration"] = recording.seconds()
        told |= {"segments": _segments(text)} if model == _DISTIL else {"words": _words(text)}
    return orjson.dumps(told)


def _faults(recording: Recording) -> list[Fault]:
    fields = recording.fields
    found = [] if "model" in fields else [fault(("body", "model"), "missing", "Field required")]
    for name, value in fields.items():
        if name not in _FIELDS:
            found.append(fault(("body", name), "extra_forbidden", "Extra inputs are not permitted"))
        elif value not in _CHOICES.get(name, (value,)):
            choices = " or ".join(f"'{choice}'" for choice in _CHOICES[name])
            found.append(fault(("body", name), "literal_error", f"Input should be {choices}"))
    return found


def _expect_fitting(recording: Recording) -> None:
    """What the schema says in words. Raises failures.Refused."""
    fields, model = recording.fields, recording.fields["model"]
    if (recording.filename is None) == ("file_url" not in fields):
        raise Refused(failures.bad_request("Exactly one of file and file_url is required.", "/file"))
    if "language" in fields and model == _DISTIL:
        raise Refused(failures.bad_request(f"{_DISTIL} does not support the language parameter.", "/language"))
    if "model_config" in fields and model != _NOVA:
        raise Refused(failures.bad_request(f"model_config is only allowed with {_NOVA}.", "/model_config"))
    if "timestamp_granularities[]" in fields and fields.get("response_format") != "verbose_json":
        raise Refused(failures.bad_request("timestamp_granularities need verbose_json.", "/timestamp_granularities"))
    kind = (recording.filename or "").rpartition(".")[2].lower()
    if model == _NOVA and recording.filename is not None and kind not in {"mp3", "wav"}:
        raise Refused(failures.bad_request(f"{_NOVA} takes mp3 and wav only.", "/file"))


def _words(text: str) -> list[dict[str, Any]]:
    return [
        {"word": word, "start": place * _SECONDS_A_WORD, "end": (place + 1) * _SECONDS_A_WORD, "confidence": 0.99}
        for place, word in enumerate(text.split())
    ]


def _segments(text: str) -> list[dict[str, Any]]:
    words = _words(text)
    groups = [words[place : place + _WORDS_A_SEGMENT] for place in range(0, len(words), _WORDS_A_SEGMENT)]
    return [
        {"id": number, "start": group[0]["start"], "end": group[-1]["end"],
         "text": " ".join(row["word"] for row in group)}
        for number, group in enumerate(groups)
    ]  # fmt: skip
