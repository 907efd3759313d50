"""Which Telnyx model a request means."""

from typing import Any

import pytest

from proxy.edge.models import MODEL_LIMIT, expect_allowed, meant
from proxy.edge.terms import TermsBook
from proxy.errors import InvalidRequest, ModelNotAllowed
from tests.world import settings

KNOWN = {"moonshotai/Kimi-K2.6", "zai-org/GLM-5.2"}


def book(**models: Any) -> TermsBook:
    return TermsBook(settings("http://127.0.0.1:1/v2", models=models))


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ("gpt-4o", "m/exact"),
        ("gpt-4o-2024-08-06", "m/wild"),
        ("zai-org/GLM-5.2", "zai-org/GLM-5.2"),
        ("GLM-5.2", "zai-org/GLM-5.2"),
        ("kimi-k2.6", "moonshotai/Kimi-K2.6"),
        ("nobody/knows", "nobody/knows"),
        ("nobody", "nobody"),
    ],
)
def test_a_name_means_alias_id_or_the_end_of_an_id(asked: str, model: str) -> None:
    found, change = meant(book(aliases={"gpt-4o": "m/exact", "gpt-*": "m/wild"}), KNOWN, asked)
    assert found == model
    assert (change is None) == (asked == model)
    if change is not None:
        assert (change.kind, change.field, change.detail) == ("aliased", asked, model)


def test_an_alias_means_the_same_again_and_a_list_that_changes_is_seen() -> None:
    names = book(aliases={"gpt-4o": "m/exact", "gpt-*": "m/wild", "m/same": "m/same"})
    for _ in range(2):
        assert meant(names, KNOWN, "gpt-5")[0] == "m/wild"
        assert meant(names, KNOWN, "m/same") == ("m/same", None)
        assert meant(names, KNOWN, "GLM-5.2")[0] == "zai-org/GLM-5.2"
    assert meant(names, {"other/GLM-5.2"}, "GLM-5.2")[0] == "other/GLM-5.2"
    assert set(names.meanings) == {"gpt-5", "m/same"}


def test_a_missing_model_is_the_default_or_a_400() -> None:
    assert meant(book(default="zai-org/GLM-5.2"), KNOWN, None)[0] == "zai-org/GLM-5.2"
    with pytest.raises(InvalidRequest) as caught:
        meant(book(), KNOWN, None)
    assert (caught.value.param, caught.value.code) == ("model", "missing_required_parameter")


@pytest.mark.parametrize("asked", ["", 7, [], {}, True])
def test_a_model_that_is_no_text_is_a_400(asked: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        meant(book(), KNOWN, asked)
    assert (caught.value.param, caught.value.code) == ("model", "invalid_type")


def test_a_model_of_megabytes_is_a_400_and_not_remembered() -> None:
    assert meant(book(), KNOWN, "x" * MODEL_LIMIT)[0] == "x" * MODEL_LIMIT
    with pytest.raises(InvalidRequest) as caught:
        meant(book(), KNOWN, "x" * (MODEL_LIMIT + 1))
    assert (caught.value.param, caught.value.code) == ("model", "string_above_max_length")
    assert len(caught.value.message) < MODEL_LIMIT


def test_what_is_not_allowed_is_refused() -> None:
    expect_allowed("m/x", allowed=True)
    with pytest.raises(ModelNotAllowed):
        expect_allowed("m/x", allowed=False)
