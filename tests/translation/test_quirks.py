"""Every quirk on both of its sides: a refusal that fits is repaired, any other is left alone."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from proxy.translation import failures
from proxy.translation.dialects import Body
from proxy.translation.error_shapes import Said
from proxy.translation.quirks import (
    BY_NAME,
    EVERY,
    QUIRKS,
    Manner,
    diagnose,
    narrowed,
    repair,
)
from tests.translation.quirk_cases import (
    AUTO,
    BY_SCHEMA,
    CAP,
    CAPPED,
    CASES,
    CAT,
    EACH,
    SCHEMED,
    SYSTEMS,
    TOOL,
    Case,
    body_of,
    changed,
    everything,
    image_body,
    nothing,
    refusals,
)
from tests.translation.telnyx_failures import detail, fastapi, openai, telnyx


def test_every_quirk_has_cases() -> None:
    assert set(CASES) == set(BY_NAME)
    assert len(BY_NAME) == len(QUIRKS)


@pytest.mark.parametrize(("name", "case"), EACH)
def test_a_refusal_that_fits_is_repaired(name: str, case: Case) -> None:
    for refusal in refusals(case):
        said = failures.read(refusal)
        before = copy.deepcopy(case.body)
        quirk = diagnose(said, case.body, AUTO, nothing)
        assert quirk is not None
        assert quirk.name == name
        made, changes = repair(quirk, case.body, said.message)
        assert made == case.repaired
        assert (changes[0].kind, changes[0].field, changes[0].reason) == ("repaired", name, quirk.reason)
        assert case.body == before


@pytest.mark.parametrize(("name", "case"), EACH)
def test_the_same_words_about_another_body_repair_nothing(name: str, case: Case) -> None:
    plain = body_of(n=2)
    for refusal in refusals(case):
        assert diagnose(failures.read(refusal), plain, AUTO, nothing) is None
    assert repair(BY_NAME[name], plain, case.words) == (plain, [])


@pytest.mark.parametrize(("name", "case"), EACH)
@pytest.mark.parametrize(
    "words", ["Something else is wrong.", "This model is bad.", "temperature must be at most 2", "Could not fetch it."]
)
def test_other_words_about_the_same_body_repair_nothing(name: str, case: Case, words: str) -> None:
    for refusal in (fastapi("value_error", words, "temperature"), openai(words), detail(words), b"", b"<html>"):
        assert diagnose(failures.read(refusal), case.body, AUTO, nothing) is None


@pytest.mark.parametrize(("name", "case"), EACH)
def test_a_quirk_that_is_pinned_off_is_not_repaired(name: str, case: Case) -> None:
    for refusal in refusals(case):
        quirk = diagnose(failures.read(refusal), case.body, Manner(off=frozenset({name})), nothing)
        assert quirk is None or quirk.name != name


@pytest.mark.parametrize(("name", "case"), EACH)
def test_a_strict_policy_allows_no_repair_that_loses_something(name: str, case: Case) -> None:
    lossless = {"stream_options", "max_completion_tokens", "response_format", "image_url_string", "image_url_object",
                "system_messages"}  # fmt: skip
    for refusal in refusals(case):
        quirk = diagnose(failures.read(refusal), case.body, AUTO, everything)
        assert (quirk is not None and quirk.name == name) == (name in lossless)


LOSSES = {
    "cap_with_tools": {"max_tokens", "max_completion_tokens"},
    "schema_with_tools": {"response_format"},
    "dialect": {"reasoning_effort", "service_tier", "region", "mode"},
    "reasoning_effort": {"reasoning_effort"},
    "enable_thinking": {"enable_thinking"},
}
TOLD = {
    "schema_with_tools": {("emulated", "response_format")},
    "dialect": {("lossy", name) for name in LOSSES["dialect"]} | {("converted", "response_format")},
    "response_format": {("converted", "response_format")},
    "reasoning_effort": {("converted", "reasoning_effort"), ("lossy", "reasoning_effort")},
    "image_url_string": {("converted", "image_url")},
    "image_url_object": {("converted", "image_url")},
    "system_messages": {("converted", "messages")},
}


@pytest.mark.parametrize("field", sorted(set().union(*LOSSES.values()) | {"logit_bias"}))
@pytest.mark.parametrize(("name", "case"), EACH)
def test_a_policy_may_be_strict_about_one_field(name: str, case: Case, field: str) -> None:
    said = failures.read(refusals(case)[0])
    lost = {change.field for change in repair(BY_NAME[name], case.body, said.message)[1] if change.kind == "lossy"}
    assert lost <= LOSSES.get(name, set())
    forbidden = field in lost or (name != "dialect" and field in LOSSES.get(name, ()))
    assert (diagnose(said, case.body, AUTO, lambda lost: lost == field) is not BY_NAME[name]) == forbidden


@pytest.mark.parametrize(("name", "case"), EACH)
def test_what_a_repair_changes_is_told(name: str, case: Case) -> None:
    _, changes = repair(BY_NAME[name], case.body, case.words)
    assert {(change.kind, change.field) for change in changes[1:]} <= TOLD.get(name, set())
    assert len(changes) > 1 or name not in TOLD
    assert [change.field for change in changes if not change.reason] == []


# Which of several fits


@pytest.mark.parametrize(
    ("body", "words", "name"),
    [
        (changed(CAPPED, reasoning_effort="max"), "reasoning_effort 'max' is not supported.", "reasoning_effort"),
        (changed(CAPPED, stream_options={}), "stream_options is not supported.", "stream_options"),
        (changed(CAPPED, **image_body({"url": CAT})), "image_url must be a string.", "image_url_string"),
        (changed(SCHEMED, max_tokens=5), "response_format and tools exclude each other.", "schema_with_tools"),
        (CAPPED, "Bad Request", "cap_with_tools"),
        (CAPPED, "", "cap_with_tools"),
        (CAPPED, "max_tokens cannot be used here.", "cap_with_tools"),
        (CAPPED, "max_tokens must be at most 8192.", None),
        (CAPPED, "This model's maximum context length is 8192 tokens.", None),
        (CAPPED, "OpenAI API key required.", None),
        (CAPPED, "The model 'x' does not exist.", None),
        (body_of(tools=[TOOL]), "Bad Request", None),
        (CAP, "Bad Request", None),
        (BY_SCHEMA, "Invalid schema for response_format 'person'.", None),
        (image_body({"url": CAT}), "Could not download image_url.", None),
        (image_body(CAT), "image_url is not valid", None),
        (SCHEMED, "response_format is not supported.", "response_format"),
        (SCHEMED, "Output by json_schema is not supported beside tools.", "schema_with_tools"),
        (SCHEMED, "Structured output is not supported beside tools.", "schema_with_tools"),
        (BY_SCHEMA, "Output by json_schema is not supported.", "response_format"),
        (SYSTEMS, "The system is busy.", None),
        (CAP, "max_completion_tokens cannot be used with tools.", None),
        (CAP, "max_completion_tokens cannot be used with functions.", None),
        (CAPPED, "max_tokens cannot be used with functions.", "cap_with_tools"),
        (image_body(CAT), "stop must be a string or an object.", None),
        (image_body({"url": CAT}), "stop must be a string or an object.", None),
    ],
)
def test_words_come_before_the_code_of_every_bad_request(body: Body, words: str, name: str | None) -> None:
    quirk = diagnose(failures.read(telnyx("10015", words)), body, AUTO, nothing)
    assert (quirk.name if quirk else None) == name


@pytest.mark.parametrize(
    "value",
    [
        "at most 5", "at least 1", "less than 5", "greater than 0", "not exceed 5", "below the maximum",
        "above the minimum", "an integer",
    ],
)  # fmt: skip
def test_a_value_of_the_cap_is_the_clients_to_mend(value: str) -> None:
    said = failures.read(telnyx("10015", f"max_tokens must be {value}."))
    assert diagnose(said, CAPPED, AUTO, nothing) is None
    both = failures.read(telnyx("10015", f"max_tokens must be {value} with tools."))
    assert diagnose(both, CAPPED, AUTO, nothing) is BY_NAME["cap_with_tools"]


@pytest.mark.parametrize(
    "trouble", ["Could not download", "Failed to fetch", "Could not load", "Cannot decode", "The size is wrong of"]
)
def test_an_image_that_cannot_be_had_is_the_clients_to_mend(trouble: str) -> None:
    said = failures.read(detail(f"{trouble} image_url."))
    assert diagnose(said, image_body({"url": CAT}), AUTO, nothing) is None


@pytest.mark.parametrize("shape", ["an object", "a dictionary", "a mapping", "a struct"])
def test_an_image_is_wanted_as_an_object_under_many_names(shape: str) -> None:
    said = failures.read(detail(f"image_url must be {shape}."))
    assert diagnose(said, image_body(CAT), AUTO, nothing) is BY_NAME["image_url_object"]


@pytest.mark.parametrize(
    "words", ["must come first", "goes at the beginning", "is allowed as only one", "multiple of them"]
)
def test_a_template_says_in_many_ways_that_it_takes_one_system_message(words: str) -> None:
    said = failures.read(detail(f"The system message {words}."))
    assert diagnose(said, SYSTEMS, AUTO, nothing) is BY_NAME["system_messages"]


@pytest.mark.parametrize(
    "words", ["Extra inputs are not permitted", "extra fields not permitted", "unknown field", "Unknown parameter",
              "Unrecognized argument"],
)  # fmt: skip
def test_a_field_is_unknown_in_many_words(words: str) -> None:
    said = failures.read(detail(f"{words}: service_tier"))
    assert diagnose(said, body_of(service_tier="flex"), AUTO, nothing) is BY_NAME["dialect"]


def test_a_code_that_is_about_another_field_is_not_about_the_cap() -> None:
    assert diagnose(failures.read(telnyx("10015", "No.", "/messages/0")), CAPPED, AUTO, nothing) is None
    assert diagnose(failures.read(telnyx("10015", "No.", "/tools")), CAPPED, AUTO, nothing) is not None
    assert diagnose(failures.read(telnyx("10004", "No.")), CAPPED, AUTO, nothing) is None


def test_a_region_that_was_insisted_on_is_not_given_up() -> None:
    body = body_of(region="EU", mode="strict")
    assert diagnose(failures.read(fastapi("extra_forbidden", "Extra inputs", "region")), body, AUTO, nothing) is None


def test_a_field_of_the_newer_dialect_must_be_named_as_a_whole() -> None:
    said = failures.read(fastapi("extra_forbidden", "Extra inputs are not permitted by this model", "top_k"))
    assert diagnose(said, body_of(mode="preferred"), AUTO, nothing) is None


# Memory


def test_an_endpoint_that_is_no_chat_is_spoken_to_in_its_own_form() -> None:
    chat = Manner("2026-06", "string", on=frozenset({"thinking", "dialect"}), off=frozenset({"stream_options"}))
    manner = narrowed(chat, frozenset({"thinking"}))
    assert (manner.dialect, manner.image_url, manner.on) == ("auto", "auto", frozenset({"thinking"}))
    assert manner.off == EVERY - {"thinking"}
    assert narrowed(replace(chat, off=frozenset({"thinking"})), frozenset({"thinking"})).off == EVERY


@pytest.mark.parametrize("thinking", [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, None])
def test_thinking_that_was_asked_for_is_not_taken_away(thinking: Any) -> None:
    body = {**body_of(), "thinking": thinking}
    assert diagnose(Said("thinking is not supported with this model"), body, AUTO, nothing) is None


@pytest.mark.parametrize(
    ("manner", "plain"),
    [
        (Manner(), True),
        (Manner(dialect="2026-10", off=frozenset({"dialect"})), True),
        (Manner(dialect="2026-06"), False),
        (Manner(image_url="string"), False),
        (Manner(image_url="object"), False),
        (Manner(on=frozenset({"dialect"})), False),
    ],
)
def test_a_manner_knows_whether_it_asks_for_anything(*, manner: Manner, plain: bool) -> None:
    assert manner.plain == plain
