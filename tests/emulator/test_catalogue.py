"""The model list, in Telnyx's own shape."""

from datetime import datetime

import pytest

from proxy.emulator import catalogue
from proxy.emulator.catalogue import MODELS
from proxy.emulator.scenarios import resolve

REQUIRED = {"id", "created", "owned_by", "organization", "context_length", "languages", "parameters", "tier", "license"}


def test_rows_are_not_those_of_openai() -> None:
    rows = {row["id"]: row for row in catalogue.listing(resolve("default"))["data"]}
    assert len(rows) == len(MODELS) >= 12
    for row in rows.values():
        assert row.keys() >= REQUIRED
        assert datetime.fromisoformat(row["created"]).year == 2026
        assert row["tier"] in {"small", "medium", "large", "unlisted"}
    kimi, proxied = rows["moonshotai/Kimi-K2.6"], rows["openai/gpt-5.2"]
    assert (kimi["owned_by"], kimi["organization"], kimi["task"]) == ("Telnyx", "moonshotai", "text-generation")
    assert kimi["pricing"] == {
        "prompt": "0.665000",
        "completion": "4.000000",
        "cached_prompt": "0.080000",
        "currency": "USD",
        "unit": "1M_tokens",
    }
    assert kimi["is_vision_supported"] is True
    assert proxied["task"] == "text generation"
    assert "service_tiers" not in proxied
    assert {row["tier"] for row in rows.values()} == {"small", "medium", "large", "unlisted"}


@pytest.mark.parametrize("name", ["moonshotai/Kimi-K2.6", "zai-org/GLM-5.2", "zai-org/GLM-5.3-Flash", "openai/gpt-5.2"])
def test_the_models_that_the_world_talks_about_are_there(name: str) -> None:
    assert name in MODELS


def test_the_doubts_about_the_list_are_scenarios() -> None:
    def row(scenario: str) -> dict[str, object]:
        first: dict[str, object] = catalogue.listing(resolve(scenario))["data"][0]
        return first

    assert isinstance(row("models-created-int")["created"], int)
    assert row("models-as-deployed")["pricing"] == {
        "input": "2.700000",
        "output": "13.500000",
        "cached_prompt": "0.270000",
        "unit": "1M_tokens",
    }
    assert row("models-bare").keys() == {"id", "created", "owned_by"}
    assert isinstance(row("models-created-int+models-bare")["created"], int)


def test_embedding_models_are_listed_in_the_shape_of_openai() -> None:
    listing = catalogue.embedding_listing()
    assert [row["id"] for row in listing["data"]] == list(catalogue.EMBEDDING_MODELS)
    assert all(row.keys() == {"id", "object", "created", "owned_by"} for row in listing["data"])


def test_the_default_cap_is_that_of_the_schema_or_of_the_model() -> None:
    assert catalogue.cap_of(MODELS["moonshotai/Kimi-K3"]) == 8192
    assert catalogue.cap_of(catalogue.Model("a/b", 100, 50, ("1", "1", "1"))) == 50
    assert catalogue.cap_of(catalogue.stranger("a/b")) == 8192
