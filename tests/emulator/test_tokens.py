"""Every word is a token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.emulator import tokens


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text


@pytest.mark.parametrize(("text", "count"), [("", 0), ("one", 1), ("one two\n three ", 4), ("   ", 1)])
def test_words_are_counted(text: str, count: int) -> None:
    assert tokens.count(text) == count


def test_probabilities_have_the_shape_of_openai() -> None:
    first, second = tokens.logprobs(["Grüße", " an"], 2)["content"]
    assert first["token"] == "Grüße"
    assert bytes(first["bytes"]).decode() == "Grüße"
    assert -1 < first["logprob"] <= 0
    assert [entry["token"] for entry in first["top_logprobs"]] == ["Grüße", "Grüße~1"]
    assert first["top_logprobs"][0]["logprob"] == first["logprob"] > first["top_logprobs"][1]["logprob"]
    assert second["logprob"] != first["logprob"]
    assert tokens.logprobs(["a"], 0)["content"][0]["top_logprobs"] == []


@pytest.mark.parametrize(
    ("room", "kept", "left"), [(5, ["a", "b"], 3), (2, ["a", "b"], 0), (1, ["a"], -1), (-1, [], -3)]
)
def test_what_does_not_fit_is_cut(room: int, kept: list[str], left: int) -> None:
    assert tokens.cut(["a", "b"], room) == (kept, left)
