from typing import Any

import pytest

from proxy.cli import cells

NOW = 1_800_000_000.0


def test_a_cell_shows_a_value_or_what_stands_for_none() -> None:
    assert cells.shown("tags")({"tags": {"a": "b"}}, NOW) == "a=b"
    assert cells.shown("model", "*")({"model": None}, NOW) == "*"
    assert cells.shown("model")({}, NOW) == ""


def test_a_time_is_told_from_now() -> None:
    assert cells.when("at", "never")({"at": NOW + 60}, NOW) == "in 1 minute"
    assert cells.when("at", "never")({"at": None}, NOW) == "never"


def test_a_key_is_known_by_its_two_ends() -> None:
    assert cells.ending({"redacted": "sk-tp-...x9Yz"}) == "sk-tp-...x9Yz"
    assert cells.ending({}) == ""


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({}, "active"),
        ({"disabled": True, "status": "rotating"}, "rotating"),
        ({"disabled": True}, "disabled"),
        ({"archived_at": 5, "disabled": True}, "archived"),
    ],
)
def test_one_word_tells_whether_it_works(row: dict[str, Any], word: str) -> None:
    assert cells.standing(row, NOW) == word


def test_what_the_configuration_declares_says_so() -> None:
    assert cells.origin({"declared": True}) == "configuration"
    assert cells.origin({"declared": False}) == cells.origin({}) == ""
