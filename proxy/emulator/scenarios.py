"""The named scenarios: one row for every doubt, quirk and bad day of Telnyx that is known or feared.

A row says what differs from the good day and which options it listens to. Every row of `failures.FAILURES` is a
scenario of the same name. Names joined by `+` are combined (`dialect-2026-06+crlf`); where two rows set the same
field the later one wins.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from proxy.emulator.behaviour import ADDED_UP, BadOption, Behaviour, checked_option
from proxy.emulator.failures import FAILURES

COMMON_OPTIONS = ("answer", "words", "cached_tokens")
"""The options of every scenario: they make answers of a given text, length or cache share."""


@dataclass(frozen=True)
class Scenario:
    """One row: `changes` are fields of Behaviour, `options` those that may be set beside the common ones."""

    description: str
    changes: Mapping[str, Any]
    options: tuple[str, ...] = ()


class UnknownScenario(ValueError):
    """There is no such scenario; the message names the nearest one."""


def _row(description: str, *options: str, **changes: Any) -> Scenario:
    return Scenario(description, MappingProxyType(changes), options)


def _failing(name: str) -> Scenario:
    return _row(FAILURES[name].description, "times", "where", "retry_after", failure=name)


_REQUESTS = {
    "default": _row("the good day: the schema of October 2026 and what was observed to work beside it"),
    "strict-schema": _row(
        "exactly the published schema (and tool_calls, tool_call_id, which the guides send)",
        beyond_schema=False,
        image_url="string",
    ),
    "lenient": _row(
        "takes unknown keys, null content, guided_* and any model name",
        unknown_keys=True,
        null_content=True,
        guided=True,
        any_model=True,
    ),
    "any-model": _row("takes model names that are not in the catalogue", any_model=True),
    "null-content-accepted": _row("takes messages whose content is null or missing", null_content=True),
    "dialect-2026-06": _row(
        "the schema of June 2026: guided_json, no json_schema, no reasoning_effort", dialect="2026-06"
    ),
    "image-url-string": _row("images only as the schema says, image_url a string", image_url="string"),
    "image-url-object": _row("images only as OpenAI sends them, image_url an object", image_url="object"),
    "cap-with-tools-refused": _row(
        "400 with code 10015 for an output cap beside function tools", refuses=("cap-with-tools",)
    ),
    "stream-options-refused": _row("400 for stream_options", refuses=("stream-options",)),
    "reasoning-effort-refused": _row(
        "400 for every reasoning_effort but low and high", "efforts", refuses=("reasoning-effort",)
    ),
    "json-schema-refused": _row("400 for json_schema; guided_json works", guided=True, refuses=("json-schema",)),
    "enable-thinking-refused": _row("400 for enable_thinking", refuses=("enable-thinking",)),
    "system-merge-required": _row("400 unless the only system message comes first", refuses=("system-order",)),
    "tools-with-schema-refused": _row("400 for tools beside a schema for the answer", refuses=("tools-with-schema",)),
    "n-refused": _row("400 for n above 1", refuses=("several-choices",)),
    "logprobs-refused": _row("400 for logprobs", refuses=("logprobs",)),
}

_ANSWERS = {
    "reasoning-field": _row("thoughts in `reasoning` instead of `reasoning_content`", reasoning="reasoning"),
    "think-tags": _row("thoughts inside the content, between <think> tags", reasoning="think"),
    "usage-missing": _row("no token counts, asked or not", usage="missing"),
    "usage-on-every-chunk": _row("token counts on every chunk of a stream", usage="every"),
    "usage-twice": _row("token counts on the finishing chunk and again after it", usage="twice"),
    "usage-always-in-stream": _row("token counts at the end of a stream that did not ask for them", usage="always"),
    "minimal-answer": _row("a whole answer without id, created, object, index and role", whole=("minimal",)),
    "no-created": _row("a whole answer without created, as in the published sample", whole=("no-created",)),
    "content-list": _row("content as a list of parts", whole=("content-list",), chunks=("content-list",)),
    "error-null": _row('"error": null in every answer and chunk', whole=("error-null",), chunks=("error-null",)),
    "finish-blank": _row("an empty finish_reason", finish=(("stop", ""), ("length", ""), ("tool_calls", ""))),
    "finish-foreign": _row(
        "finish reasons of other vendors: end_turn, max_tokens, tool_use",
        finish=(("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use")),
    ),
    "tool-finish-stop": _row("tool calls that end with `stop`", finish=(("tool_calls", "stop"),)),
    "fenced-json": _row("JSON mode answers inside a Markdown fence", json="fenced"),
    "schema-violated": _row("JSON mode answers that do not follow the schema", json="violated"),
    "huge-answer": _row("an answer of 8 MiB in words", "bytes", bytes=8 * 2**20),
    "huge-event": _row("an answer of 2 MiB in one token, so in one event", "bytes", bytes=2 * 2**20, spaced=False),
    "deep-json": _row("an extra field 20,000 arrays deep", "depth", depth=20_000),
}

_SOUND = {
    "length-required": _row("411 for an upload that does not tell its length", lengths=True),
    "speech-in-base64": _row("sound in JSON, though nobody asked for that", speech="base64"),
    "speech-always-mp3": _row("sound as mp3, whatever was asked for", speech="mp3"),
    "speech-empty": _row("an answer without any sound", speech="empty"),
}

_STREAMS = {
    "stream-ignored": _row("a whole answer where a stream was asked for", streams=False),
    "no-done": _row("a stream without [DONE]", done=""),
    "after-done": _row("bytes after [DONE]", done="data: [DONE]\n\ndata: {}\n\n: the end\n\n"),
    "unterminated": _row("no [DONE], and no blank line after the last event", done="", terminated=False),
    "odd-slices": _row("awkward pieces, cut inside characters and line ends", slices="odd"),
    "one-byte": _row("one byte at a time", slices="bytes"),
    "one-write": _row("the whole stream at once", slices="one"),
    "crlf": _row("lines end with CR LF", newline="\r\n"),
    "cr": _row("lines end with CR", newline="\r"),
    "bom": _row("a byte order mark before the first event", bom=True),
    "no-space": _row("no blank after `data:`", space=False),
    "comments-and-ids": _row("comments, id, retry and event lines, and events without data", decorated=True),
    "multi-line-data": _row("events over several lines of data", multi_line=True),
    "minimal-chunks": _row("chunks without id, created, object, index and role; `eos` for stop", chunks=("minimal",)),
    "no-role": _row("no role in the first delta", chunks=("no-role",)),
    "no-delta": _row("no delta in the finishing choice", chunks=("no-delta",)),
    "empty-choices": _row("chunks with an empty list of choices, first and in the middle", chunks=("empty-choices",)),
    "null-choices": _row("chunks with null and without choices", chunks=("null-choices",)),
    "tool-repeat-ids": _row("id, type and name in every delta of a tool call", chunks=("tool-repeat-ids",)),
    "tool-null-fields": _row("id, type and name null in later deltas of a tool call", chunks=("tool-null-fields",)),
    "tool-no-index": _row("tool deltas without index", chunks=("tool-no-index",)),
    "tool-arguments-garbled": _row("pieces of tool arguments that overlap", chunks=("tool-garbled",)),
    "cut-mid-stream": _row("a clean end of the answer without a finish reason", "after", ending="cut"),
    "drop-mid-stream": _row("the connection closed with the answer incomplete", "after", ending="drop"),
    "reset-mid-stream": _row("the connection reset", "after", ending="reset"),
    "stall-mid-stream": _row("silence until the client hangs up or a release", "after", ending="stall"),
    "error-mid-stream": _row("an error event in OpenAI's shape", "after", ending="error-openai"),
    "error-mid-stream-telnyx": _row("an error event in Telnyx's shape", "after", ending="error-telnyx"),
    "error-mid-stream-anthropic": _row("an error event in Anthropic's shape", "after", ending="error-anthropic"),
    "error-mid-stream-fastapi": _row("an error event in FastAPI's shape", "after", ending="error-fastapi"),
    "non-json-event": _row("an event that is no JSON among the others", "after", ending="garbage"),
    "ping-event": _row("a named event whose data is no chunk", "after", ending="ping"),
}

_EMBEDDINGS = {
    "embeddings-batch-bound": _row("422 for more texts than a bound in one request", "batch", batch=8),
    "embeddings-base64-ignored": _row("numbers for base64", vectors=("base64-ignored",)),
    "embeddings-base64-refused": _row("422 for base64", vectors=("base64-refused",)),
    "embeddings-base64-always": _row("base64 for numbers", vectors=("base64-always",)),
    "embeddings-backwards": _row("vectors in another order, with the right index", vectors=("backwards",)),
    "embeddings-no-index": _row("vectors without an index", vectors=("no-index",)),
    "embeddings-one-missing": _row("a vector less than there are texts", vectors=("one-missing",)),
    "embeddings-same-index": _row("vectors that all have the index 0", vectors=("same-index",)),
}

_RESPONSES = {
    "responses-missing": _row("404 for the Responses API, as where there is no such route", responses=("no-route",)),
    "responses-tools-refused": _row("400 for tools in the Responses API", responses=("tools-refused",)),
    "responses-tools-ignored": _row("tools of the Responses API have no effect", responses=("tools-ignored",)),
    "responses-format-refused": _row("400 for text.format with a schema or json_object", responses=("format-refused",)),
    "responses-format-ignored": _row("text.format has no effect", responses=("format-ignored",)),
    "responses-sample": _row("responses and events with what the published sample has", responses=("sample", "bare")),
    "responses-minimal": _row("responses and items without ids, times and names", responses=("minimal",)),
    "responses-summaries": _row("thoughts as a summary, not as text", responses=("summaries",)),
    "responses-done": _row("[DONE] after the events of a response", responses=("done",)),
    "responses-unnamed": _row("events of a response without an event line", responses=("unnamed",)),
    "responses-untyped": _row("events of a response whose type is in the event line only", responses=("untyped",)),
    "responses-no-parts": _row("parts of a response that are not announced", responses=("no-parts",)),
    "responses-unannounced": _row("items of a response that are not announced", responses=("unannounced",)),
    "responses-no-end": _row("the events of a response without the last one", responses=("no-end",)),
    "responses-empty-end": _row("a last event without output and usage", responses=("empty-end",)),
    "responses-other-names": _row("`response.reasoning.delta` for thoughts", responses=("other-names",)),
    "responses-error-event": _row("an error event of the Responses API", "after", ending="error-responses"),
    "responses-failed-event": _row("a response that fails in the middle", "after", ending="failed-responses"),
}

_CONNECTIONS = {
    "flaky": _row("one request fails with 503, then all is well", "times", "where", failure="unavailable", times=1),
    "slow-headers": _row("a long wait before the headers", "seconds", "where", pause="headers"),
    "slow-first-byte": _row("a long wait between the headers and the first byte", "seconds", pause="first-byte"),
    "slow-stream": _row("a wait before each chunk", "seconds", pause="chunks", seconds=1.0),
    "reset-before-answer": _row("the connection reset instead of an answer", "times", "where", connection="reset"),
    "reset-on-reused-connection": _row(
        "the connection reset when a second request comes on it, once",
        "times",
        "where",
        connection="reset-reused",
        times=1,
    ),
    "connection-close": _row("the connection closed in order after each answer", connection="close"),
    "cut-mid-body": _row("a whole answer closed in its middle", body_ending="drop"),
    "reset-mid-body": _row("a whole answer reset in its middle", body_ending="reset"),
    "stall-mid-body": _row("a whole answer that stalls in its middle", body_ending="stall"),
    "models-created-int": _row("the model list with created as a number", models=("created-int",)),
    "models-as-deployed": _row(
        "the model list with the prices and regions seen in July 2026", models=("deployed-prices",)
    ),
    "models-bare": _row("the model list with the required fields of January 2026", models=("bare",)),
    "reports-other-names": _row(
        "usage reports by model_name, with requests, input_tokens and figures as texts", reports="other-names"
    ),
    "reports-cost-only": _row("usage reports that tell nothing but what it cost in all", reports="cost-only"),
}

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        **_EMBEDDINGS,
        **_RESPONSES,
        **_REQUESTS,
        **_ANSWERS,
        **_SOUND,
        **_STREAMS,
        **_CONNECTIONS,
        **{name: _failing(name) for name in FAILURES},
    }
)


def nearest(name: str) -> str | None:
    """The known name that looks most like this one."""
    return next(iter(difflib.get_close_matches(name, SCENARIOS, n=1)), None)


@lru_cache(maxsize=256)
def _combined(name: str) -> tuple[Behaviour, frozenset[str]]:
    changes: dict[str, Any] = {}
    options = set(COMMON_OPTIONS)
    for part in name.split("+"):
        if part not in SCENARIOS:
            near = nearest(part)
            raise UnknownScenario(f"no scenario '{part}'" + (f", did you mean '{near}'?" if near else ""))
        for key, value in SCENARIOS[part].changes.items():
            changes[key] = changes.get(key, ()) + value if key in ADDED_UP else value
        options |= set(SCENARIOS[part].options)
    return Behaviour(scenario=name, **changes), frozenset(options)


def resolve(name: str, options: Mapping[str, Any] | None = None) -> Behaviour:
    """The behaviour of a scenario with these options. Raises UnknownScenario or BadOption."""
    behaviour, known = _combined(name)
    for option in options or ():
        if option not in known:
            raise BadOption(f"scenario '{name}' has no option '{option}', it has: {', '.join(sorted(known))}")
    return replace(behaviour, **{key: checked_option(key, value) for key, value in (options or {}).items()})


def described() -> list[dict[str, Any]]:
    """Every scenario with its description and its options at their defaults, for `GET /_scenarios`."""
    rows = []
    for name, scenario in SCENARIOS.items():
        behaviour, options = _combined(name)
        values = {option: getattr(behaviour, option) for option in sorted(options)}
        rows.append({"name": name, "description": scenario.description, "options": values})
    return rows
