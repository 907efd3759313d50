import pytest

from proxy.settings.aliases import ALIASES
from proxy.translation.models import Aliases

CHAT = {
    "gpt-4o": "moonshotai/Kimi-K2.6",
    "gpt-3.5-turbo": "moonshotai/Kimi-K2.6",
    "gpt-6.1-sol": "moonshotai/Kimi-K2.6",
    "chatgpt-4o-latest": "moonshotai/Kimi-K2.6",
    "gpt-4o-mini": "zai-org/GLM-5.3-Flash",
    "gpt-4o-mini-2024-07-18": "zai-org/GLM-5.3-Flash",
    "gpt-4.1-nano": "zai-org/GLM-5.3-Flash",
    "gpt-5-nano-2025-08-07": "zai-org/GLM-5.3-Flash",
    "o4-mini": "zai-org/GLM-5.3-Flash",
    "o3": "zai-org/GLM-5.2",
    "o1-preview": "zai-org/GLM-5.2",
    "codex-latest": "zai-org/GLM-5.2",
    "codex-mini-latest": "zai-org/GLM-5.3-Flash",
}
OTHER = {
    "text-embedding-3-small": "thenlper/gte-large",
    "text-embedding-3-large": "intfloat/multilingual-e5-large",
    "text-embedding-ada-002": "thenlper/gte-large",
    "whisper-1": "openai/whisper-large-v3-turbo",
    "gpt-4o-transcribe": "openai/whisper-large-v3-turbo",
    "gpt-4o-mini-transcribe-2025-03-20": "openai/whisper-large-v3-turbo",
    "tts-1": "Telnyx.NaturalHD",
    "tts-1-hd": "Telnyx.NaturalHD",
    "gpt-4o-mini-tts": "Telnyx.NaturalHD",
}


@pytest.mark.parametrize(("name", "target"), (CHAT | OTHER).items())
def test_the_names_that_apps_come_with_are_served(name: str, target: str) -> None:
    assert Aliases(ALIASES).target(name) == target


@pytest.mark.parametrize("name", ["moonshotai/Kimi-K2.6", "openai/gpt-5.4-mini", "llama3", "all-minilm-l6-v2"])
def test_other_names_are_left_alone(name: str) -> None:
    assert Aliases(ALIASES).target(name) is None
