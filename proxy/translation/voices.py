"""Voices: from what an OpenAI app says to a Telnyx voice.

Telnyx's voices are `Provider.Model.VoiceId` or `Provider.VoiceId`. All but the last part is the family, which stands
for the model here: it is what a request's `model` means, and what allow-lists, prices and the ledger see.

Sources: https://developers.telnyx.com/docs/voice/tts; the NaturalHD names are those that Telnyx's own tools offer.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

NATURAL = "Telnyx.NaturalHD"

VOICES: Mapping[str, str] = MappingProxyType({
    "alloy": f"{NATURAL}.astra",
    "ash": f"{NATURAL}.orion",
    "ballad": f"{NATURAL}.bond",
    "cedar": f"{NATURAL}.baldur",
    "coral": f"{NATURAL}.celeste",
    "echo": f"{NATURAL}.andersen_johan",
    "fable": f"{NATURAL}.andromeda",
    "marin": f"{NATURAL}.estelle",
    "nova": f"{NATURAL}.luna",
    "onyx": f"{NATURAL}.baldur",
    "sage": f"{NATURAL}.constance",
    "shimmer": f"{NATURAL}.iris",
    "verse": f"{NATURAL}.orion",
})  # fmt: skip
"""OpenAI's voices -> voices of the family that `tts-1` means."""

_FAMILY = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_.-]+)?")


def family(voice: str) -> str:
    """What stands for the model of a Telnyx voice."""
    return voice.rpartition(".")[0]


def is_family(model: str) -> bool:
    """Whether a Telnyx id may be a family of voices: `Telnyx.NaturalHD`, `Azure`; no language model is."""
    return (_FAMILY.fullmatch(model) is not None and "." in model) or model in PROVIDERS


PROVIDERS = frozenset({"AWS", "Azure", "ElevenLabs", "Humain", "Minimax", "Resemble", "Rime", "Telnyx", "Xai"})
"""Who speaks at Telnyx. Some have voices without a model between."""


def named_whole(voice: str, own: Mapping[str, str]) -> str | None:
    """The Telnyx voice that a name means whatever the model: the operator's own, or one written out; else None."""
    if voice in own:
        return own[voice]
    return voice if "." in voice else None


def within(voice: str, model: str) -> str:
    """The Telnyx voice that a bare name means in a family."""
    known = VOICES.get(voice.lower())
    return known if known is not None and family(known) == model else f"{model}.{voice}"
