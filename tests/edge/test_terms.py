"""What holds for one tenant and one model, from all layers of the settings."""

from typing import Any

import pytest

from proxy.edge import terms as module
from proxy.edge.terms import TermsBook
from proxy.translation.changes import Change
from tests.world import TENANTS, settings

ACME = TENANTS[0]


def book(tenant: dict[str, Any] | None = None, **sections: Any) -> TermsBook:
    return TermsBook(settings("http://127.0.0.1:1/v2", tenants=[{**ACME, **(tenant or {})}], **sections))


def test_nothing_configured_is_the_products_own_policy() -> None:
    terms = book().look_up("acme", "m/x")
    assert terms.allowed
    assert terms.policy.temperature == 1
    assert terms.policy.unsupported == "drop"
    assert (terms.manner.dialect, terms.manner.image_url) == ("auto", "auto")


def test_model_defaults_win_over_tenant_defaults_and_tenant_force_over_model_force() -> None:
    profile = {"defaults": {"top_p": 0.1, "seed": 1}, "force": {"n": 1, "min_p": 0.1}}
    tenant = {"defaults": {"top_p": 0.9, "enable_thinking": False}, "force": {"n": 2}}
    policy = book(tenant, models={"profiles": {"m/*": profile}}).look_up("acme", "m/x").policy
    assert policy.defaults == {"top_p": 0.1, "seed": 1, "enable_thinking": False}
    assert policy.force == {"n": 2, "min_p": 0.1}


def test_the_tighter_cap_holds_whoever_set_it() -> None:
    profile = {"cap": {"max_tokens": 50, "n": 4}}
    policy = (
        book({"cap": {"max_tokens": 100, "n": 2}}, models={"profiles": {"*": profile}}).look_up("acme", "m/x").policy
    )
    assert policy.cap == {"max_tokens": 50, "n": 2}


def test_the_more_specific_profile_wins() -> None:
    profiles = {
        "m/x": {"dialect": "2026-06", "quirks": {"cap_with_tools": "off"}},
        "m/*": {"dialect": "2026-10", "image_url": "string", "quirks": {"cap_with_tools": "on", "dialect": "on"}},
        "*": {"image_url": "object", "reasoning_efforts": ["low", "high"]},
    }
    exact = book(models={"profiles": profiles}).look_up("acme", "m/x")
    assert (exact.manner.dialect, exact.manner.image_url) == ("2026-06", "string")
    assert (list(exact.manner.on), list(exact.manner.off)) == (["dialect"], ["cap_with_tools"])
    assert exact.policy.reasoning_efforts == ("low", "high")
    assert book(models={"profiles": profiles}).look_up("acme", "o/y").manner.image_url == "object"


def test_a_tenants_own_translation_is_laid_over_the_general_one() -> None:
    general = {"unsupported": "refuse", "fields": {"logit_bias": "drop", "verbosity": "drop"}, "reasoning": "hide"}
    own = {"fields": {"verbosity": "refuse"}, "temperature": None}
    policy = book({"translation": own}, translation=general).look_up("acme", "m/x").policy
    assert policy.unsupported == "refuse"
    assert policy.fields == {"logit_bias": "drop", "verbosity": "refuse"}
    assert policy.temperature is None
    assert policy.reasoning == "hide"


def test_the_api_key_ref_follows_the_provider_of_the_model() -> None:
    looked = book({"api_key_refs": {"openai": "ref-1"}})
    assert looked.look_up("acme", "openai/gpt-5.2").policy.api_key_ref == "ref-1"
    assert looked.look_up("acme", "openai-like/x").policy.api_key_ref is None


def test_the_allow_list_decides() -> None:
    looked = book({"models": ["zai-org/*", "m/x"]})
    assert [looked.look_up("acme", model).allowed for model in ("zai-org/GLM-5.2", "m/x", "m/y")] == [True, True, False]


def test_terms_are_kept_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    looked = book()
    first = looked.look_up("acme", "a")
    assert looked.look_up("acme", "a") is first
    for name in ("b", "c", "d"):
        looked.look_up("acme", name)
    assert len(looked._kept) <= 2


def test_only_names_without_wildcards_are_spelled_out() -> None:
    models = {"aliases": {"gpt-*": "m/target"}, "default": "m/default", "profiles": {"m/profile": {}, "m/*": {}}}
    assert book(models=models).spelled_out() == {"m/target", "m/default", "m/profile"}


def test_what_names_mean_is_remembered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    looked = book()
    meaning = ("m/x", Change("aliased", "a", "m/x"))
    assert looked.remember("a", meaning) is meaning
    assert looked.meanings == {"a": meaning}
    for name in ("b", "c", "d"):
        looked.remember(name, meaning)
    assert len(looked.meanings) <= 2


def test_telnyxs_own_routes_are_closed_unless_the_tenant_opens_them() -> None:
    looked = book({"passthrough": ["ai/clusters*", "balance"]})
    paths = ("ai/clusters", "ai/clusters/1/graph", "balance", "ai/embeddings", "xai/clusters", "balances", "")
    assert [looked.passes("acme", path) for path in paths] == [True, True, True, False, False, False, False]
    assert not book({}).passes("acme", "ai/clusters")
    assert not looked.passes("nobody", "balance")
