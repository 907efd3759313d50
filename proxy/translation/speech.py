"""Text to speech: OpenAI's request onto Telnyx's, which has other names for nearly everything.

Source: OpenAI's request type, as the official client library has it; Telnyx's generateTextToSpeech.
"""

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from proxy import codec
from proxy.errors import InvalidRequest, ModelNotFound, UpstreamFailed
from proxy.translation import checks, failures, voices
from proxy.translation.chat import Translated, lose_unknown
from proxy.translation.checks import boolean, number, one_of, string
from proxy.translation.rules import (
    Draft,
    FieldTable,
    Policy,
    convert,
    drop,
    keep,
    lossy,
    rename,
    stated,
    unsupported_value,
)

LONGEST = 4096
"""Characters of a text; OpenAI's own bound."""
SLOWEST, FASTEST = 0.5, 2.0
"""What Telnyx's `voice_speed` may be; OpenAI's `speed` may be 0.25 to 4."""
VOICE_LIMIT = 200
"""Characters of a voice's name."""


class Format(NamedTuple):
    """How sound is written: the type that the client is told, and those that Telnyx may call it by."""

    content_type: str
    also: frozenset[str]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "mp3": Format("audio/mpeg", frozenset({"audio/mp3", "audio/mpeg3", "audio/x-mpeg"})),
        "wav": Format("audio/wav", frozenset({"audio/x-wav", "audio/wave", "audio/vnd.wave"})),
        "pcm": Format("audio/pcm", frozenset({"audio/l16", "audio/x-pcm", "audio/raw"})),
        "opus": Format("audio/opus", frozenset({"audio/ogg"})),
        "aac": Format("audio/aac", frozenset({"audio/aacp", "audio/x-aac"})),
        "flac": Format("audio/flac", frozenset({"audio/x-flac"})),
    }
)
"""OpenAI's formats."""
MP3 = "mp3"
UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types that say nothing about the sound."""
OTHER_FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType({"Telnyx": ("wav", "pcm")})
"""Provider -> the formats that are asked for beside mp3, which all of them write."""
PCM_RATE = 24_000
"""Samples a second of OpenAI's pcm, which has no header to say it."""
NO_SOUND = "Telnyx's answer holds no sound."
TEXT_ONLY = "Telnyx's voices are not told how to speak."


def translate(request: Mapping[str, Any], model: str, policy: Policy, own: Mapping[str, str]) -> Translated:
    """The upstream body for an OpenAI request. `model` is the family of voices, `own` the operator's voices.

    Raises InvalidRequest, ModelNotFound.
    """
    source = stated(request)
    for name in ("input", "voice"):
        if name not in source:
            raise checks.missing(name)
    if not voices.is_family(model):
        raise ModelNotFound(
            f"The model '{checks.shorten(model)}' does not speak. Use tts-1, or a family of Telnyx voices such as "
            f"{voices.NATURAL}.",
            param="model",
        )
    draft = Draft(source, policy)
    draft.body["voice"] = spoken_by(source["voice"], model, own)
    FIELDS.apply(draft)
    return Translated(draft.body, draft.changes, draft.expects)


def voice_name(value: Any) -> str:
    """The name in `voice`, which may be an object around it. Raises InvalidRequest."""
    if isinstance(value, Mapping):
        value = checks.required("voice", value, "id", string)
    checks.text(VOICE_LIMIT)("voice", value)
    if not value or not value.isprintable():
        raise InvalidRequest("Invalid 'voice': it names no voice.", param="voice")
    return str(value)


def spoken_by(value: Any, model: str, own: Mapping[str, str]) -> str:
    """The Telnyx voice that a request means."""
    name = voice_name(value)
    return voices.named_whole(name, own) or voices.within(name, model)


def family_asked(request: Mapping[str, Any], own: Mapping[str, str]) -> str | None:
    """The family that the voice alone decides about, whatever the model says; None where the model does."""
    value = request.get("voice")
    whole = None if value is None else voices.named_whole(voice_name(value), own)
    return None if whole is None else voices.family(whole)


def format_of(request: Mapping[str, Any]) -> Format:
    """What the client expects to hear."""
    return FORMATS[request.get("response_format") or MP3]


def expect_format(wanted: Format, content_type: str) -> None:
    """Raises UpstreamFailed for sound in another format than the client will take it for."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in UNTOLD and kind != wanted.content_type and kind not in wanted.also:
        raise UpstreamFailed(f"Telnyx answered with {kind[:VOICE_LIMIT]} where {wanted.content_type} was asked for.")


def decode(raw: bytes) -> bytes:
    """The sound in a JSON answer, `{"base64_audio": ...}`. Raises ProxyError for an error in it, and UpstreamFailed."""
    try:
        value = codec.decode(raw)
    except codec.NotJson:
        raise UpstreamFailed("Telnyx's answer cannot be read.") from None
    error = failures.from_event(value)
    if error is not None:
        raise error
    try:
        sound = base64.b64decode(value["base64_audio"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        sound = b""
    if not sound:
        raise UpstreamFailed(NO_SOUND)
    return sound


def _input(draft: Draft, name: str, value: Any) -> None:
    checks.text(LONGEST)(name, value)
    if not value.strip():
        raise InvalidRequest("Invalid 'input': there is nothing to say.", param=name)
    draft.body["text"] = value
    draft.note("renamed", name, "text", "Telnyx's name for it.")


def _voice(draft: Draft, name: str, value: Any) -> None:
    if draft.body["voice"] != value:
        draft.note("converted", name, reason=f"The voice is {draft.body['voice']}.")


def _response_format(draft: Draft, name: str, value: Any) -> None:
    one_of(*FORMATS)(name, value)
    if value == MP3:
        draft.note("dropped", name, reason="It is how Telnyx speaks anyway.")
        return
    provider = _provider(draft)
    others = OTHER_FORMATS.get(provider, ())
    if value not in others:
        raise unsupported_value(name, value, f"Voices of {provider} are written as {', '.join((MP3, *others))} here.")
    options = _options(draft)
    options["response_format"] = value
    if value == "pcm":
        options["sampling_rate"] = PCM_RATE
    draft.note("converted", name, reason="Telnyx has it among the options of its own voices.")


def _speed(draft: Draft, name: str, value: Any) -> None:
    number(0.25, 4.0)(name, value)
    if value == 1:
        draft.note("dropped", name, reason="It is how Telnyx speaks anyway.")
    elif _provider(draft) != "Telnyx":
        draft.lose(name, "Only Telnyx's own voices are told how fast to speak.")
    elif SLOWEST <= value <= FASTEST:
        _options(draft)["voice_speed"] = value
        draft.note("renamed", name, "telnyx.voice_speed", "Telnyx's name for it.")
    else:
        raise unsupported_value(
            name, f"{value:g}", f"Telnyx speaks at {SLOWEST:g} to {FASTEST:g} times the usual speed."
        )


def _stream_format(draft: Draft, name: str, value: Any) -> None:
    one_of("audio", "sse")(name, value)
    if value == "sse":
        raise unsupported_value(name, value, "The sound itself comes in pieces, as it is made; use audio.")
    draft.note("dropped", name, reason="It is how the answer comes anyway.")


def _provider(draft: Draft) -> str:
    voice: str = draft.body["voice"]
    provider = voice.partition(".")[0]
    return "Telnyx" if provider.lower() == "telnyx" else provider


def _options(draft: Draft) -> dict[str, Any]:
    options: dict[str, Any] = draft.body.setdefault("telnyx", {})
    return options


def _telnyx(draft: Draft, name: str, value: Any) -> None:
    checks.json_object(name, value)
    draft.body[name] = {**value, **draft.body.get(name, {})}  # OpenAI's fields are what the client's library knows


def _model(draft: Draft, name: str, value: Any) -> None:
    """It stands in the voice."""


# fmt: off
FIELDS = FieldTable((
    drop   ("model",           "A family of voices: Telnyx has it in the voice's own name.", function=_model),
    rename ("input",           "text", string, "Telnyx's name for it.", function=_input),
    convert("voice",           _voice,
            "OpenAI's voices are looked up in a table; a name with a dot is Telnyx's own; others are of the family."),
    convert("response_format", _response_format,
            "mp3 is what Telnyx writes; wav and pcm are asked for of Telnyx's own voices; the rest is refused.",
            sends=("telnyx",)),
    convert("speed",           _speed,
            "0.5 to 2 for Telnyx's own voices; beyond is refused.", sends=("telnyx",)),
    lossy  ("instructions",    TEXT_ONLY, check=string),
    drop   ("stream_format",   "The sound comes in pieces anyway; sse is refused.", function=_stream_format),

    # Telnyx's own fields, which a client may use
    keep   ("language",        string),
    keep   ("text_type",       one_of("text", "ssml")),
    keep   ("disable_cache",   boolean),
    convert("telnyx",          _telnyx, "Sent, under what OpenAI's fields say.", late=True),
), unknown=lose_unknown)
# fmt: on
"""Every field of the request and its fate."""
