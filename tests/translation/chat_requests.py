"""Chat requests for properties: such as clients send, and such with something odd in a random place."""

import copy
from typing import Any

from hypothesis import strategies as st

from proxy.translation.chat import FIELDS
from proxy.translation.rules import Policy

Json = Any

words = st.text(max_size=8)
names = st.sampled_from(["get_weather", "get_time", "shell"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
field_names = st.sampled_from([row.name for row in FIELDS.rows]) | words
inner_names = st.sampled_from([
    "role", "content", "type", "text", "image_url", "url", "detail", "file", "file_data", "refusal", "tool_calls", "id",
    "function", "name", "arguments", "parameters", "strict", "custom", "input", "format", "retrieval", "bucket_ids",
    "tool_call_id", "function_call", "audio", "json_schema", "schema", "allowed_tools", "mode", "tools", "effort",
])  # fmt: skip


def anything(keys: st.SearchStrategy[str] = inner_names | words) -> st.SearchStrategy[Json]:
    """Any JSON."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
    )


anything_at_all = st.dictionaries(field_names, anything(), max_size=6) | st.dictionaries(
    field_names, anything(), max_size=6
).map(lambda fields: {"messages": [{"role": "user", "content": "Say hi."}], **fields})


def some(required: dict[str, Json], optional: dict[str, Json] | None = None) -> st.SearchStrategy[dict[str, Json]]:
    """An object with required and optional keys; optional ones may be null as well."""
    return st.fixed_dictionaries(
        {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in required.items()},
        optional={key: st.none() | value for key, value in (optional or {}).items()},
    )


schemas = st.dictionaries(words, anything(), max_size=3)
marks = {"cache_control": st.just({"type": "ephemeral"}), "mood": words}
text_part = some({"type": "text", "text": words}, marks)
image_part = some(
    {
        "type": "image_url",
        "image_url": words | some({"url": words}, {"detail": st.sampled_from(["auto", "low", "high"])}),
    }
)
refusal_part = some({"type": "refusal", "refusal": words})
file_part = some({"type": "file", "file": some({"file_data": "data:text/plain;base64,aGk="}, {"filename": words})})
content = words | st.lists(text_part | image_part | refusal_part | file_part, min_size=1, max_size=3)
call = some(
    {"id": st.sampled_from(["call_1", "call_2"]), "function": some({"name": names}, {"arguments": words})},
    {"index": st.integers(0, 3), "type": st.just("function")},
) | some({"id": "call_1", "type": "custom", "custom": some({"name": names, "input": words})})

message = st.one_of(
    some({"role": st.sampled_from(["system", "developer", "user"]), "content": content}, {"name": words, **marks}),
    some(
        {"role": "assistant"},
        {
            "content": content,
            "refusal": words,
            "tool_calls": st.lists(call, max_size=2),
            "function_call": some({"name": names, "arguments": words}),
            "annotations": st.just([]),
            "reasoning_content": words,
        },
    ),
)
tool_turn = st.tuples(
    some({"role": "assistant", "tool_calls": st.lists(call, min_size=1, max_size=1)}, {"content": words}),
    st.sampled_from([{"role": "tool", "tool_call_id": "call_1", "content": "4"}]),
)
function_turn = st.tuples(
    some({"role": "assistant", "function_call": some({"name": names}, {"arguments": words})}),
    some({"role": "function", "name": names}, {"content": words}),
)
messages = st.lists(message.map(lambda one: (one,)) | tool_turn | function_turn, min_size=1, max_size=4).map(
    lambda turns: [one for turn in turns for one in turn]
)

function = some({"name": names}, {"description": words, "parameters": schemas, "strict": st.booleans()})
tool = st.one_of(
    some({"type": "function", "function": function}, marks),
    some({"type": "custom", "custom": some({"name": names}, {"description": words, "format": some({"type": "text"})})}),
    some({"type": "retrieval", "retrieval": some({"bucket_ids": st.lists(words)}, {"max_num_results": st.just(5)})}),
)  # fmt: skip
named = some({"type": "function", "function": some({"name": names})})
choice = st.one_of(
    st.sampled_from(["none", "auto", "required"]),
    named,
    some({"type": "allowed_tools", "allowed_tools": some({"mode": "auto", "tools": st.lists(named, min_size=1)})}),
)
json_schema = some({"name": words}, {"schema": schemas, "strict": st.booleans(), "description": words})
response_format = st.one_of(
    some({"type": st.sampled_from(["text", "json_object"])}), some({"type": "json_schema", "json_schema": json_schema})
)
effort = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
positive = st.integers(1, 10_000)
fraction = st.floats(0, 1)
penalty = st.floats(-2, 2)

FIELDS_OF_CLIENTS: dict[str, st.SearchStrategy[Json]] = {
    "stream": st.booleans(),
    "n": st.integers(1, 128),
    "stop": words | st.lists(words, max_size=4),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 20),
    "max_tokens": positive,
    "max_completion_tokens": positive,
    "temperature": st.floats(0, 2) | st.integers(0, 2),
    "top_p": fraction,
    "frequency_penalty": penalty,
    "presence_penalty": penalty,
    "seed": st.integers(-(2**63), 2**63 - 1),
    "logit_bias": st.dictionaries(words, st.integers(-100, 100), max_size=2),
    "tools": st.lists(tool, max_size=3),
    "tool_choice": choice,
    "parallel_tool_calls": st.booleans(),
    "functions": st.lists(function, max_size=2),
    "function_call": st.sampled_from(["none", "auto"]) | some({"name": names}),
    "response_format": response_format,
    "reasoning_effort": effort,
    "verbosity": st.sampled_from(["low", "medium", "high"]),
    "modalities": st.just(["text"]),
    "service_tier": st.sampled_from(["auto", "default", "flex", "scale", "priority", "fast"]),
    "store": st.booleans(),
    "user": words,
    "safety_identifier": words,
    "metadata": st.dictionaries(words, words, max_size=3),
    "enable_thinking": st.booleans(),
    "guided_json": schemas,
    "guided_regex": words,
    "guided_choice": st.lists(words, max_size=2),
    "min_p": fraction,
    "use_beam_search": st.booleans(),
    "best_of": positive,
    "length_penalty": penalty,
    "early_stopping": st.booleans(),
    "region": st.sampled_from(["USA", "EU", "AUS", "UAE"]),
    "mode": st.sampled_from(["preferred", "strict"]),
    "chat_template_kwargs": some({}, {"enable_thinking": st.booleans(), "thinking": st.booleans(), "other": words}),
    "thinking": some({"type": st.sampled_from(["enabled", "disabled"])}, {"budget_tokens": positive}),
    "reasoning": some({}, {"effort": effort, "enabled": st.booleans(), "exclude": st.booleans()}),
    "top_k": positive,
}


@st.composite
def likely_requests(draw: st.DrawFn) -> dict[str, Json]:
    """Requests of which most are accepted."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS_OF_CLIENTS)), unique=True, max_size=6))
    request: dict[str, Json] = {"model": "gpt-4o", "messages": draw(messages)}
    request |= {name: draw(st.none() | FIELDS_OF_CLIENTS[name]) for name in chosen}
    if request.get("top_logprobs") is not None:
        request["logprobs"] = True
    if request.get("stream") and draw(st.booleans()):
        request["stream_options"] = draw(
            some({}, {"include_usage": st.booleans(), "include_obfuscation": st.booleans()})
        )
    if request.get("tool_choice") is not None and not request.get("tools"):
        request["tools"] = [
            {"type": "function", "function": {"name": name}} for name in ("get_weather", "get_time", "shell")
        ]
    if request.get("tools"):
        request.pop("functions", None)
    if not request.get("functions"):
        request.pop("function_call", None)
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


policies = st.builds(
    Policy,
    unsupported=st.sampled_from(["drop", "drop", "refuse"]),
    temperature=st.sampled_from([1, None]),
    defaults=some({}, {"enable_thinking": st.booleans(), "top_p": fraction, "reasoning_effort": effort}),
    force=some({}, {"enable_thinking": st.booleans(), "temperature": fraction, "reasoning_effort": effort}),
    cap=st.dictionaries(
        st.sampled_from(["max_tokens", "temperature", "n"]), st.sampled_from([1, 1.0, 7.0]), max_size=2
    ),
    api_key_ref=st.none() | st.just("acme-openai"),
    buckets=st.sampled_from([("*",), ()]),
    reasoning=st.sampled_from(["keep", "hide"]),
    reasoning_efforts=st.sampled_from([(), ("low", "high")]),
)
