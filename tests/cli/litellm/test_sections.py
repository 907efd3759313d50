from typing import Any

import pytest

from proxy.cli.litellm.draft import Draft
from proxy.cli.litellm.sections import GENERAL, LITELLM, ROUTER, TOP, read_sections

KIMI = "moonshotai/Kimi-K2.6"
SECRET = "sk-a-master-key-of-litellm"


def read(**given: Any) -> Draft:
    draft = Draft(names={"kimi": KIMI}, aliases={"kimi": KIMI})
    read_sections(draft, given)
    return draft


def kinds(draft: Draft) -> dict[str, str]:
    return {line.path: line.kind for line in draft.report.lines}


@pytest.mark.parametrize(
    ("section", "given", "expected"),
    [
        ("litellm_settings", {"drop_params": True}, {"translation": {"unsupported": "drop"}}),
        ("litellm_settings", {"drop_params": False}, {"translation": {"unsupported": "refuse"}}),
        ("litellm_settings", {"json_logs": True}, {"logging": {"format": "json"}}),
        ("litellm_settings", {"json_logs": False, "set_verbose": False}, {}),
        ("litellm_settings", {"set_verbose": True}, {"logging": {"level": "debug"}}),
        ("litellm_settings", {"request_timeout": 20}, {"upstream": {"timeouts": {"total": 20}}}),
        ("router_settings", {"stream_timeout": 9}, {"upstream": {"timeouts": {"between_chunks": 9}}}),
        ("router_settings", {"redis_url": "os.environ/R"}, {"storage": {"redis": {"url": {"env": "R"}}}}),
        ("general_settings", {"completion_model": "kimi"}, {"models": {"default": KIMI}}),
        ("general_settings", {"max_request_size_mb": 2}, {"limits": {"body": 2 * 1024 * 1024}}),
        ("general_settings", {"max_response_size_mb": 0.5}, {"limits": {"answer": 512 * 1024}}),
        ("general_settings", {"master_key": "os.environ/M"}, {"admin": {"token": {"env": "M"}}}),
    ],
)
def test_what_has_an_equal(section: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    draft = read(**{section: given})
    assert draft.sections == expected
    assert set(kinds(draft)) == {f"{section}.{name}" for name in given}
    assert "lost" not in kinds(draft).values()


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("litellm_settings", {"drop_params": "yes"}),
        ("litellm_settings", {"request_timeout": -1}),
        ("general_settings", {"completion_model": "nobody"}),
        ("general_settings", {"global_max_parallel_requests": 0}),
        ("general_settings", {"max_request_size_mb": True}),
        ("router_settings", {"model_group_alias": {"a": "nobody"}}),
        ("router_settings", {"model_group_alias": {"kimi": "glm"}}),
        ("router_settings", {"default_litellm_params": {"timeout": 3}}),
        ("litellm_settings", {"max_budget": 0}),
        ("litellm_settings", {"max_budget": 5, "budget_duration": "2h"}),
    ],
)
def test_values_that_we_do_not_take_are_lost(section: str, given: dict[str, Any]) -> None:
    draft = Draft(names={"kimi": KIMI, "glm": "zai-org/GLM-5.2"}, aliases={"kimi": KIMI})
    read_sections(draft, {section: given})
    assert set(kinds(draft).values()) == {"lost"}
    assert (draft.sections, draft.budgets, draft.defaults, draft.limits) == ({}, [], {}, {})


def test_the_master_key_is_not_copied() -> None:
    draft = read(general_settings={"master_key": SECRET})
    assert draft.sections["admin"]["token"] == {"env": "TELNYX_PROXY_ADMIN_TOKEN"}
    assert kinds(draft) == {"general_settings.master_key": "check"}
    assert SECRET not in repr(draft)[: repr(draft).index("secrets=")] + repr(draft.configuration())


def test_aliases_of_groups() -> None:
    draft = read(router_settings={"model_group_alias": {"gpt-4": "kimi", "hidden": {"model": "kimi", "hidden": True}}})
    assert draft.aliases == {"kimi": KIMI, "gpt-4": KIMI, "hidden": KIMI}
    assert draft.names["gpt-4"] == KIMI


def test_the_timeout_of_the_router_wins() -> None:
    draft = read(router_settings={"timeout": 5}, litellm_settings={"request_timeout": 9})
    assert draft.sections["upstream"]["timeouts"] == {"total": 5}


def test_a_budget_and_bounds_are_of_the_tenant() -> None:
    draft = read(
        litellm_settings={"max_budget": 100.5, "budget_duration": "30d"},
        general_settings={"global_max_parallel_requests": 9},
        router_settings={"default_litellm_params": {"temperature": 0.5, "max_completion_tokens": 7}},
    )
    tenant = draft.configuration()["tenants"][0]
    assert tenant["budgets"] == [{"usd": 100.5, "per": "month"}]
    assert tenant["limits"] == [{"model": "*", "concurrent": 9}]
    assert tenant["defaults"] == {"temperature": 0.5, "max_tokens": 7}
    assert kinds(draft)["litellm_settings.budget_duration"] == "check"


@pytest.mark.parametrize(
    ("section", "table"), [("litellm_settings", LITELLM), ("router_settings", ROUTER), ("general_settings", GENERAL)]
)
def test_what_has_no_equal_is_told_with_a_reason(section: str, table: dict[str, str]) -> None:
    draft = read(**{section: dict.fromkeys(table, SECRET)})
    assert kinds(draft) == {f"{section}.{name}": "lost" for name in table}
    assert SECRET not in draft.report.text()


def test_other_sections_are_told_with_a_reason() -> None:
    assert kinds(read(**{name: {"A": 1} for name in TOP})) == dict.fromkeys(TOP, "lost")


@pytest.mark.parametrize("given", [None, [], "text"])
def test_sections_that_are_none_say_nothing(given: Any) -> None:
    assert kinds(read(litellm_settings=given, router_settings=given, general_settings=given)) == {}


@pytest.mark.parametrize("name", ["model_group_alias", "default_litellm_params"])
def test_maps_that_are_none_say_nothing(name: str) -> None:
    assert kinds(read(router_settings={name: ["x"]})) == {}
