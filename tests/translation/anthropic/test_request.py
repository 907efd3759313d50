"""The Messages request: every field has its fate, and nothing of the client's is changed in place."""

import copy
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_params

from proxy.errors import InvalidRequest
from proxy.translation.anthropic.request import FIELDS, translate
from proxy.translation.rules import Policy, Verdict

MODEL, CLAUDE = "moonshotai/Kimi-K2.6", "anthropic/claude-haiku-4-5"
HELLO = [{"role": "user", "content": "Hello there"}]
PLAIN = Policy(temperature=None)
TOOL = {"name": "get_time", "input_schema": {"type": "object"}}
TELNYX = frozenset({
    "model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences",
    "metadata", "tools", "tool_choice", "thinking", "api_key_ref", "mcp_servers", "fallback_config",
    "billing_group_id", "timeout", "max_retries", "service_tier", "region", "mode",
})  # fmt: skip
"""Fields of Telnyx's published request schema of October 2026."""


def send(model: str = MODEL, policy: Policy = PLAIN, **fields: Any) -> Any:
    request = {"model": "m", "max_tokens": 10, "messages": HELLO, **fields}
    before = copy.deepcopy(request)
    made = translate(request, model, policy)
    assert request == before
    return made


def refused(model: str = MODEL, policy: Policy = PLAIN, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        send(model, policy, **fields)
    return caught.value


def official_fields() -> set[str]:
    """Of the official library's request types, beta ones included."""
    streaming = message_create_params.MessageCreateParamsStreaming
    return set(get_type_hints(streaming)) | set(get_type_hints(beta_params.MessageCreateParamsStreaming))


def test_every_field_that_anthropic_or_telnyx_know_has_a_row() -> None:
    known = official_fields() | TELNYX
    assert {"stream", "fallbacks", "top_k"} <= known
    assert sorted(name for name in known if name not in FIELDS) == []


def test_nothing_is_sent_that_telnyx_does_not_know() -> None:
    """But for what only Anthropic's own models know, which are sent to them."""
    assert FIELDS.sends() <= TELNYX


def test_every_loss_and_refusal_has_a_reason() -> None:
    assert [row.name for row in FIELDS.rows if row.verdict is not Verdict.KEEP and not row.reason] == []


def test_what_telnyx_takes_too_goes_on_as_it_came() -> None:
    fields: dict[str, Any] = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "stop_sequences": ["x"] * 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stream": True,
        "tools": [TOOL],
        "tool_choice": {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "service_tier": "priority",
        "region": "EU",
        "mode": "strict",
        "timeout": 20,
        "max_retries": 0,
    }
    made = send(**fields)
    assert made.body == {"model": MODEL, "max_tokens": 10, "messages": HELLO, **fields}
    assert made.changes == []
    assert made.expects.stream


def test_a_null_is_nothing() -> None:
    made = send(system=None, tools=None, service_tier=None)
    assert set(made.body) == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"metadata": {"user_id": "jane", "team": "red"}}, "dropped=metadata"),
        ({"cache_control": {"type": "ephemeral"}}, "dropped=cache_control"),
        ({"diagnostics": {"previous_message_id": None}}, "dropped=diagnostics"),
        ({"service_tier": "auto"}, "dropped=service_tier"),
        ({"service_tier": "standard_only"}, "dropped=service_tier"),
        ({"service_tier": "turbo"}, "lossy=service_tier"),
        ({"speed": "standard"}, "dropped=speed"),
        ({"speed": "fast"}, "lossy=speed"),
        ({"inference_geo": "global"}, "dropped=inference_geo"),
        ({"output_config": {"effort": "high"}}, "lossy=output_config"),
        ({"context_management": {"edits": []}}, "lossy=context_management"),
        ({"workspace_id": "w", "user_profile_id": "u"}, "dropped=workspace_id,user_profile_id"),
        ({"betas": ["x"]}, "dropped=betas"),
        ({"fallbacks": [], "mcp_servers": []}, "dropped=fallbacks,mcp_servers"),
        ({"max_retries": 3}, "lossy=max_retries"),
        ({"mystery field": 1}, "lossy=mystery?field"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "lossy=tools[].type"),
    ],
)
def test_what_is_left_out_is_told(fields: dict[str, Any], header: str) -> None:
    made = send(**fields)
    assert made.changes.header() == header
    assert set(made.body) == {"model", "messages", "max_tokens"}


def test_who_asks_is_for_the_ledger() -> None:
    expects = send(metadata={"user_id": "jane", "team": "red", "n": 1}).expects
    assert (expects.end_user, expects.metadata) == ("jane", {"team": "red"})
    assert send(metadata={}).expects.end_user is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"stream": "yes"}, "stream"),
        ({"thinking": {"type": "loudly"}}, "thinking.type"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
        ({"service_tier": 1}, "service_tier"),
        ({"region": "MARS"}, "region"),
        ({"container": "c"}, "container"),
        ({"thread": {}}, "thread"),
        ({"compaction": {}}, "compaction"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
        ({"output_format": {"type": "json_schema"}}, "output_format"),
        ({"billing_policy": {}}, "billing_policy"),
        ({"fallbacks": [{"model": "x"}]}, "fallbacks"),
        ({"fallback_credit_token": "t"}, "fallback_credit_token"),
        ({"fallback_config": {"a": 1}}, "fallback_config"),
        ({"billing_group_id": "b"}, "billing_group_id"),
        ({"mcp_servers": [{"url": "https://x", "authorization_token": "hush"}]}, "mcp_servers"),
        ({"api_key_ref": "theirs"}, "api_key_ref"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
         "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    error = refused(**fields)
    assert error.param == param
    assert "hush" not in error.message
    assert "theirs" not in error.message


def test_a_model_is_a_text() -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate({"model": 7, "messages": HELLO, "max_tokens": 1}, MODEL, PLAIN)
    assert caught.value.param == "model"


def test_too_many_fields_are_refused() -> None:
    fields: dict[str, Any] = {f"f{number}": 1 for number in range(300)}
    assert "Too many fields" in refused(**fields).message


def test_a_policy_may_refuse_every_loss() -> None:
    assert refused(policy=Policy(unsupported="refuse"), speed="fast").param == "speed"


def test_the_operators_own_models_of_anthropic_get_what_only_they_know() -> None:
    fields: dict[str, Any] = {
        "output_config": {"effort": "low", "format": {"type": "json_schema"}},
        "output_format": {"type": "json_schema"},
        "cache_control": {"type": "ephemeral"},
        "tools": [{"type": "bash_20250124", "name": "bash"}],
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}],
    }
    made = send(CLAUDE, Policy(), **fields)
    assert made.body == {"model": CLAUDE, "max_tokens": 10, **fields}
    assert made.changes == [], "no temperature is injected either"


def test_the_operator_decides() -> None:
    policy = Policy(
        temperature=1,
        defaults={"top_p": 0.5, "enable_thinking": False, "seed": 7, "logprobs": None},
        force={"stop": ["END"], "region": "EU"},
        cap={"max_tokens": 5, "n": 1},
        api_key_ref="acme",
    )
    made = send(policy=policy, region="USA")
    assert made.body == {
        "model": MODEL,
        "messages": HELLO,
        "max_tokens": 5,
        "top_p": 0.5,
        "thinking": {"type": "disabled"},
        "temperature": 1,
        "api_key_ref": "acme",
        "stop_sequences": ["END"],
        "region": "EU",
    }
    header = made.changes.header()
    assert "capped=max_tokens:5" in header
    assert "dropped=seed,n" in header
    assert "forced=" in header


def test_what_the_client_says_about_thinking_holds() -> None:
    said = {"type": "enabled", "budget_tokens": 2000}
    made = send(policy=Policy(defaults={"enable_thinking": False}), thinking=said)
    assert made.body["thinking"] == said
    assert "temperature" not in made.body, "with thinking it may be nothing but 1"


def test_a_default_of_the_operator_is_a_cap_for_those_who_have_none() -> None:
    assert send(policy=Policy(cap={"max_tokens": 7}), max_tokens=None).body["max_tokens"] == 7


def test_a_key_of_the_operators_list_may_be_named() -> None:
    policy = Policy(temperature=None, client_api_key_refs=frozenset({"mine"}))
    assert send(policy=policy, api_key_ref="mine").body["api_key_ref"] == "mine"


def test_what_the_model_reads_is_measured() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    expects = send(
        system="ab", messages=[{"role": "user", "content": [{"type": "text", "text": "cdé"}, image]}]
    ).expects
    assert (expects.input_bytes, expects.images) == (6, 1)


def test_reasoning_may_be_hidden_by_the_operator() -> None:
    assert send(policy=Policy(reasoning="hide")).expects.hide_reasoning
