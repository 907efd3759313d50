"""Requests of the Responses API, for properties: likely ones, and likely ones in which something is spoiled."""

import copy
from typing import Any

from hypothesis import strategies as st

from tests.translation.chat_requests import (
    FIELDS_OF_CLIENTS,
    anything,
    effort,
    names,
    positive,
    schemas,
    some,
    words,
)

Json = Any

part = st.one_of(
    some({"type": st.sampled_from(["input_text", "output_text"]), "text": words}, {"annotations": st.just([])}),
    some({"type": "input_image", "image_url": words}, {"detail": st.sampled_from(["auto", "high"])}),
    some({"type": "input_file", "file_data": "data:text/plain;base64,aGk="}, {"filename": words}),
    some({"type": "refusal", "refusal": words}),
)
content = words | st.lists(part, min_size=1, max_size=3)
ids = st.sampled_from(["call_1", "call_2", "call_3"])
namespace = st.sampled_from(["crm", "mcp"])
item = st.one_of(
    some(
        {"role": st.sampled_from(["user", "system", "developer", "assistant"]), "content": content},
        {"type": st.just("message"), "id": words, "phase": words},
    ),
    some({"type": "function_call", "call_id": ids, "name": names, "arguments": words}, {"namespace": namespace}),
    some({"type": "custom_tool_call", "call_id": ids, "name": names, "input": words}, {"namespace": namespace}),
    some({"type": "function_call_output", "call_id": ids, "output": content}),
    some(
        {"type": "reasoning", "summary": st.lists(some({"type": "summary_text", "text": words}), max_size=2)},
        {
            "content": st.lists(some({"type": "reasoning_text", "text": words}), max_size=2),
            "encrypted_content": words,
            "id": words,
        },
    ),
    some({"type": "compaction", "encrypted_content": words}),
    some({"type": st.sampled_from(["web_search_call", "mcp_call"]), "id": words}),
)
called = [
    {"type": "function_call", "call_id": f"call_{number}", "name": "get_time", "arguments": "{}"}
    for number in (1, 2, 3)
]
items = st.lists(item, min_size=1, max_size=6) | st.lists(item, max_size=6).map(lambda more: [*called, *more])

function = some(
    {"type": "function", "name": names}, {"parameters": schemas, "strict": st.booleans(), "description": words}
)
custom = some({"type": "custom", "name": names}, {"description": words, "format": some({"type": "text"})})
tool = st.one_of(
    function,
    custom,
    some(
        {"type": "namespace", "name": namespace, "description": words, "tools": st.lists(function | custom, max_size=2)}
    ),
    some({"type": "file_search", "vector_store_ids": st.lists(words, min_size=1)}, {"max_num_results": st.just(5)}),
    some({"type": st.sampled_from(["web_search", "web_search_preview", "mcp", "shell"])}),
)
named = some({"type": "function", "name": names}, {"namespace": namespace})
choice = st.one_of(
    st.sampled_from(["none", "auto", "required"]),
    named,
    some({"type": "allowed_tools", "mode": "auto", "tools": st.lists(named, min_size=1)}),
    some({"type": "file_search"}),
)
form = st.one_of(
    some({"type": st.sampled_from(["text", "json_object"])}),
    some({"type": "json_schema", "name": words, "schema": schemas}, {"strict": st.booleans(), "description": words}),
)

FIELDS: dict[str, st.SearchStrategy[Json]] = {
    **{
        name: FIELDS_OF_CLIENTS[name]
        for name in (
            "temperature", "top_p", "user", "safety_identifier", "metadata", "service_tier", "parallel_tool_calls",
            "stop", "seed", "enable_thinking", "guided_json", "min_p", "region", "frequency_penalty", "top_k",
        )
    },
    "instructions": words,
    "stream": st.booleans(),
    "store": st.booleans(),
    "include": st.lists(st.sampled_from(["message.output_text.logprobs", "reasoning.encrypted_content"]), max_size=2),
    "top_logprobs": st.integers(0, 20),
    "max_output_tokens": positive,
    "max_tool_calls": positive,
    "truncation": st.sampled_from(["auto", "disabled"]),
    "tools": st.lists(tool, max_size=4),
    "tool_choice": choice,
    "text": some({}, {"format": form, "verbosity": st.sampled_from(["low", "medium", "high"])}),
    "reasoning": some({}, {"effort": effort, "summary": st.sampled_from(["auto", "concise"])}),
    "prompt_cache_key": words,
}  # fmt: skip


@st.composite
def likely_requests(draw: st.DrawFn) -> dict[str, Json]:
    """Requests of which many are accepted."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=6))
    request: dict[str, Json] = {"model": "gpt-5", "input": draw(words | items)}
    request |= {name: draw(st.none() | FIELDS[name]) for name in chosen}
    return dict(draw(st.permutations(list(request.items()))))


@st.composite
def spoiled_requests(draw: st.DrawFn) -> dict[str, Json]:
    """Likely requests in which something, somewhere, is replaced by anything."""
    request = copy.deepcopy(draw(likely_requests()))
    place: Json = request
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not (isinstance(place[key], dict | list) and place[key]) or draw(st.booleans()):
            place[key] = draw(anything())
            return request
        place = place[key]


anything_at_all = st.dictionaries(st.sampled_from(sorted([*FIELDS, "input", "x"])), anything(), max_size=6)
