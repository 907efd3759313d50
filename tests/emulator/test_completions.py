"""Whole answers, and how they may be incomplete."""

from typing import Any

import pytest

from proxy.emulator import completions
from proxy.emulator.answers import compose
from proxy.emulator.catalogue import MODELS
from proxy.emulator.scenarios import SCENARIOS, resolve

TOOLS = [{"type": "function", "function": {"name": "f"}}]


def whole(scenario: str = "default", model: str = "moonshotai/Kimi-K2.6", **fields: Any) -> dict[str, Any]:
    behaviour = resolve(scenario)
    request = {"messages": [{"role": "user", "content": "hello there"}], **fields}
    completion = compose(request, MODELS[model], behaviour, identity="one", created=5)
    return completions.whole(completion, behaviour)


def test_a_good_day() -> None:
    answer = whole()
    assert answer["id"].startswith("chatcmpl-")
    assert answer == {
        "id": answer["id"],
        "object": "chat.completion",
        "created": 5,
        "model": "moonshotai/Kimi-K2.6",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "You said: hello there",
                    "reasoning_content": "The user wants an answer. I repeat what was said.",
                },
                "finish_reason": "stop",
            }
        ],
        "usage": answer["usage"],
    }


def test_tool_calls_come_with_null_content() -> None:
    message = whole(tools=TOOLS)["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": message["tool_calls"][0]["id"], "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]


def test_content_is_null_where_thinking_used_up_the_budget_and_empty_where_nothing_was_said() -> None:
    cut = whole(max_tokens=2)["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == (None, "length")
    assert whole(stop="You")["choices"][0]["message"]["content"] == ""


def test_probabilities_choices_and_fingerprints_appear_when_asked() -> None:
    answer = whole(logprobs=True, top_logprobs=1, n=2, seed=1)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    content = answer["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == "You said: hello there"
    assert all(len(entry["top_logprobs"]) == 1 for entry in content)
    assert "system_fingerprint" in answer
    assert "logprobs" not in whole()["choices"][0]


def test_thoughts_can_have_the_other_name() -> None:
    message = whole("reasoning-field")["choices"][0]["message"]
    assert "reasoning" in message
    assert "reasoning_content" not in message


def test_token_counts_can_be_missing() -> None:
    assert "usage" not in whole("usage-missing")
    assert "usage" in whole("usage-always-in-stream")


@pytest.mark.parametrize(
    ("scenario", "fields", "reason"),
    [
        ("finish-blank", {}, ""),
        ("finish-foreign", {}, "end_turn"),
        ("finish-foreign", {"max_tokens": 1}, "max_tokens"),
        ("finish-foreign", {"tools": TOOLS}, "tool_use"),
        ("tool-finish-stop", {"tools": TOOLS}, "stop"),
        ("tool-finish-stop", {"max_tokens": 1}, "length"),
    ],
)
def test_finish_reasons_can_be_odd(scenario: str, fields: dict[str, Any], reason: str) -> None:
    assert whole(scenario, **fields)["choices"][0]["finish_reason"] == reason


def test_a_minimal_answer_lacks_what_clients_rely_on() -> None:
    answer = whole("minimal-answer")
    assert answer.keys() == {"model", "choices", "usage"}
    assert answer["choices"][0].keys() == {"message", "finish_reason"}
    assert "role" not in answer["choices"][0]["message"]
    assert "created" not in whole("no-created+minimal-answer")
    assert whole("no-created").keys() == {"id", "object", "model", "choices", "usage"}


def test_content_can_be_a_list_and_the_error_null() -> None:
    assert whole("content-list")["choices"][0]["message"]["content"] == [
        {"type": "text", "text": "You said: hello there"}
    ]
    assert whole("error-null")["error"] is None


def test_every_quirk_has_a_scenario() -> None:
    assert {name for row in SCENARIOS.values() for name in row.changes.get("whole", ())} == set(completions.QUIRKS)
