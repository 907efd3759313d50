"""The record of ways to behave, and the options that change it."""

from typing import Any

import pytest

from proxy.emulator.behaviour import OPTIONS, BadOption, Behaviour, checked_option
from proxy.emulator.scenarios import COMMON_OPTIONS, SCENARIOS


def test_finish_reasons_are_replaced_where_the_scenario_says_so() -> None:
    behaviour = Behaviour(finish=(("stop", ""),))
    assert behaviour.finished("stop") == ""
    assert behaviour.finished("length") == "length"


def test_trouble_concerns_the_endpoints_it_is_meant_for() -> None:
    assert Behaviour().concerns("chat")
    assert not Behaviour().concerns("models")
    assert Behaviour(where="all").concerns("models")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("seconds", 2, 2),
        ("seconds", 0.5, 0.5),
        ("times", None, None),
        ("times", 3, 3),
        ("retry_after", 1.5, 1.5),
        ("retry_after", None, None),
        ("efforts", ["low"], ("low",)),
        ("answer", "hi", "hi"),
        ("where", "all", "all"),
    ],
)
def test_options_have_the_type_of_their_field(name: str, value: Any, kept: Any) -> None:
    assert checked_option(name, value) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", "2"),
        ("seconds", True),
        ("seconds", -1),
        ("seconds", None),
        ("times", 1.5),
        ("efforts", "low"),
        ("efforts", [1]),
        ("answer", 5),
        ("words", 1.0),
        ("where", "nowhere"),
        ("where", []),
    ],
)
def test_options_of_another_type_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(BadOption, match=name):
        checked_option(name, value)


def test_every_option_belongs_to_a_scenario_and_is_a_field() -> None:
    used = {option for scenario in SCENARIOS.values() for option in scenario.options} | set(COMMON_OPTIONS)
    assert used == set(OPTIONS)
    assert all(hasattr(Behaviour(), option) for option in OPTIONS)
