"""Patterns of ids behave here as in the names of models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.patterns import covers, specificity
from proxy.translation.models import Globs, literal_length


@pytest.mark.parametrize(
    ("pattern", "model", "covered"),
    [
        ("*", "zai-org/GLM-5.2", True),
        ("zai-org/*", "zai-org/GLM-5.2", True),
        ("zai-org/*", "moonshotai/Kimi-K2.6", False),
        ("ZAI-org/*", "zai-org/GLM-5.2", False),
        ("zai-org/GLM-5.2", "zai-org/GLM-5.2", True),
        ("zai-org/GLM-5?2", "zai-org/GLM-5.2", True),
        ("zai-org/GLM-[45]*", "zai-org/GLM-5.2", True),
        ("zai-org", "zai-org/GLM-5.2", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, model: str, covered: bool) -> None:  # noqa: FBT001 - a column of a table
    assert covers(pattern, model) is covered


@given(st.text("ab/*?[]!-", max_size=8), st.text("ab/", max_size=8))
def test_patterns_are_those_of_the_model_names(pattern: str, model: str) -> None:
    if pattern != model:  # an id that looks like a pattern covers itself here
        assert covers(pattern, model) is (model in Globs([pattern]))
    assert specificity(pattern, model)[1] == literal_length(pattern)


def test_the_id_itself_is_the_most_specific_pattern() -> None:
    model = "zai-org/GLM-5.2"
    order = sorted(["*", "zai-org/GLM-5.2*", model, "zai-org/*"], key=lambda pattern: specificity(pattern, model))
    assert order == ["*", "zai-org/*", "zai-org/GLM-5.2*", model]
