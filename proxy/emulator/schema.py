"""What a chat request may look like: the published request schema of both dialects, as tables.

Facts from the OpenAPI descriptions of `POST /ai/openai/chat/completions` that Telnyx published in June and in October
2026. Where practice differs from them (`stream_options`, `name`, `image_url` as an object, ...) the table says so and
the scenario decides. The published schemas do not say what happens to unknown keys; here they are refused, which is
how a pydantic model that forbids extras behaves, and the scenario `lenient` shows the other side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Union

from proxy.emulator.behaviour import Behaviour

Kind = Union["Text", "Whole", "Decimal", "Flag", "AnyObject", "ListOf", "Record", "Either", "Tagged", "Nullable"]


@dataclass(frozen=True)
class Text:
    """A string, one of `choices` where there are any."""

    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """An integer within bounds (inclusive)."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Decimal:
    """A number within bounds (inclusive)."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True)
class AnyObject:
    """An object with any content."""


@dataclass(frozen=True)
class ListOf:
    """An array of one kind, of `at_most` items."""

    item: Kind
    at_most: int | None = None


@dataclass(frozen=True)
class Record:
    """An object with known fields; a closed one refuses others."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    closed: bool = True


@dataclass(frozen=True)
class Either:
    """One of several kinds, each with the label that pydantic puts into the location of a fault."""

    branches: tuple[tuple[str, Kind], ...]


@dataclass(frozen=True)
class Tagged:
    """An object whose field `tag` says which record it is."""

    tag: str
    records: Mapping[str, Record] = field(default_factory=dict)


@dataclass(frozen=True)
class Nullable:
    """The kind, or null."""

    kind: Kind


_STOP = Either((("str", Text()), ("list[str]", ListOf(Text(), at_most=4))))

_BOTH_DIALECTS: Mapping[str, Kind] = MappingProxyType(
    {
        "model": Text(),
        "api_key_ref": Text(),
        "stream": Flag(),
        "temperature": Decimal(),
        "tool_choice": Text(("none", "auto", "required")),
        "min_p": Decimal(0, 1),
        "n": Decimal(1, 128),  # the schema says number and no bounds; the bounds are OpenAI's
        "use_beam_search": Flag(),
        "best_of": Whole(),
        "length_penalty": Decimal(),
        "early_stopping": Flag(),
        "logprobs": Flag(),
        "top_logprobs": Whole(0, 20),
        "frequency_penalty": Decimal(),
        "presence_penalty": Decimal(),
        "top_p": Decimal(),
        "stop": _STOP,
        "seed": Whole(),
        "enable_thinking": Flag(),
    }
)

_GUIDED: Mapping[str, Kind] = MappingProxyType(
    {"guided_json": AnyObject(), "guided_regex": Text(), "guided_choice": ListOf(Text())}
)

_BY_DIALECT: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "2026-06": {"max_tokens": Whole(1), **_GUIDED},
        "2026-10": {
            "max_tokens": Nullable(Whole(1)),
            "service_tier": Text(),
            "region": Text(("USA", "EU", "AUS", "UAE")),
            "mode": Text(("preferred", "strict")),
            "reasoning_effort": Text(("none", "minimal", "low", "medium", "high", "xhigh", "max")),
        },
    }
)

DIALECTS = tuple(_BY_DIALECT)

_RESPONSE_FORMATS: Mapping[str, Record] = MappingProxyType(
    {
        "text": Record({"type": Text(("text",))}, ("type",)),
        "json_object": Record({"type": Text(("json_object",))}, ("type",)),
        "json_schema": Record(
            {
                "type": Text(("json_schema",)),
                "json_schema": Record(
                    {"name": Text(), "description": Text(), "schema": AnyObject(), "strict": Flag()}, ("name",)
                ),
            },
            ("type", "json_schema"),
        ),
    }
)

_OBSERVED: Mapping[str, Kind] = MappingProxyType(
    {
        # accepted by the live service although no schema lists them (integrations that Telnyx maintains, July 2026)
        "stream_options": Record({"include_usage": Flag()}),
        "max_completion_tokens": Nullable(Whole(1)),
    }
)

_IMAGE_OBJECT = Record({"url": Text(), "detail": Text(("auto", "low", "high"))}, ("url",))

_IMAGE_FORMS: Mapping[str, Kind] = MappingProxyType(
    {
        "string": Text(),  # the published schema
        "object": _IMAGE_OBJECT,  # OpenAI's form, which Telnyx's own audio tutorial resembles
        "either": Either((("str", Text()), ("ImageURL", _IMAGE_OBJECT))),
    }
)

_TOOL_CALL = Record(
    {
        "id": Text(),
        "type": Text(("function",)),
        "function": Record({"name": Text(), "arguments": Text()}, ("name", "arguments")),
    },
    ("id", "type", "function"),
)


def _message(behaviour: Behaviour) -> Record:
    fields: dict[str, Kind] = {"role": Text(("system", "user", "assistant", "tool"))}
    content: Kind = Either((("str", Text()), ("list[ContentPart]", ListOf(_part(behaviour)))))
    fields["content"] = Nullable(content) if behaviour.null_content else content
    # Telnyx's guide to function calling sends these two back; the schema forgot them.
    fields |= {"tool_calls": ListOf(_TOOL_CALL), "tool_call_id": Text()}
    if behaviour.beyond_schema:
        fields["name"] = Text()
    required = ("role",) if behaviour.null_content else ("content", "role")
    return Record(fields, required, closed=not behaviour.unknown_keys)


def _part(behaviour: Behaviour) -> Record:
    fields: dict[str, Kind] = {"text": Text(), "image_url": _IMAGE_FORMS[behaviour.image_url]}
    types: tuple[str, ...] = ("text", "image_url")
    if behaviour.beyond_schema:
        # The tutorial for audio language models sends audio as a URL or data URL.
        types = (*types, "audio_url")
        fields["audio_url"] = Record({"url": Text()}, ("url",))
    return Record({"type": Text(types), **fields}, ("type",))


def _tools(behaviour: Behaviour) -> ListOf:
    function: dict[str, Kind] = {"name": Text(), "description": Text(), "parameters": AnyObject()}
    if behaviour.beyond_schema and behaviour.dialect == "2026-10":
        # Not listed, but the schema's prose promises OpenAI's function tool, which has it.
        function["strict"] = Flag()
    closed = not behaviour.unknown_keys
    buckets = Record({"bucket_ids": ListOf(Text()), "max_num_results": Whole()}, ("bucket_ids",), closed)
    records = {
        "function": Record(
            {"type": Text(("function",)), "function": Record(function, ("name",), closed)}, ("type", "function"), closed
        ),
        "retrieval": Record({"type": Text(("retrieval",)), "retrieval": buckets}, ("type", "retrieval"), closed),
    }
    return ListOf(Tagged("type", records))


@lru_cache(maxsize=256)
def request_schema(behaviour: Behaviour) -> Record:
    """The schema of a chat request under this behaviour."""
    formats = dict(_RESPONSE_FORMATS)
    if behaviour.dialect == "2026-06":
        del formats["json_schema"]
    fields: dict[str, Kind] = {
        "messages": ListOf(_message(behaviour)),
        **_BOTH_DIALECTS,
        **_BY_DIALECT[behaviour.dialect],
        "tools": _tools(behaviour),
        "response_format": Tagged("type", formats),
    }
    if behaviour.beyond_schema:
        fields |= _OBSERVED
    if behaviour.guided:
        fields |= _GUIDED
    return Record(fields, ("messages",), closed=not behaviour.unknown_keys)
