"""Fields of Telnyx's chat request that the configuration may set: `defaults`, `force` and `cap`.

Names, types and bounds are those of the chat request in Telnyx's published OpenAPI, both dialects together.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from proxy.settings.quantities import Number, Text, Whole
from proxy.settings.section import Section
from proxy.settings.shape import FieldsOf

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

UNGIVEN: Any = None
"""A field that is not given is not sent; null is no value of any of these fields."""


def as_list(value: Any) -> Any:
    """A single text as a list of one."""
    return [value] if isinstance(value, str) else value


class Caps(Section):
    """Numbers of the request that can have an upper bound."""

    temperature: Number = Field(UNGIVEN, ge=0, le=2, description="randomness; Telnyx's own default is 0.1")
    top_p: Number = Field(UNGIVEN, ge=0, le=1, description="share of probability that tokens are drawn from")
    min_p: Number = Field(UNGIVEN, ge=0, le=1, description="an alternative to `top_p`")
    max_tokens: Whole = Field(UNGIVEN, ge=1, description="output tokens, reasoning included; Telnyx's default is 8192")
    n: Whole = Field(UNGIVEN, ge=1, le=128, description="number of choices")
    best_of: Whole = Field(UNGIVEN, ge=1, description="candidates the choices are picked from")
    top_logprobs: Whole = Field(UNGIVEN, ge=0, le=20, description="alternatives per token")
    frequency_penalty: Number = Field(UNGIVEN, ge=-2, le=2, description="against frequent tokens")
    presence_penalty: Number = Field(UNGIVEN, ge=-2, le=2, description="against tokens that occurred")
    length_penalty: Number = Field(UNGIVEN, description="for or against length, with beam search")


class RequestFields(Caps):
    """Every field of the request that can be set for a client."""

    seed: Whole = Field(UNGIVEN, description="for repeatable sampling")
    stop: Annotated[list[Text], BeforeValidator(as_list)] = Field(
        UNGIVEN, max_length=4, description="up to four texts that end the answer"
    )
    logprobs: bool = Field(UNGIVEN, description="whether log probabilities are returned")
    enable_thinking: bool = Field(UNGIVEN, description="whether models that can reason do so")
    reasoning_effort: Effort = Field(UNGIVEN, description="how much they do; dialect 2026-10")
    service_tier: Text = Field(UNGIVEN, description="`default`, `priority` or `flex`, by model; dialect 2026-10")
    region: Literal["USA", "EU", "AUS", "UAE"] = Field(UNGIVEN, description="where it is served; dialect 2026-10")
    mode: Literal["preferred", "strict"] = Field(UNGIVEN, description="how strictly `region` is meant; dialect 2026-10")
    tool_choice: Literal["none", "auto", "required"] = Field(UNGIVEN, description="whether tools are called")
    response_format: Mapping[str, Any] = Field(UNGIVEN, description="`{type: json_object}` and the like")
    use_beam_search: bool = Field(UNGIVEN, description="beam search")
    early_stopping: bool = Field(UNGIVEN, description="whether beam search stops early")
    guided_json: Mapping[str, Any] = Field(UNGIVEN, description="JSON schema of the answer; dialect 2026-06")
    guided_regex: Text = Field(UNGIVEN, description="regular expression of the answer; dialect 2026-06")
    guided_choice: list[Text] = Field(UNGIVEN, description="the possible answers; dialect 2026-06")


Injected = Annotated[Mapping[str, Any], FieldsOf(RequestFields)]
Capped = Annotated[Mapping[str, int | float], FieldsOf(Caps)]  # a cap of whole tokens stays a whole number

ELSEWHERE: Mapping[str, str] = MappingProxyType({
    "api_key_ref": "name it by provider under tenants[].api_key_refs",
    "openai_api_key": "provider keys are Telnyx integration secrets, named under tenants[].api_key_refs",
    "max_completion_tokens": "Telnyx's name for it is max_tokens",
    "thinking": "Telnyx's name for it is enable_thinking",
    "model": "see models.aliases and models.default",
    "messages": "they are the client's",
    "tools": "they are the client's",
    "stream": "the client decides",
    "stream_options": "usage is always asked for",
    "user": "Telnyx has no such field",
})  # fmt: skip
"""Names of a request that people look for here, and where to look."""
