"""What all tellings of one response have in common, whether it is answered whole, in events, or read again later."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Item = dict[str, Any]


def no_seal(text: str) -> str:
    """What seals reasoning where there is nothing to seal with: nothing comes of it."""
    return ""


@dataclass(slots=True)
class Outline:
    """A response before it has an output.

    Attributes:
        id: `resp_...`; created_at: Unix seconds; model: as answers name it (a Telnyx id; set anew once it is known).
        echo: the fields of the response object that repeat the request, complete: instructions, metadata, tools,
            tool_choice, temperature, top_p, parallel_tool_calls, max_output_tokens, max_tool_calls, text, reasoning,
            truncation, previous_response_id, conversation, store, background, service_tier, user, safety_identifier,
            prompt_cache_key, top_logprobs, presence_penalty, frequency_penalty.
        suffix: unique to this response; item ids are a prefix, this and a number.
        custom_tools: names of tools of type custom, as the model knows them.
        namespaces: name of a function as the model knows it -> (namespace, its name there).
        reasoning: how thinking is told: "text" (`content` of reasoning items), "summary" (their summary), "none".
        encrypt: reasoning items carry `encrypted_content`; seal: makes it, "" where it cannot.
        logprobs: the text parts carry log probabilities.
    """

    id: str
    created_at: int
    model: str
    echo: Mapping[str, Any]
    suffix: str
    custom_tools: frozenset[str] = frozenset()
    namespaces: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    reasoning: str = "text"
    encrypt: bool = False
    seal: Callable[[str], str] = field(default=no_seal, repr=False)
    logprobs: bool = False

    def item_id(self, prefix: str, number: int) -> str:
        """The id of an output item: `msg`, `fc`, `ctc` or `rs`, and its place in the output."""
        return f"{prefix}_{self.suffix}{number:04x}"

    def response(self, status: str, output: list[Item], **more: Any) -> dict[str, Any]:
        """The response object. `more`: usage, error, incomplete_details, completed_at, where there are any."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": output,
            "usage": None,
            **self.echo,
            **more,
        }
