"""Quirks known beforehand, and what holds for any body."""

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.translation import failures, quirks
from proxy.translation.dialects import Body
from proxy.translation.quirks import BY_NAME, Manner, adapt, diagnose, repair
from tests.translation import bodies
from tests.translation.quirk_cases import (
    AUTO,
    CAPPED,
    CAT,
    EACH,
    HI,
    MAX,
    SCHEMED,
    Case,
    body_of,
    changed,
    everything,
    image_body,
    nothing,
    picture,
    refusals,
)

# Learned for one request, applied to another


@pytest.mark.parametrize(
    ("hint", "asked", "sent"),
    [
        ("'max' is not supported. Supported values are: low, high.", "max", "high"),
        ("'max' is not supported. Supported values are: low, high.", "high", "high"),
        ("'max' is not supported. Supported values are: low, high.", "none", "low"),
        ("'max' is not supported. Supported values are: low, high.", "medium", "low"),
        ("'max' is not supported with this model.", "max", None),
        ("'max' is not supported with this model.", "high", "high"),
        ("reasoning_effort is unknown; see max_tokens", "high", None),
        ("reasoning_effort is unknown; see max_tokens", "max", None),
        ("", "low", None),
    ],
)
def test_what_was_learned_of_one_effort_is_not_held_against_another(hint: str, asked: str, sent: str | None) -> None:
    made, _ = adapt(body_of(reasoning_effort=asked), AUTO, [("reasoning_effort", hint)])
    assert made.get("reasoning_effort") == sent
    assert ("enable_thinking" in made) == (sent is None)


@pytest.mark.parametrize("effort", ["", "extreme", 3, None])
def test_an_effort_that_is_none_is_left_to_telnyx(effort: Any) -> None:
    body = changed(MAX, reasoning_effort=effort)
    assert adapt(body, AUTO, [("reasoning_effort", "")]) == (body, [])


# Adapting


@pytest.mark.parametrize(("name", "case"), EACH)
def test_learned_and_pinned_quirks_are_repaired_beforehand(name: str, case: Case) -> None:
    made, changes = adapt(case.body, AUTO, [(name, case.words)])
    assert made == case.repaired
    assert [change.field for change in changes if change.kind == "repaired"] == [name]
    assert adapt(case.body, Manner(on=frozenset({name})), [(name, case.words)]) == (made, changes)
    assert adapt(case.body, Manner(off=frozenset({name})), [(name, case.words)]) == (case.body, [])


@pytest.mark.parametrize(("name", "case"), EACH)
def test_what_another_tenant_learned_is_no_loss_for_a_strict_one(name: str, case: Case) -> None:
    made, changes = adapt(case.body, AUTO, [(name, case.words)], everything)
    assert not any(change.kind == "lossy" for change in changes)
    assert made == (case.body if BY_NAME[name].loses or name == "dialect" else case.repaired)


def test_a_loss_that_is_configured_is_refused_where_the_policy_is_strict() -> None:
    for manner in (Manner(on=frozenset({"cap_with_tools"})), Manner(dialect="2026-06")):
        with pytest.raises(InvalidRequest) as caught:
            adapt(changed(CAPPED, service_tier="flex"), manner, [], everything)
        assert caught.value.code == "unsupported_parameter"
        assert caught.value.param in {"max_tokens", "service_tier"}
        assert adapt(body_of(), manner, [], everything) == (body_of(), [])


@pytest.mark.parametrize(
    ("manner", "address"),
    [
        (Manner(), {"url": CAT}),
        (Manner(image_url="object"), {"url": CAT}),
        (Manner(image_url="string"), CAT),
        (Manner(dialect="2026-10"), {"url": CAT}),
        (Manner(dialect="2026-06"), CAT),
        (Manner(dialect="2026-06", image_url="object"), {"url": CAT}),
    ],
)
def test_images_go_as_configured_or_as_the_dialect_has_them(manner: Manner, address: Any) -> None:
    body = image_body({"url": CAT})
    assert adapt(body, manner, [])[0]["messages"] == [picture(address)]


def test_a_body_that_needs_nothing_is_the_same_object() -> None:
    body = body_of()
    manner = Manner(on=frozenset(BY_NAME))
    made, changes = adapt(body, manner, [(name, "") for name in BY_NAME])
    assert made is body
    assert changes == []


def test_one_system_message_at_the_start_is_all_right() -> None:
    body = body_of(messages=[{"role": "system", "content": "A"}, HI])
    assert repair(BY_NAME["system_messages"], body, "") == (body, [])


def test_a_form_without_a_schema_is_given_in_no_words() -> None:
    body = changed(SCHEMED, response_format={"type": "json_object"})
    assert repair(BY_NAME["schema_with_tools"], body, "") == (body, [])


@pytest.mark.parametrize(
    ("contents", "joined"),
    [
        (["A", "B"], "A\n\nB"),
        (["A", ""], "A\n\n"),
        (["A", None], "A\n\n"),
        ([[{"type": "text", "text": "A"}, {"type": "text", "text": "B"}], "C"], "A\nB\n\nC"),
        (
            ["A", [{"type": "image_url", "image_url": CAT}]],
            [{"type": "text", "text": "A"}, {"type": "image_url", "image_url": CAT}],
        ),
    ],
)
def test_system_messages_are_joined_without_losing_anything(contents: list[Any], joined: Any) -> None:
    body = changed(body_of(), messages=[HI, *({"role": "system", "content": content} for content in contents)])
    made, _ = repair(BY_NAME["system_messages"], body, "")
    assert made["messages"] == [{"role": "system", "content": joined}, HI]


# Whatever the body

HINTS = st.sampled_from([case.words for _, case in EACH]) | st.text()
NAMED = st.sampled_from(sorted(BY_NAME))


@given(bodies.canonical, NAMED, HINTS)
def test_a_repaired_body_is_a_valid_request_and_repaired_once(body: Body, name: str, hint: str) -> None:
    before = copy.deepcopy(body)
    made, changes = repair(BY_NAME[name], body, hint)
    (bodies.EARLIER if name == "dialect" else bodies.NEWEST).validate(made)
    assert body == before
    assert (made is body) == (changes == [])
    assert repair(BY_NAME[name], made, hint) == (made, [])


@given(
    bodies.canonical,
    st.builds(
        Manner,
        dialect=st.sampled_from(["auto", "2026-10", "2026-06"]),
        image_url=st.sampled_from(["auto", "object", "string"]),
        on=st.frozensets(NAMED, max_size=4),
    ),
    st.lists(st.tuples(NAMED, HINTS), max_size=4),
)
def test_an_adapted_body_is_a_valid_request(body: Body, manner: Manner, learned: list[tuple[str, str]]) -> None:
    before = copy.deepcopy(body)
    made, changes = adapt(body, manner, learned)
    bodies.NEWEST.validate(made)
    assert body == before
    assert [change.field for change in changes if not change.reason] == []


@given(bodies.canonical, st.sampled_from([refusal for _, case in EACH for refusal in refusals(case)]))
def test_a_diagnosis_always_changes_something_and_loses_nothing_that_is_forbidden(body: Body, refusal: bytes) -> None:
    said = failures.read(refusal)
    quirk = diagnose(said, body, AUTO, nothing)
    if quirk is not None:
        assert repair(quirk, body, said.message)[0] is not body
    strict = diagnose(said, body, AUTO, everything)
    if strict is not None:
        assert not strict.loses
        assert not any(change.kind == "lossy" for change in repair(strict, body, said.message)[1])


def test_no_pattern_here_repeats_anything_long() -> None:
    patterns = [value.pattern for value in vars(quirks).values() if isinstance(value, re.Pattern)]
    assert patterns
    assert [pattern for pattern in patterns if re.search(r"(?<!\\)[*+{]", re.sub(r"\[.*?\]", "", pattern))] == []


def test_a_region_that_must_be_kept_is_not_lost_to_the_earlier_dialect() -> None:
    """Where data may be processed can be a matter of law: `mode: strict` is no wish."""
    earlier = Manner(dialect="2026-06")
    made, changes = adapt(body_of(region="EU", mode="preferred"), earlier, ())
    assert "region" not in made
    assert {change.field for change in changes} == {"region", "mode"}
    with pytest.raises(InvalidRequest) as caught:
        adapt(body_of(region="EU", mode="strict"), earlier, ())
    assert caught.value.param == "region"
