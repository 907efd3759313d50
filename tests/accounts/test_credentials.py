"""Whose turn it is among several Telnyx keys."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.credentials import Rota, Turn


def rota(*weights: int) -> Rota:
    return Rota([Turn(name, f"KEY_{name}", weight) for name, weight in zip("abcdefgh", weights, strict=False)])


def picked(turns: Rota, count: int, now: float = 0.0) -> str:
    return "".join(turn.name for _ in range(count) if (turn := turns.pick(now)) is not None)


def test_turns_are_spread_by_weight() -> None:
    assert picked(rota(5, 1, 1), 14) == "aabacaa" * 2


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_after_as_many_requests_as_weights_each_had_its_share(weights: list[int]) -> None:
    turns = rota(*weights)
    for _ in range(3):
        assert Counter(picked(turns, sum(weights))) == dict(zip("abcdefgh", weights, strict=False))


def test_one_that_is_set_aside_comes_back_when_its_time_is_over() -> None:
    turns = rota(1, 1)
    turns.set_aside(turns.turns[0], until=10.0)
    assert picked(turns, 4, now=9.9) == "bbbb"
    assert set(picked(turns, 4, now=10.0)) == {"a", "b"}


def test_one_that_was_tried_for_this_request_is_not_tried_again() -> None:
    turns = rota(1, 1)
    first = turns.pick(0.0)
    assert first is not None
    second = turns.pick(0.0, frozenset({first.name}))
    assert second is not None
    assert second.name != first.name
    assert turns.pick(0.0, frozenset({"a", "b"})) is None


def test_where_all_are_set_aside_the_first_of_them_is_used_all_the_same() -> None:
    turns = rota(1, 1, 1)
    for turn, until in zip(turns.turns, (30.0, 20.0, 25.0), strict=True):
        turns.set_aside(turn, until)
    assert picked(turns, 2) == "bb"
    assert turns.pick(0.0, frozenset({"b"})) is None


def test_what_is_known_of_a_key_is_kept_when_its_tenant_changes() -> None:
    old, new = rota(1, 1), rota(7, 1, 1)
    old.set_aside(old.turns[1], until=50.0)
    new.adopt(old)
    assert set(picked(new, 20)) == {"a", "c"}


def test_a_rota_needs_a_key_and_shows_none() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        Rota([])
    turns = rota(1, 2)
    assert "KEY_a" not in repr(turns.turns)
    assert turns.secrets() == ("KEY_a", "KEY_b")
