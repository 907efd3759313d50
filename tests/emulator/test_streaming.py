"""Answers in pieces, and how the pieces may be odd."""

from typing import Any

import pytest

from proxy.emulator import completions, streaming
from proxy.emulator.answers import compose
from proxy.emulator.catalogue import MODELS
from proxy.emulator.scenarios import SCENARIOS, resolve

KIMI = "moonshotai/Kimi-K2.6"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in ("first", "second")]


def streamed(
    scenario: str = "default", *, model: str = LLAMA, text: str = "hello there", asked: bool = False, **fields: Any
) -> list[dict[str, Any]]:
    behaviour = resolve(scenario)
    request = {"messages": [{"role": "user", "content": text}], **fields}
    completion = compose(request, MODELS[model], behaviour, identity="one", created=5)
    return list(streaming.chunks(completion, behaviour, usage_asked=asked))


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def tool_deltas(scenario: str, text: str = "first") -> list[dict[str, Any]]:
    chunks = streamed(scenario, text=text, tools=TOOLS)
    return [call for delta in deltas(chunks) for call in delta.get("tool_calls", ())]


def test_a_good_day() -> None:
    chunks = streamed(asked=True)
    assert deltas(chunks) == [
        {"role": "assistant", "content": ""},
        {"content": "You"},
        {"content": " said:"},
        {"content": " hello"},
        {"content": " there"},
        {},
    ]
    assert len({(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["object"] == "chat.completion.chunk"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * 5 + ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert "usage" not in chunks[0]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model": KIMI},
        {"n": 3},
        {"tools": TOOLS, "text": "both"},
        {"logprobs": True, "top_logprobs": 2},
        {"model": KIMI, "max_tokens": 2},
        {"seed": 3},
    ],
)
def test_the_pieces_joined_are_the_whole_answer(fields: dict[str, Any]) -> None:
    text, model = fields.get("text", "hello there"), fields.get("model", LLAMA)
    chunks = streamed(asked=True, **fields)
    request = {"messages": [{"role": "user", "content": text}], **fields}
    completion = compose(request, MODELS[model], resolve("default"), identity="one", created=5)
    whole = completions.whole(completion, resolve("default"))
    for choice in whole["choices"]:
        mine = [each for chunk in chunks for each in chunk["choices"] if each["index"] == choice["index"]]
        parts = [each["delta"] for each in mine]
        message = choice["message"]
        assert "".join(part.get("content", "") for part in parts) == (message["content"] or "")
        assert "".join(part.get("reasoning_content", "") for part in parts) == message.get("reasoning_content", "")
        assert _joined_calls(parts) == message.get("tool_calls", [])
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        entries = [entry for each in mine for entry in each.get("logprobs", {}).get("content", [])]
        assert entries == choice.get("logprobs", {}).get("content", [])
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[0].get("system_fingerprint") == whole.get("system_fingerprint")


def _joined_calls(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for part in parts:
        for delta in part.get("tool_calls", ()):
            if "id" in delta:
                calls[delta["index"]] = {"id": delta["id"], "type": delta["type"], "function": dict(delta["function"])}
            else:
                calls[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    return list(calls.values())


def test_choices_come_interleaved() -> None:
    order = [choice["index"] for chunk in streamed(n=2) for choice in chunk["choices"]]
    assert order[:4] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("scenario", "asked", "places"),
    [
        ("default", False, []),
        ("default", True, [6]),
        ("usage-missing", True, []),
        ("usage-always-in-stream", False, [6]),
        ("usage-on-every-chunk", False, [0, 1, 2, 3, 4, 5]),
        ("usage-on-every-chunk", True, [0, 1, 2, 3, 4, 5, 6]),
        ("usage-twice", False, [5, 6]),
    ],
)
def test_usage_stands_where_the_scenario_puts_it(scenario: str, *, asked: bool, places: list[int]) -> None:
    assert [place for place, chunk in enumerate(streamed(scenario, asked=asked)) if "usage" in chunk] == places


def test_minimal_chunks_lack_what_clients_rely_on() -> None:
    chunks = streamed("minimal-chunks")
    assert all(chunk.keys() == {"model", "choices"} for chunk in chunks)
    assert all("index" not in choice for chunk in chunks for choice in chunk["choices"])
    assert all("role" not in delta for delta in deltas(chunks))
    assert chunks[-1]["choices"][0]["finish_reason"] == "eos"
    assert streamed("minimal-chunks", max_tokens=1)[-1]["choices"][0]["finish_reason"] == "length"


def test_choices_can_be_empty_null_missing_or_without_a_delta() -> None:
    assert [len(chunk["choices"]) for chunk in streamed("empty-choices")] == [0, 1, 1, 0, 1, 1, 1, 1]
    first, second, third = streamed("null-choices")[:3]
    assert first["choices"] is None
    assert "choices" not in second
    assert third["choices"][0]["delta"]["role"] == "assistant"
    assert "delta" not in streamed("no-delta")[-1]["choices"][0]


def test_the_role_can_be_missing_the_content_a_list_and_the_error_null() -> None:
    assert deltas(streamed("no-role"))[0] == {"content": ""}
    assert deltas(streamed("content-list"))[1] == {"content": [{"type": "text", "text": "You"}]}
    assert all(chunk["error"] is None for chunk in streamed("error-null"))


def test_thoughts_can_have_the_other_name() -> None:
    assert deltas(streamed("reasoning-field", model=KIMI))[1] == {"reasoning": "The"}
    assert deltas(streamed(model=KIMI))[1] == {"reasoning_content": "The"}


def test_tool_deltas_name_their_call_once_on_a_good_day() -> None:
    first, *rest = tool_deltas("default")
    assert first.keys() == {"index", "id", "type", "function"}
    assert first["function"] == {"name": "first", "arguments": ""}
    assert all(delta.keys() == {"index", "function"} and delta["function"].keys() == {"arguments"} for delta in rest)
    assert {delta["index"] for delta in tool_deltas("default", "both")} == {0, 1}


def test_tool_deltas_can_name_their_call_every_time() -> None:
    found = tool_deltas("tool-repeat-ids", "both")
    for index, name in enumerate(("first", "second")):
        mine = [delta for delta in found if delta["index"] == index]
        assert len(mine) > 2
        assert {(delta["id"], delta["type"], delta["function"]["name"]) for delta in mine} == {
            (mine[0]["id"], "function", name)
        }
    assert found[0]["id"] != found[-1]["id"]


def test_tool_deltas_can_carry_nulls_or_no_index() -> None:
    first, second, *_ = tool_deltas("tool-null-fields")
    assert first["id"] is not None
    assert (second["id"], second["type"], second["function"]["name"]) == (None, None, None)
    assert all("index" not in delta for delta in tool_deltas("tool-no-index"))


def test_tool_arguments_can_be_garbled_in_streams() -> None:
    good = "".join(delta["function"]["arguments"] for delta in tool_deltas("default"))
    bad = "".join(delta["function"]["arguments"] for delta in tool_deltas("tool-arguments-garbled"))
    assert good == '{"city": "text"}'
    assert bad == '{"city":y": "text"}'


def test_quirks_add_up() -> None:
    chunks = streamed("no-role+error-null")
    assert deltas(chunks)[0] == {"content": ""}
    assert chunks[0]["error"] is None


def test_every_quirk_has_a_scenario() -> None:
    assert {name for row in SCENARIOS.values() for name in row.changes.get("chunks", ())} == set(streaming.QUIRKS)
