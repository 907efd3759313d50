from typing import Any

import pytest

from proxy.cli.litellm.draft import Draft
from proxy.cli.litellm.models import read_models
from proxy.settings.aliases import EMBEDDING, GENERAL, SMALL

KIMI = "moonshotai/Kimi-K2.6"
BASE = "https://api.telnyx.com/v2/ai/openai"


def at_telnyx(name: str = "kimi", model: str = f"openai/{KIMI}", **params: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, "api_base": BASE, **params}}


def elsewhere(name: str, model: str, **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model}, "model_info": info}


def read(*deployments: Any) -> Draft:
    draft = Draft()
    read_models(draft, list(deployments), ("model_list",))
    return draft


def lines(draft: Draft, kind: str) -> list[str]:
    return [line.path for line in draft.report.lines if line.kind == kind]


def test_a_deployment_at_telnyx_is_an_alias() -> None:
    draft = read(at_telnyx())
    assert draft.aliases == draft.names == {"kimi": KIMI}
    assert draft.sections == {"upstream": {"base_url": "https://api.telnyx.com/v2"}}
    assert lines(draft, "lost") == lines(draft, "check") == []


def test_an_id_needs_no_alias() -> None:
    draft = read(at_telnyx(name=KIMI))
    assert (draft.aliases, draft.names) == ({}, {KIMI: KIMI})


@pytest.mark.parametrize(
    ("name", "model", "mode", "target"),
    [
        ("gpt-4o", "openai/gpt-4o", None, GENERAL),
        ("fast", "azure/gpt-4o-mini", "chat", SMALL),
        ("claude", "anthropic/claude-3", None, GENERAL),
        ("vectors", "cohere/embed", "embedding", EMBEDDING),
        ("paint", "openai/dall-e-3", "image_generation", None),
        ("openai/*", "openai/*", None, None),
    ],
)
def test_a_model_elsewhere_gets_a_candidate(name: str, model: str, mode: str | None, target: str | None) -> None:
    draft = read(elsewhere(name, model, mode=mode))
    assert draft.names.get(name) == target
    assert ("model_list[0].model_name" in lines(draft, "check" if target else "lost")) is True


def test_what_was_set_for_another_provider_is_told_as_lost() -> None:
    given = elsewhere("gpt-4o", "openai/gpt-4o")
    secret = "sk-proj-of-another-provider"
    given["litellm_params"] |= {"api_key": secret, "rpm": 5, "temperature": 1, "api_base": "https://api.openai.com/v1"}
    given["litellm_params"] |= {"input_cost_per_token": 1e-6, "base_url": "os.environ/BASE", "api_version": "1"}
    draft = read(given)
    assert (draft.limits, draft.profiles, draft.sections) == ({}, {}, {})
    assert len(lines(draft, "lost")) == 7
    assert secret not in repr(draft.report) + repr(draft.configuration())


def test_wildcards_at_telnyx_are_ids_as_they_are() -> None:
    draft = read(at_telnyx(name="*", model="openai/*", rpm=3))
    assert (draft.aliases, draft.limits) == ({}, {})
    assert lines(draft, "lost") == ["model_list[0].litellm_params.rpm"]


def test_rates_become_limits_of_the_tenant_and_add_up() -> None:
    second = {**at_telnyx(tpm=5), "rpm": 7}
    draft = read(at_telnyx(rpm=10, tpm=1000, max_parallel_requests=4), second)
    bounds = {"requests_per_minute": 17, "tokens_per_minute": 1005, "concurrent": 4}
    assert draft.limits == {KIMI: bounds}


@pytest.mark.parametrize("value", [0, -1, "many", True, None])
def test_rates_that_are_none_are_lost(value: Any) -> None:
    draft = read(at_telnyx(rpm=value))
    assert draft.limits == {}
    assert lines(draft, "lost") == ["model_list[0].litellm_params.rpm"]


def test_fields_of_requests_become_the_profile() -> None:
    draft = read(at_telnyx(temperature=0.2, max_completion_tokens=99, stop="x", nonsense=1, top_p=7))
    assert draft.profiles == {KIMI: {"defaults": {"temperature": 0.2, "max_tokens": 99, "stop": "x"}}}
    assert lines(draft, "lost") == [f"model_list[0].litellm_params.{name}" for name in ("nonsense", "top_p")]


def test_one_model_has_one_profile() -> None:
    draft = read(at_telnyx(temperature=0.2), at_telnyx("other", temperature=0.9))
    assert draft.profiles[KIMI]["defaults"] == {"temperature": 0.2}
    assert lines(draft, "lost") == ["model_list[1].litellm_params.temperature"]


def test_one_name_has_one_model() -> None:
    draft = read(at_telnyx(), at_telnyx(model="openai/zai-org/GLM-5.2"))
    assert draft.aliases == {"kimi": KIMI}
    assert "model_list[1].model_name" in lines(draft, "lost")


def test_prices_are_per_million_and_exact() -> None:
    given = at_telnyx(input_cost_per_token=0.0000001, output_cost_per_token="2e-6")
    given["model_info"] = {"cache_read_input_token_cost": 5e-8, "mode": "chat", "id": "x", "supports_vision": True}
    draft = read(given)
    assert draft.profiles[KIMI]["price"] == {"input": 0.1, "output": 2, "cached_input": 0.05}
    assert lines(draft, "lost") == ["model_list[0].model_info.id", "model_list[0].model_info.supports_vision"]


@pytest.mark.parametrize("params", [{"input_cost_per_token": 1e-6}, {"output_cost_per_token": "dear"}])
def test_half_a_price_is_none(params: dict[str, Any]) -> None:
    draft = read(at_telnyx(**params))
    assert draft.profiles == {}
    assert lines(draft, "lost") == [f"model_list[0].litellm_params.{next(iter(params))}"]


def test_several_telnyx_keys_become_credentials_by_weight() -> None:
    given = [at_telnyx(api_key=key, weight=weight) for key, weight in (("KEY_one", 3), ("os.environ/TWO", 0))]
    draft = read(*given, at_telnyx(api_key="KEY_one"))
    assert draft.sections["upstream"]["api_key"] == {"env": "TELNYX_API_KEY"}
    assert [(each["api_key"]["env"], each["weight"]) for each in draft.credentials] == [
        ("TELNYX_API_KEY", 3),
        ("TWO", 1),
    ]
    assert "KEY_one" not in repr(draft.configuration()) + repr(draft.report)


def test_there_is_one_address_of_telnyx() -> None:
    other = at_telnyx("b", base_url="https://api.telnyx.eu/v2/ai", api_base=None)
    draft = read(at_telnyx(), other, at_telnyx("c", api_base="http://user:pw@api.telnyx.com/v2"))
    assert draft.sections["upstream"]["base_url"] == "https://api.telnyx.com/v2"
    assert "model_list[1].litellm_params.base_url" in lines(draft, "lost")
    assert "model_list[2].litellm_params.api_base" in lines(draft, "lost")


@pytest.mark.parametrize("given", [None, "x", {}, {"model_name": "a"}, {"model_name": "a", "litellm_params": {}}])
def test_what_is_no_deployment_is_lost(given: Any) -> None:
    assert lines(read(given), "lost") == ["model_list[0]"]


def test_what_is_no_address_is_elsewhere() -> None:
    draft = read(at_telnyx(api_base="https://[broken"))
    assert draft.sections == {}


def test_a_list_of_models_that_is_none_has_no_models() -> None:
    draft = Draft()
    read_models(draft, {"a": 1}, ("model_list",))
    assert draft.names == {}
