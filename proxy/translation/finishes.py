"""Why a model stopped: whatever upstream calls it -> one of OpenAI's five words.

The .NET client library throws on any other word, the empty one included, and agent loops decide by it whether to run
tools. So the word is made to agree with what the answer really holds.
"""

from types import MappingProxyType

from proxy.errors import UpstreamFailed
from proxy.translation.rules import Expectation

FINISHES = MappingProxyType(
    {
        "stop": "stop",
        "": "stop",  # seen from proxied providers on the last chunk
        "eos": "stop",  # text-generation-inference, older servers
        "eos_token": "stop",
        "end_turn": "stop",  # Anthropic's word
        "stop_sequence": "stop",  # Anthropic's word, too
        "complete": "stop",  # Cohere's word
        "length": "length",
        "max_tokens": "length",  # Anthropic's and Google's word
        "max_length": "length",
        "max_output_tokens": "length",  # OpenAI's own word in its Responses API
        "model_length": "length",  # Mistral's word for a full context window
        "tool_calls": "tool_calls",
        "tool_use": "tool_calls",  # Anthropic's word
        "tool_call": "tool_calls",
        "function_call": "function_call",
        "content_filter": "content_filter",
        "safety": "content_filter",  # Google's word
        "refusal": "content_filter",  # Anthropic's word
    }
)
"""Upstream's word in lower case -> OpenAI's. A word that is not here means `stop`: the model did end its answer."""

BROKEN = frozenset({"error", "abort", "aborted", "cancelled", "canceled"})
"""Words for an answer that was never finished (vLLM says `abort`, routers say `error`). To call it `stop` would pass a
torso off as the whole."""


def cut_short(reason: object) -> bool:
    """Whether the answer is a beginning only: no schema can be kept then, and OpenAI's own answers do not."""
    return FINISHES.get(str(reason or "").lower()) in {"length", "content_filter"}


def finish(reason: object, *, calls: bool, expects: Expectation) -> str:
    """The word the client gets for upstream's `reason`. Raises UpstreamFailed for one of BROKEN.

    `calls` says whether the choice holds tool calls. With calls, OpenAI answers `tool_calls`; `stop` where the client
    had named the tool; `function_call` where it sent the older `functions`. Without calls the word would send an agent
    loop looking for calls that are not there.
    """
    word = str(reason or "").lower()
    if word in BROKEN:
        raise UpstreamFailed(f"Telnyx broke off the answer (finish reason '{word}').")
    known = FINISHES.get(word, "stop")
    if known in {"length", "content_filter"}:
        return known
    if not calls:
        return "stop" if known == "tool_calls" else known
    if expects.named_choice:
        return "stop"
    return "function_call" if expects.legacy_functions else "tool_calls"
