"""Refusals of known quirks: the body that is refused, the words, and the body that is not."""

from typing import Any, NamedTuple

from proxy import codec
from proxy.translation.chat import translate
from proxy.translation.dialects import Body
from proxy.translation.quirks import Manner
from proxy.translation.rules import Policy
from tests.translation import bodies
from tests.translation.telnyx_failures import fastapi, openai, telnyx

HI = {"role": "user", "content": "Say hi."}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
CAT = "https://example.com/cat.png"
AUTO = Manner()


def body_of(**fields: Any) -> Body:
    """What translation makes of a client's request."""
    return translate({"model": "gpt-4o", "messages": [HI], **fields}, bodies.MODEL, Policy()).body


def picture(address: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": address}]}


def image_body(address: Any) -> Body:
    return {**body_of(), "messages": [picture(address)]}


def nothing(name: str) -> bool:
    return False


def everything(name: str) -> bool:
    return True


def changed(body: Body, *without: str, **fields: Any) -> Body:
    return {name: value for name, value in body.items() if name not in without} | fields


class Case(NamedTuple):
    """A body, a refusal of it, and what the repair makes of the body."""

    body: Body
    words: str
    loc: tuple[Any, ...]
    repaired: Body


CAPPED = body_of(max_completion_tokens=100, tools=[TOOL])
STREAM = body_of(stream=True)
CAP = body_of(max_tokens=100)
SCHEMED = body_of(response_format=FORM, tools=[TOOL])
GUIDED = body_of(guided_json=SCHEMA, tools=[TOOL])
BY_SCHEMA = body_of(response_format=FORM)
MAX = body_of(reasoning_effort="max")
TALK = [{"role": "system", "content": "A"}, HI, {"role": "developer", "content": [{"type": "text", "text": "B"}]}]
SYSTEMS = body_of(messages=TALK)
IN_WORDS = {
    "role": "system",
    "content": "Unless you call a tool, answer with one JSON value and nothing else. "
    "It must conform to this JSON schema: " + codec.encode_text(SCHEMA),
}

IMAGE = ("messages", 0, "content", 0, "image_url")

CASES: dict[str, list[Case]] = {
    "cap_with_tools": [
        Case(CAPPED, "max_completion_tokens (former max_tokens) and function tools cannot be used in the same request.",
             ("max_tokens",), changed(CAPPED, "max_tokens")),
        Case(changed(CAPPED, "max_tokens", max_completion_tokens=5), "max_tokens with tools is not supported", (),
             changed(CAPPED, "max_tokens")),
    ],
    "stream_options": [
        Case(STREAM, "Parameter 'stream_options' is not supported with this model.", ("stream_options",),
             changed(STREAM, "stream_options")),
    ],
    "max_completion_tokens": [
        Case(CAP, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
             ("max_tokens",), changed(CAP, "max_tokens", max_completion_tokens=100)),
    ],
    "schema_with_tools": [
        Case(SCHEMED, "response_format with a schema and tools cannot be used in the same request.",
             ("response_format",),
             changed(SCHEMED, "response_format", messages=[IN_WORDS, HI])),
        Case(GUIDED, "guided decoding and tools exclude each other.", ("guided_json",),
             changed(GUIDED, "guided_json", messages=[IN_WORDS, HI])),
    ],
    "dialect": [
        Case(changed(MAX, response_format=FORM), "Extra inputs are not permitted", ("reasoning_effort",),
             changed(MAX, "reasoning_effort", enable_thinking=True, guided_json=SCHEMA)),
        Case(body_of(service_tier="flex"), "unknown field `service_tier`", (), body_of()),
        Case(body_of(region="EU"), "Unrecognized request argument supplied: region", (), body_of()),
        Case(body_of(mode="preferred"), "Unknown parameter: 'mode'.", ("mode",), body_of()),
    ],
    "response_format": [
        Case(BY_SCHEMA,
             "response_format of type 'json_schema' is not supported with this model. Use guided_json instead.",
             ("response_format", "type"), changed(BY_SCHEMA, "response_format", guided_json=SCHEMA)),
        Case(BY_SCHEMA, "Input should be 'text' or 'json_object'", ("response_format", "type"),
             changed(BY_SCHEMA, "response_format", guided_json=SCHEMA)),
    ],
    "reasoning_effort": [
        Case(MAX, "reasoning_effort 'max' is not supported with this model. Supported values are: low, high.",
             ("reasoning_effort",), changed(MAX, reasoning_effort="high")),
        Case(MAX, "Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are:"
             " 'low', and 'medium'.", ("reasoning_effort",), changed(MAX, reasoning_effort="medium")),
        Case(MAX, "reasoning_effort: Input should be 'none', 'low' or 'high' (got 'max')", ("reasoning_effort",),
             changed(MAX, reasoning_effort="high")),
        Case(MAX, "reasoning_effort 'max' is not supported with this model.", ("reasoning_effort",),
             changed(MAX, "reasoning_effort", enable_thinking=True)),
        Case(body_of(reasoning_effort="minimal"), "This model has no reasoning effort.", ("reasoning_effort",),
             body_of(enable_thinking=False)),
        Case(body_of(reasoning_effort="medium"), "reasoning_effort must be one of: high, low.", ("reasoning_effort",),
             body_of(reasoning_effort="low")),
    ],
    "enable_thinking": [
        Case(body_of(enable_thinking=False), "Parameter 'enable_thinking' is not supported.", ("enable_thinking",),
             body_of()),
    ],
    "thinking": [
        Case({**body_of(), "thinking": {"type": "disabled"}}, "Parameter 'enable_thinking' is not supported.",
             ("thinking",), body_of()),
    ],
    "image_url_string": [
        Case(image_body({"url": CAT}), "image_url: Input should be a valid string", IMAGE,
             image_body(CAT)),
        Case(image_body({"url": CAT}), "image_url is not valid", IMAGE, image_body(CAT)),
    ],
    "image_url_object": [
        Case(image_body(CAT), "image_url: Input should be an object", IMAGE,
             image_body({"url": CAT})),
        Case(image_body(CAT), "image_url: invalid type: string, expected struct ImageUrl", (),
             image_body({"url": CAT})),
    ],
    "system_messages": [
        Case(SYSTEMS, "The system message must be the first message, and there can be only one.", ("messages",),
             changed(SYSTEMS, messages=[{"role": "system", "content": "A\n\nB"}, HI])),
        Case(body_of(messages=[HI, {"role": "system", "content": "A"}]), "System message must be at the beginning.", (),
             body_of(messages=[{"role": "system", "content": "A"}, HI])),
    ],
}  # fmt: skip
EACH = [(name, case) for name, cases in CASES.items() for case in cases]


def refusals(case: Case) -> list[bytes]:
    """The refusal in the three shapes, each with the words and as exact about the place as it can be."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in case.loc).lstrip(".")
    kind = "extra_forbidden" if "xtra" in case.words else "value_error"
    words = f"{case.words} ({path})" if path and path not in case.words else case.words
    return [telnyx("10015", words), fastapi(kind, case.words, *case.loc), openai(case.words, param=path or None)]
