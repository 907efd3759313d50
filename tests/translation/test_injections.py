"""What an operator adds to a request."""

from typing import Any

import pytest

from proxy.translation.chat import translate
from proxy.translation.rules import Policy


def sent(policy: Policy, **fields: Any) -> tuple[dict[str, Any], str]:
    translated = translate({"messages": [{"role": "user", "content": "Hi."}], **fields}, "m", policy)
    body = {name: value for name, value in translated.body.items() if name not in {"model", "messages"}}
    return body, translated.changes.header()


def test_openais_default_temperature_is_sent() -> None:
    assert sent(Policy()) == ({"temperature": 1}, "injected=temperature:1")
    assert sent(Policy(temperature=1.0)) == ({"temperature": 1.0}, "injected=temperature:1")
    assert sent(Policy(), temperature=0) == ({"temperature": 0}, "")
    assert sent(Policy(temperature=None)) == ({}, "")


def test_an_operators_default_comes_before_openais() -> None:
    assert sent(Policy(defaults={"temperature": 0.3})) == ({"temperature": 0.3}, "injected=temperature:0.3")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (False, "false"),
        (2, "2"),
        (2.0, "2"),
        (0.5, "0.5"),
        ("flex", "flex"),
        (["a"], '["a"]'),
        ("x" * 99, "x" * 61 + "..."),
    ],
)
def test_an_injected_value_is_shown_as_json_but_text_bare(value: Any, shown: str) -> None:
    assert sent(Policy(temperature=None, defaults={"stop": value}))[1] == f"injected=stop:{shown}"


def test_a_default_gives_way_to_what_the_client_says_even_if_that_is_dropped() -> None:
    policy = Policy(temperature=None, defaults={"service_tier": "priority", "max_tokens": 10})
    assert sent(policy, service_tier="auto", max_completion_tokens=5)[0] == {"max_tokens": 5}
    assert sent(policy, service_tier=None)[0] == {"service_tier": "priority", "max_tokens": 10}


def test_a_null_default_is_none() -> None:
    assert sent(Policy(temperature=None, defaults={"stop": None}, force={"stop": None})) == ({}, "")


def test_defaults_about_thinking_stand_together() -> None:
    policy = Policy(temperature=None, defaults={"enable_thinking": True, "reasoning_effort": "low"})
    assert sent(policy)[0] == {"enable_thinking": True, "reasoning_effort": "low"}
    assert sent(policy, reasoning_effort="high")[0] == {"reasoning_effort": "high"}
    assert sent(policy, enable_thinking=False)[0] == {"enable_thinking": False}


def test_what_is_forced_is_sent_whatever_the_client_says() -> None:
    policy = Policy(force={"temperature": 0.2, "seed": 7})
    assert sent(policy, temperature=1, seed=7) == ({"temperature": 0.2, "seed": 7}, "forced=temperature:0.2")


@pytest.mark.parametrize(
    ("forced", "said"), [("enable_thinking", "reasoning_effort"), ("reasoning_effort", "enable_thinking")]
)
def test_a_client_cannot_contradict_what_is_forced_about_thinking(forced: str, said: str) -> None:
    values = {"enable_thinking": False, "reasoning_effort": "high"}
    policy = Policy(temperature=None, force={forced: values[forced]})
    assert sent(policy, **{said: values[said]}) == (
        {forced: values[forced]},
        f"forced={forced}:{str(values[forced]).lower()}; dropped={said}",
    )


def test_a_cap_bounds_numbers_and_only_numbers() -> None:
    policy = Policy(temperature=None, cap={"n": 2, "top_p": 0.5, "stop": 1, "seed": 5})
    assert sent(policy, n=3, top_p=0.4, stop="a") == ({"n": 2, "top_p": 0.4, "stop": "a"}, "capped=n:2")


def test_a_cap_of_tokens_is_sent_where_the_client_gives_none() -> None:
    policy = Policy(temperature=None, cap={"max_tokens": 100.0})
    body, header = sent(policy)
    assert (body, header) == ({"max_tokens": 100}, "injected=max_tokens:100")
    assert type(body["max_tokens"]) is int
    assert sent(policy, max_tokens=50) == ({"max_tokens": 50}, "")
    assert sent(policy, max_completion_tokens=500)[0] == {"max_tokens": 100}


def test_a_cap_holds_over_what_is_injected_and_forced() -> None:
    policy = Policy(defaults={"max_tokens": 500}, force={"n": 9}, cap={"max_tokens": 100, "n": 1, "temperature": 0.5})
    assert sent(policy)[0] == {"max_tokens": 100, "n": 1, "temperature": 0.5}


def test_the_key_of_an_outside_provider_is_the_operators() -> None:
    policy = Policy(temperature=None, api_key_ref="acme-openai", client_api_key_refs=frozenset({"mine"}))
    assert sent(policy) == ({"api_key_ref": "acme-openai"}, "injected=api_key_ref:acme-openai")
    assert sent(policy, api_key_ref="mine") == ({"api_key_ref": "mine"}, "")


def test_what_a_policy_adds_is_told_in_the_same_words_each_time() -> None:
    policy = Policy(defaults={"max_tokens": 500}, cap={"max_tokens": 100, "n": 1})
    request = {"messages": [{"role": "user", "content": "Hi."}], "n": 2}
    first, again = (translate(request, "m", policy) for _ in range(2))
    header = "injected=max_tokens:500,temperature:1; capped=max_tokens:100,n:1"
    assert first.changes.header() == again.changes.header() == header
    assert all(one is other for one, other in zip(first.changes, again.changes, strict=True))
