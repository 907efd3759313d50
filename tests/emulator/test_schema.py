"""The tables of the request schema, compared with the types of Telnyx's official SDK."""

import typing

import pytest
from telnyx.types.ai.openai.chat_create_completion_params import ChatCreateCompletionParams

from proxy.emulator import schema
from proxy.emulator.behaviour import Behaviour
from proxy.emulator.scenarios import resolve

OBSERVED = {"stream_options", "max_completion_tokens"}
GUIDED = {"guided_json", "guided_regex", "guided_choice"}


def fields(scenario: str) -> set[str]:
    return set(schema.request_schema(resolve(scenario)).fields)


def test_the_newer_dialect_has_exactly_the_fields_of_the_official_sdk() -> None:
    official = set(typing.get_type_hints(ChatCreateCompletionParams))
    assert fields("strict-schema") == official


def test_what_was_observed_is_taken_beside_the_schema() -> None:
    assert fields("default") - fields("strict-schema") == OBSERVED


def test_the_older_dialect_guides_and_knows_no_newer_fields() -> None:
    newer = {"service_tier", "region", "mode", "reasoning_effort"}
    assert fields("default") - fields("dialect-2026-06") == newer
    assert fields("dialect-2026-06") - fields("default") == GUIDED


def test_guides_can_be_taken_in_the_newer_dialect() -> None:
    assert fields("lenient") - fields("default") == GUIDED
    assert not schema.request_schema(resolve("lenient")).closed


@pytest.mark.parametrize("dialect", schema.DIALECTS)
def test_the_answer_format_by_schema_belongs_to_the_newer_dialect(dialect: str) -> None:
    formats = schema.request_schema(Behaviour(dialect=dialect)).fields["response_format"]
    assert isinstance(formats, schema.Tagged)
    assert ("json_schema" in formats.records) is (dialect == "2026-10")


def test_a_schema_is_made_once_for_each_behaviour() -> None:
    assert schema.request_schema(Behaviour()) is schema.request_schema(Behaviour())
