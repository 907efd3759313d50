"""What Telnyx's speech-to-text models can do, and what they were asked for.

Source: https://developers.telnyx.com/api-reference/audio/transcribe-speech-to-text; what it does not say is as it was
seen: whisper-large-v3-turbo gives the text and nothing else.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple


class Recogniser(NamedTuple):
    """One model.

    Attributes:
        segments, words: whether it tells when they were said.
        duration: whether `verbose_json` tells how long the recording is.
        languages: whether it takes `language`; otherwise it hears English.
        configured: whether it takes `model_config`.
    """

    segments: bool = False
    words: bool = False
    duration: bool = False
    languages: bool = True
    configured: bool = False

    @property
    def timed(self) -> bool:
        """Whether captions can be made from what it gives."""
        return self.segments or self.words


KNOWN: Mapping[str, Recogniser] = MappingProxyType(
    {
        "distil-whisper/distil-large-v2": Recogniser(segments=True, duration=True, languages=False),
        "openai/whisper-large-v3-turbo": Recogniser(),
        "deepgram/nova-3": Recogniser(words=True, duration=True, configured=True),
    }
)
"""The models that Telnyx has published."""
OTHER = Recogniser(segments=True, words=True, configured=True)
"""One that is newer than this table: Telnyx knows best."""


def look_up(model: str, timed: Iterable[str] = ()) -> Recogniser:
    """What a model can do; `timed` are patterns of models that are known to give segments, whatever the table says."""
    found = KNOWN.get(model, OTHER)
    if any(fnmatchcase(model, pattern) for pattern in timed):
        found = found._replace(segments=True)
    return found


def naming(feature: str) -> str:
    """The models that have a feature, for people."""
    return " or ".join(model for model, known in KNOWN.items() if getattr(known, feature))
