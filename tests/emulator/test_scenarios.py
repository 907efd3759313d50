"""The table of scenarios."""

import re
from dataclasses import fields

import pytest

from proxy.emulator import scenarios
from proxy.emulator.behaviour import BadOption, Behaviour
from proxy.emulator.catalogue import QUIRKS as MODEL_QUIRKS
from proxy.emulator.failures import FAILURES
from proxy.emulator.scenarios import SCENARIOS, UnknownScenario, resolve
from proxy.emulator.wire import ENDINGS, SLICES


def test_the_good_day_is_the_default_behaviour() -> None:
    assert resolve("default") == Behaviour()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_changes_something_that_exists(name: str) -> None:
    row = SCENARIOS[name]
    known = {field.name for field in fields(Behaviour)}
    assert row.changes.keys() <= known
    assert set(row.options) <= known
    assert row.description
    assert (resolve(name) != Behaviour(scenario=name)) is (name != "default")
    assert re.fullmatch(r"[a-z0-9-]+", name)  # a part of a bearer key, and of a name joined by `+`


def test_every_failure_and_every_bad_end_is_reached_by_a_scenario() -> None:
    behaviours = [resolve(name) for name in SCENARIOS]
    assert {behaviour.failure for behaviour in behaviours} == {"", *FAILURES}
    assert {behaviour.ending for behaviour in behaviours} | {b.body_ending for b in behaviours} == {"", *ENDINGS}
    assert {behaviour.slices for behaviour in behaviours} == set(SLICES)
    assert {quirk for behaviour in behaviours for quirk in behaviour.models} == set(MODEL_QUIRKS)


def test_scenarios_are_combined_and_the_later_one_wins() -> None:
    both = resolve("stream-options-refused+enable-thinking-refused+crlf+cr")
    assert both.refuses == ("stream-options", "enable-thinking")
    assert both.newline == "\r"
    assert resolve("slow-stream+crlf", {"seconds": 0}).seconds == 0


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownScenario, match="no scenario 'rate-limted', did you mean 'rate-limited'"):
        resolve("rate-limted")
    with pytest.raises(UnknownScenario, match=r"no scenario 'qqqqqqqq'$"):
        resolve("crlf+qqqqqqqq")
    assert scenarios.nearest("qqqqqqqq") is None


def test_options_belong_to_their_scenario() -> None:
    assert resolve("huge-event", {"bytes": 10}).bytes == 10
    assert resolve("crlf", {"words": 3}).words == 3
    with pytest.raises(BadOption, match="answer, bytes, cached_tokens, words"):
        resolve("huge-event", {"seconds": 1})


def test_the_list_shows_descriptions_and_defaults() -> None:
    rows = {row["name"]: row for row in scenarios.described()}
    assert rows["flaky"]["options"]["times"] == 1
    assert rows["rate-limited"]["description"] == FAILURES["rate-limited"].description
    assert rows["stall-mid-stream"]["options"]["after"] == 3
