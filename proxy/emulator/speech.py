"""`POST /text-to-speech/speech`: sound that follows from the text, piece by piece, or in JSON.

Strict about the published schema. A piece of sound is made for every word; its bytes mean nothing but begin as the
format does, so that a test can tell formats apart.

Source: generateTextToSpeech; the formats beside mp3 are for practice, for the schema names none.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from proxy.emulator import failures
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.failures import Refused
from proxy.emulator.schema import AnyObject, Decimal, Flag, Record, Text, Whole
from proxy.emulator.validation import decode, faults

TYPES: Mapping[str, str] = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}
_BEGINNINGS: Mapping[str, bytes] = {"mp3": b"ID3\x04", "wav": b"RIFF", "pcm": b""}
_PIECE = 600
_PARTS = 2
"""Parts of a voice's name at least: `Provider.VoiceId`."""

_TELNYX = Record(
    {
        "voice_speed": Decimal(0.5, 2.0),
        "response_format": Text(tuple(TYPES)),
        "sampling_rate": Whole(),
        "temperature": Decimal(),
        "volume": Decimal(0.0, 2.0),
        "emotion": Text(("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")),
    },
    closed=True,
)
_REQUEST = Record(
    {
        "text": Text(),
        "voice": Text(),
        "output_type": Text(("binary_output", "base64_output", "audio_id")),
        "text_type": Text(("text", "ssml")),
        "language": Text(),
        "disable_cache": Flag(),
        "provider": Text(),
        "telnyx": _TELNYX,
        **dict.fromkeys(("aws", "azure", "elevenlabs", "minimax", "resemble", "xai", "voice_settings"), AnyObject()),
    },
    ("text", "voice"),
    closed=True,
)


def read(data: bytes) -> dict[str, Any]:
    """The request. Raises failures.Refused."""
    body, found = decode(data)
    found = found or faults(_REQUEST, body)
    if found:
        raise Refused(failures.unprocessable(found))
    if len(body["voice"].split(".")) < _PARTS:
        raise Refused(failures.bad_request("The voice has to be Provider.Model.VoiceId.", "/voice"))
    request: dict[str, Any] = body
    return request


def format_of(request: Mapping[str, Any], behaviour: Behaviour) -> str:
    """How the sound is written."""
    asked: str = request.get("telnyx", {}).get("response_format", "mp3")
    return "mp3" if behaviour.speech == "mp3" else asked


def pieces(request: Mapping[str, Any], behaviour: Behaviour) -> list[bytes]:
    """The sound."""
    if behaviour.speech == "empty":
        return []
    seed = orjson.dumps([request["voice"], request.get("telnyx")])
    made = [
        hashlib.shake_128(seed + bytes([place % 256]) + word.encode()).digest(_PIECE)
        for place, word in enumerate((behaviour.answer or request["text"]).split())
    ]
    return [_BEGINNINGS[format_of(request, behaviour)] + made[0], *made[1:]] if made else []


def wants_json(request: Mapping[str, Any], behaviour: Behaviour) -> bool:
    """Whether the sound is asked for in JSON, or given so unasked."""
    return request.get("output_type") == "base64_output" or behaviour.speech == "base64"


def in_json(sound: list[bytes]) -> bytes:
    """The sound in JSON."""
    return orjson.dumps({"base64_audio": base64.b64encode(b"".join(sound)).decode()})
