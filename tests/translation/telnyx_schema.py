"""What Telnyx publishes about its chat request (2026-10), as a JSON schema, and where we go beyond it, as a list.

The published schema leaves open whether unknown fields are accepted; here they are not, so that nothing is sent by
accident. Source: the OpenAPI document of `POST /ai/openai/chat/completions`, https://developers.telnyx.com.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own

Schema = dict[str, Any]


def _closed(properties: Mapping[str, Any], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
FREE: Schema = {"type": "object", "additionalProperties": True}
TEXTS: Schema = {"type": "array", "items": TEXT}

PART = _closed({"type": {"enum": ["text", "image_url"]}, "text": TEXT, "image_url": TEXT}, "type")
MESSAGE = _closed(
    {
        "role": {"enum": ["system", "user", "assistant", "tool"]},
        "content": {"oneOf": [TEXT, {"type": "array", "items": PART}]},
    },
    "content",
    "role",
)
FUNCTION = _closed({"name": TEXT, "description": TEXT, "parameters": FREE}, "name")
FUNCTION_TOOL = _closed({"type": {"const": "function"}, "function": FUNCTION}, "function", "type")
BUCKETS = _closed({"bucket_ids": TEXTS, "max_num_results": INTEGER}, "bucket_ids")
RETRIEVAL_TOOL = _closed({"type": {"const": "retrieval"}, "retrieval": BUCKETS}, "type", "retrieval")
JSON_SCHEMA = _closed({"name": TEXT, "description": TEXT, "schema": FREE, "strict": BOOLEAN}, "name")
RESPONSE_FORMAT: Schema = {
    "oneOf": [
        _closed({"type": {"const": "text"}}, "type"),
        _closed({"type": {"const": "json_object"}}, "type"),
        _closed({"type": {"const": "json_schema"}, "json_schema": JSON_SCHEMA}, "type", "json_schema"),
    ]
}

PUBLISHED = _closed(
    {
        "messages": {"type": "array", "items": MESSAGE},
        "model": TEXT,
        "service_tier": TEXT,
        "region": {"enum": ["USA", "EU", "AUS", "UAE"]},
        "mode": {"enum": ["preferred", "strict"]},
        "api_key_ref": TEXT,
        "stream": BOOLEAN,
        "temperature": NUMBER,
        "max_tokens": INTEGER,
        "tools": {"type": "array", "items": {"oneOf": [FUNCTION_TOOL, RETRIEVAL_TOOL]}},
        "tool_choice": {"enum": ["none", "auto", "required"]},
        "response_format": RESPONSE_FORMAT,
        "min_p": NUMBER,
        "n": NUMBER,
        "use_beam_search": BOOLEAN,
        "best_of": INTEGER,
        "length_penalty": NUMBER,
        "early_stopping": BOOLEAN,
        "logprobs": BOOLEAN,
        "top_logprobs": INTEGER,
        "frequency_penalty": NUMBER,
        "presence_penalty": NUMBER,
        "top_p": NUMBER,
        "stop": {"oneOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 4}]},
        "seed": INTEGER,
        "enable_thinking": BOOLEAN,
        "reasoning_effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max"]},
    },
    "messages",
)
"""The request as published, without room for anything else."""


def _allow(name: str, schema: Schema) -> Callable[[Schema], None]:
    def allow(request: Schema) -> None:
        request["properties"][name] = schema

    return allow


def _allow_in_message(name: str, schema: Schema) -> Callable[[Schema], None]:
    def allow(request: Schema) -> None:
        request["properties"]["messages"]["items"]["properties"][name] = schema

    return allow


def _allow_image_object(request: Schema) -> None:
    content = request["properties"]["messages"]["items"]["properties"]["content"]
    content["oneOf"][1]["items"]["properties"]["image_url"] = _closed({"url": TEXT}, "url")


CALL = _closed(
    {
        "id": TEXT,
        "type": {"const": "function"},
        "function": _closed({"name": TEXT, "arguments": TEXT}, "name", "arguments"),
    },
    "id",
    "type",
    "function",
)

GUIDED = "published in 2026-06 and no longer in 2026-10; sent only if a client uses it"

EXCEPTIONS: Mapping[str, tuple[str, Callable[[Schema], None]]] = {
    "stream_options": (
        "the only way to get usage out of a stream; a model that refuses it is remembered",
        _allow("stream_options", _closed({"include_usage": {"const": True}}, "include_usage")),
    ),
    "guided_json": (GUIDED, _allow("guided_json", FREE)),
    "guided_regex": (GUIDED, _allow("guided_regex", TEXT)),
    "guided_choice": (GUIDED, _allow("guided_choice", TEXTS)),
    "tool_calls": (
        "Telnyx's guide to function calling sends the assistant's message back whole",
        _allow_in_message("tool_calls", {"type": "array", "items": CALL, "minItems": 1}),
    ),
    "tool_call_id": (
        "Telnyx's guide to function calling sends it with the result",
        _allow_in_message("tool_call_id", TEXT),
    ),
    "image_url": (
        "servers take OpenAI's object; the published string is one switch away",
        _allow_image_object,
    ),
}  # fmt: skip
"""What we send beyond the published schema, and why."""


def validator(without: Collection[str] = ()) -> Any:
    """What checks a request against the published schema with the exceptions, but for those named."""
    return jsonschema.Draft202012Validator(accepted(without))


def accepted(without: Collection[str] = ()) -> Schema:
    """The published schema with the exceptions, but for those named."""
    schema = copy.deepcopy(PUBLISHED)
    for name, (_, allow) in EXCEPTIONS.items():
        if name not in without:
            allow(schema)
    return schema
