"""Both sides of every doubt that is answered with 400."""

import json
from typing import Any

import pytest

from proxy.emulator import refusals
from proxy.emulator.catalogue import DEFAULT_MODEL, MODELS
from proxy.emulator.scenarios import SCENARIOS, resolve

USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "be kind"}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
RETRIEVAL = [{"type": "retrieval", "retrieval": {"bucket_ids": ["b"]}}]
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("cap-with-tools-refused", {"max_tokens": 5, "tools": TOOLS}, {"max_tokens": 5, "tools": []}, "function tools"),
    ("cap-with-tools-refused", {"max_completion_tokens": 5, "tools": TOOLS}, {"tools": TOOLS}, "max_completion_tokens"),
    ("cap-with-tools-refused", {"max_tokens": 5, "tools": TOOLS}, {"max_tokens": None, "tools": TOOLS}, "max_tokens"),
    ("cap-with-tools-refused", {"max_tokens": 5, "tools": TOOLS}, {"max_tokens": 5, "tools": RETRIEVAL}, "max_tokens"),
    ("stream-options-refused", {"stream_options": {}}, {"stream": True}, "stream_options"),
    ("reasoning-effort-refused", {"reasoning_effort": "medium"}, {"reasoning_effort": "low"}, "low, high"),
    ("reasoning-effort-refused", {"reasoning_effort": "max"}, {}, "'max'"),
    ("json-schema-refused", {"response_format": JSON_SCHEMA}, {"guided_json": {}}, "json_schema"),
    ("json-schema-refused", {"response_format": JSON_SCHEMA}, {"response_format": {"type": "json_object"}}, "guided"),
    ("enable-thinking-refused", {"enable_thinking": False}, {}, "enable_thinking"),
    ("enable-thinking-refused", {"enable_thinking": True}, {"enable_thinking": None}, "enable_thinking"),
    ("system-merge-required", {"messages": [USER, SYSTEM]}, {"messages": [SYSTEM, USER]}, "first"),
    ("system-merge-required", {"messages": [SYSTEM, SYSTEM, USER]}, {"messages": [USER]}, "only one"),
    ("tools-with-schema-refused", {"tools": TOOLS, "response_format": JSON_SCHEMA}, {"tools": TOOLS}, "schema"),
    ("tools-with-schema-refused", {"tools": TOOLS, "guided_json": {}}, {"guided_json": {}}, "schema"),
    ("n-refused", {"n": 2}, {"n": 1}, "n greater"),
    ("logprobs-refused", {"logprobs": True}, {}, "logprobs"),
]


def refused(scenario: str, fields: dict[str, Any], model: str = DEFAULT_MODEL) -> Any:
    return refusals.refusal({"messages": [USER], **fields}, MODELS[model], resolve(scenario))


@pytest.mark.parametrize(("scenario", "bad", "good", "word"), CASES)
def test_a_doubt_refuses_one_side_and_takes_the_other(
    scenario: str, bad: dict[str, Any], good: dict[str, Any], word: str
) -> None:
    failure = refused(scenario, bad)
    assert failure.status == 400
    (error,) = json.loads(failure.body)["errors"]
    assert error["code"] == "10015"
    assert word in error["detail"]
    assert refused(scenario, good) is None
    assert refused("default", bad) is None


def test_every_row_of_the_table_has_a_scenario_and_a_case() -> None:
    used = {name for scenario in SCENARIOS.values() for name in scenario.changes.get("refuses", ())}
    assert used == set(refusals.REFUSALS)
    tested = {name for scenario, *_ in CASES for name in SCENARIOS[scenario].changes["refuses"]}
    assert tested == set(refusals.REFUSALS)


def test_no_messages_are_refused() -> None:
    assert refused("default", {"messages": []}).status == 400


def test_a_provider_key_is_required_by_proxied_models_that_have_none() -> None:
    assert b"OpenAI API key required" in refused("default", {}, "openai/gpt-5.2").body
    assert refused("default", {"api_key_ref": "mine"}, "openai/gpt-5.2") is None
    assert refused("default", {}, "anthropic/claude-haiku-4-5") is None


def test_a_strict_region_is_served_from_there_or_not_at_all() -> None:
    assert refused("default", {"mode": "strict", "region": "EU"}) is None
    assert refused("default", {"mode": "preferred", "region": "UAE"}) is None
    failure = refused("default", {"mode": "strict", "region": "UAE"})
    assert (failure.status, type(json.loads(failure.body)["detail"])) == (422, str)
    assert refused("default", {"mode": "strict"}).status == 422


def test_supported_efforts_are_an_option() -> None:
    behaviour = resolve("reasoning-effort-refused", {"efforts": ["max"]})
    request = {"messages": [USER], "reasoning_effort": "max"}
    assert refusals.refusal(request, MODELS[DEFAULT_MODEL], behaviour) is None


def test_models_are_found_by_their_exact_name() -> None:
    def found(name: str, scenario: str = "default") -> str | None:
        model = refusals.find_model({"model": name}, resolve(scenario))
        return None if model is None else model.id

    assert found("zai-org/GLM-5.2") == "zai-org/GLM-5.2"
    assert found("zai-org/glm-5.2") is None
    assert found("a/b", "any-model") == "a/b"
    default = refusals.find_model({}, resolve("default"))
    assert default is MODELS[DEFAULT_MODEL]


def test_the_smaller_of_two_caps_counts() -> None:
    assert refusals.cap({"max_tokens": 5, "max_completion_tokens": 3}) == 3
    assert refusals.cap({"max_tokens": None}) is None
