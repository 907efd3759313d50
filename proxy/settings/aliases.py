"""The model names that OpenAI apps come with, and what serves them unless the configuration says otherwise.

Chosen from Telnyx's catalogue of October 2026. Exact names win, then the pattern with the longest literal part; a name
with a slash is a Telnyx id and is never matched by a pattern. The answer's `model` says what served.
"""

from collections.abc import Mapping
from types import MappingProxyType

GENERAL = "moonshotai/Kimi-K2.6"  # sees images, as the gpt models do; 262,144 tokens of context
REASONING = "zai-org/GLM-5.2"  # 1,000,000 tokens of context, up to 131,072 of output
SMALL = "zai-org/GLM-5.3-Flash"  # about a fifth of the price of the others
EMBEDDING = "thenlper/gte-large"  # 1024 dimensions, at most 512 tokens per text
MULTILINGUAL_EMBEDDING = "intfloat/multilingual-e5-large"  # 1024 dimensions
TRANSCRIPTION = "openai/whisper-large-v3-turbo"
SPEECH = "Telnyx.NaturalHD"  # provider and model; the voice completes Telnyx's `Telnyx.NaturalHD.astra`

ALIASES: Mapping[str, str] = MappingProxyType({
    "gpt-*": GENERAL,
    "gpt-*-mini": SMALL,
    "gpt-*-mini-*": SMALL,
    "gpt-*-nano": SMALL,
    "gpt-*-nano-*": SMALL,
    "chatgpt-*": GENERAL,
    "codex-*": REASONING,
    "codex-mini*": SMALL,
    "o1*": REASONING,
    "o1-mini*": SMALL,
    "o3*": REASONING,
    "o3-mini*": SMALL,
    "o4*": REASONING,
    "o4-mini*": SMALL,
    "claude-*": GENERAL,
    "claude-*haiku*": SMALL,
    # vectors of different models do not mix: what was embedded elsewhere has to be embedded again
    "text-embedding-ada-002": EMBEDDING,
    "text-embedding-3-small": EMBEDDING,
    "text-embedding-3-large": MULTILINGUAL_EMBEDDING,
    "whisper-1": TRANSCRIPTION,
    "gpt-4o-transcribe*": TRANSCRIPTION,
    "gpt-4o-mini-transcribe*": TRANSCRIPTION,
    "tts-1": SPEECH,
    "tts-1-hd": SPEECH,
    "gpt-4o-mini-tts*": SPEECH,
})  # fmt: skip
"""OpenAI's name or a pattern of names -> Telnyx's id."""
