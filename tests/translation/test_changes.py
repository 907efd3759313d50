"""What was done to a request, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.translation import changes as module
from proxy.translation.changes import CHANGE_KINDS, HEADER_LIMIT, TOLD_LONGEST, Change, Changes


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("renamed", "a", "b"), "a>b"),
        (Change("aliased", "gpt-4o", "moonshotai/Kimi-K2.6"), "gpt-4o>moonshotai/Kimi-K2.6"),
        (Change("injected", "temperature", "1"), "temperature:1"),
        (Change("dropped", "user"), "user"),
    ],
)
def test_a_change_is_told_in_a_word(change: Change, text: str) -> None:
    assert change.text() == text


def test_the_header_groups_changes_by_kind_in_a_fixed_order_and_tells_each_once() -> None:
    changes = Changes(
        [
            Change("lossy", "logit_bias"),
            Change("dropped", "user"),
            Change("injected", "temperature", "1"),
            Change("dropped", "user", reason="Told twice."),
            Change("renamed", "max_completion_tokens", "max_tokens"),
            Change("injected", "enable_thinking", "false"),
        ]
    )
    assert changes.header() == (
        "renamed=max_completion_tokens>max_tokens; injected=temperature:1,enable_thinking:false; dropped=user; "
        "lossy=logit_bias"
    )
    assert Changes().header() == ""


def test_every_kind_of_change_is_told() -> None:
    assert Changes(Change(kind, "x") for kind in CHANGE_KINDS).header() == "; ".join(
        f"{kind}=x" for kind in CHANGE_KINDS
    )


@pytest.mark.parametrize("name", ["a\r\nset-cookie: b", "naïve", "a\x00b", "\U0001f600"])
def test_the_header_is_printable_ascii(name: str) -> None:
    header = Changes([Change("lossy", name)]).header()
    assert header.isascii()
    assert header.isprintable()


def test_the_header_is_bounded() -> None:
    def header(count: int) -> str:
        return Changes(Change("lossy", f"field{number:04}") for number in range(count)).header()

    assert len(header(5000)) == HEADER_LIMIT
    assert header(5000).endswith("...")
    assert not header(100).endswith("...")


lists = st.lists(
    st.builds(Change, st.sampled_from(CHANGE_KINDS), st.text(max_size=3), st.text(max_size=3)), max_size=30
)


@given(lists)
def test_the_record_hears_field_and_kind_and_an_alias_is_the_model(changes: list[Change]) -> None:
    told = Changes(changes).told()
    assert told.header == Changes(changes).header()
    assert [kind for _, kind in told.pairs] == [change.kind for change in changes]
    for (path, kind), change in zip(told.pairs, changes, strict=True):
        assert path == ("model" if kind == "aliased" else change.field)


@given(lists)
def test_what_is_kept_is_told_as_if_it_were_not(changes: list[Change]) -> None:
    first, again = Changes(changes).told(), Changes(changes).told()
    assert first == again == module._told(tuple(changes))
    assert (first is again) == (len(changes) <= TOLD_LONGEST)


def test_what_is_kept_is_bounded() -> None:
    for number in range(2 * module.TOLD_KEPT):
        Changes([Change("lossy", f"field{number}")]).told()
    assert module._told_before.cache_info().currsize == module.TOLD_KEPT
    assert Changes([Change("lossy", "field0")]).header() == "lossy=field0"
