"""What the response object repeats of the request, complete, with OpenAI's defaults where the client said nothing.

Where an operator bounded or set a value, the one that counts is told. Source:
https://platform.openai.com/docs/api-reference/responses/object, and the Open Responses specification for those fields
that it requires and OpenAI leaves out.
"""

from collections.abc import Mapping
from typing import Any

from proxy.translation.responses.draft import ResponseDraft

REPEATED = (
    "instructions", "previous_response_id", "user", "safety_identifier", "prompt_cache_key", "max_tool_calls",
)  # fmt: skip
"""Fields repeated as they came, or null."""


def complete(draft: ResponseDraft, body: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of the response object that does not depend on the answer. `body` is what Telnyx gets."""
    source, echo = draft.source, draft.echo
    return {
        **{name: source.get(name) for name in REPEATED},
        "conversation": echo.get("conversation"),
        "metadata": source.get("metadata", {}),
        "tools": echo.get("tools", []),
        "tool_choice": echo.get("tool_choice", "auto"),
        "parallel_tool_calls": source.get("parallel_tool_calls", True),
        "max_output_tokens": body.get("max_tokens"),
        "temperature": body.get("temperature", 1.0),
        "top_p": body.get("top_p", 1.0),
        "presence_penalty": body.get("presence_penalty", 0.0),
        "frequency_penalty": body.get("frequency_penalty", 0.0),
        "top_logprobs": body.get("top_logprobs", 0),
        "text": echo.get("text", {"format": {"type": "text"}}),
        "reasoning": {"effort": body.get("reasoning_effort"), "summary": echo.get("summary")},
        "truncation": "disabled",
        "store": source.get("store", True),
        "background": source.get("background", False),
        "service_tier": body.get("service_tier", "default"),
    }
