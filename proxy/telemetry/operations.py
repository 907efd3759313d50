"""What OpenTelemetry calls the endpoints that ask a model."""

from collections.abc import Mapping
from types import MappingProxyType

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "chat.completions": "chat",
        "responses": "chat",  # OpenAI's newer form of the same operation
        "messages": "chat",  # Anthropic's
        "completions": "text_completion",
        "embeddings": "embeddings",
        "images.generations": "image_generation",  # from here on the convention has no name and allows any
        "audio.speech": "speech",
        "audio.transcriptions": "transcription",
        "audio.translations": "translation",
    }
)
"""`gen_ai.operation.name` by endpoint. Endpoints without a row (the model list) ask no model."""
