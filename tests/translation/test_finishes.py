"""Why a model stopped, in OpenAI's five words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamFailed
from proxy.translation.finishes import BROKEN, FINISHES, cut_short, finish
from proxy.translation.rules import Expectation

FIVE = {"stop", "length", "tool_calls", "content_filter", "function_call"}
expectations = st.builds(Expectation, legacy_functions=st.booleans(), named_choice=st.booleans())


def test_the_table_knows_only_the_five() -> None:
    assert set(FINISHES.values()) == FIVE
    assert all(FINISHES[word] == word for word in FIVE)
    assert BROKEN.isdisjoint(FINISHES)


@given(st.text() | st.none() | st.integers() | st.sampled_from(sorted(FINISHES)), st.booleans(), expectations)
def test_whatever_comes_it_is_one_of_the_five(reason: object, calls: bool, expects: Expectation) -> None:  # noqa: FBT001 - hypothesis gives them by position
    if str(reason).lower() not in BROKEN:
        assert finish(reason, calls=calls, expects=expects) in FIVE


@pytest.mark.parametrize(
    ("reason", "calls", "wish", "word"),
    [
        ("stop", False, {}, "stop"),
        ("STOP", False, {}, "stop"),
        ("eos", False, {}, "stop"),
        ("what", False, {}, "stop"),
        (None, False, {}, "stop"),
        ("MAX_TOKENS", False, {}, "length"),
        ("SAFETY", False, {}, "content_filter"),
        ("tool_calls", False, {}, "stop"),
        ("function_call", False, {}, "function_call"),
        ("stop", True, {}, "tool_calls"),
        ("tool_use", True, {}, "tool_calls"),
        ("function_call", True, {}, "tool_calls"),
        ("length", True, {}, "length"),
        ("content_filter", True, {"named_choice": True}, "content_filter"),
        ("tool_calls", True, {"named_choice": True}, "stop"),
        ("tool_calls", True, {"legacy_functions": True}, "function_call"),
        ("stop", True, {"legacy_functions": True}, "function_call"),
        ("stop", True, {"legacy_functions": True, "named_choice": True}, "stop"),
    ],
)
def test_the_word_agrees_with_the_answer(reason: object, calls: bool, wish: dict[str, bool], word: str) -> None:  # noqa: FBT001 - pytest gives them by name
    assert finish(reason, calls=calls, expects=Expectation(**wish)) == word  # type: ignore[arg-type]  # booleans only


@pytest.mark.parametrize("reason", sorted(BROKEN))
def test_a_broken_answer_is_not_called_finished(reason: str) -> None:
    with pytest.raises(UpstreamFailed, match=reason):
        finish(reason.upper(), calls=False, expects=Expectation())


@pytest.mark.parametrize(
    ("reason", "cut"),
    [("length", True), ("max_tokens", True), ("content_filter", True), ("stop", False), (None, False)],
)
def test_a_beginning_is_told_from_a_whole(reason: object, cut: bool) -> None:  # noqa: FBT001 - pytest gives them by name
    assert cut_short(reason) is cut
