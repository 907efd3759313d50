"""What a call consumed: the one word shared by translation, streaming, telemetry and accounts."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Source = Literal["upstream", "estimated", "none"]

BYTES_PER_TOKEN = 4
"""A rule of thumb for English text and code with current tokenizers; only ever used where Telnyx reports nothing,
and flagged `estimated` wherever the figure goes."""


class Usage(NamedTuple):
    """What one call consumed, most of it tokens.

    `cached_input` and `cache_write` are part of `input`, `reasoning` is part of `output`. `audio_ms` are milliseconds
    of speech that were heard, `characters` those that were spoken.

    An explicit zero from upstream is a value; only an absent figure is estimated.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    reasoning: int = 0
    source: Source = "none"
    cache_write: int = 0
    audio_ms: int = 0
    characters: int = 0

    def openai(self) -> dict[str, Any]:
        """OpenAI's `usage` object of a chat completion."""
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cached_input, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


NOTHING = Usage()


def estimate(input_bytes: int, output_bytes: int, reasoning_bytes: int = 0) -> Usage:
    """Usage from the size of the text in and out, where upstream reported none. Reasoning is part of the output."""
    read, wrote = -(-input_bytes // BYTES_PER_TOKEN), -(-output_bytes // BYTES_PER_TOKEN)
    thought = -(-reasoning_bytes // BYTES_PER_TOKEN)
    return tuple.__new__(Usage, (read, wrote, 0, thought, "estimated", 0, 0, 0))  # as `Usage` does, a call less


def total(parts: Iterable[Usage]) -> Usage:
    """What several calls consumed together: estimated where one of them is, none where none consumed anything."""
    known = [part for part in parts if part.source != "none"]
    if not known:
        return NOTHING
    source: Source = "estimated" if any(part.source == "estimated" for part in known) else "upstream"
    sums = {name: sum(getattr(part, name) for part in known) for name in Usage._fields if name != "source"}
    return Usage(**sums, source=source)


def size(text: Any) -> int:
    """UTF-8 bytes of a text; anything else counts nothing."""
    if not isinstance(text, str):
        return 0
    return len(text) if text.isascii() else len(text.encode())
