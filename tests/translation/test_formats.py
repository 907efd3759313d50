"""The shape an answer must have."""

from typing import Any

import pytest

from proxy.translation.formats import convert_response_format, keep_guided_json
from proxy.translation.rules import Draft, Policy

SCHEMA = {"type": "object", "properties": {"age": {"enum": [1, None]}}}


def converted(value: dict[str, Any]) -> Draft:
    draft = Draft({"response_format": value}, Policy())
    convert_response_format(draft, "response_format", value)
    return draft


def test_the_schema_is_sent_and_expected_as_the_same_object() -> None:
    draft = converted({"type": "json_schema", "json_schema": {"name": "person", "strict": False, "schema": SCHEMA}})
    form = draft.body["response_format"]
    assert form == {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": False}}
    assert form["json_schema"]["schema"] is SCHEMA
    assert draft.expects.schema is SCHEMA
    assert draft.expects.json_text


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, {"type": "json_object"}),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": None}}, {"type": "json_object"}),
    ],
)
def test_without_a_schema_none_is_expected(value: dict[str, Any], sent: dict[str, Any] | None) -> None:
    draft = converted(value)
    assert draft.body.get("response_format") == sent
    assert draft.expects.schema is None
    assert draft.expects.json_text == (sent is not None)


def test_nulls_and_unknown_fields_are_left_out() -> None:
    form: dict[str, Any] = {
        "name": "a",
        "schema": {},
        "strict": None,
        "description": None,
        "color": "red",
        "empty": None,
    }
    draft = converted({"type": "json_schema", "json_schema": form})
    assert draft.body["response_format"]["json_schema"] == {"name": "a", "schema": {}}
    assert draft.changes.header() == "lossy=response_format.json_schema.*"


def test_guided_json_is_sent_and_expected() -> None:
    draft = Draft({}, Policy())
    keep_guided_json(draft, "guided_json", SCHEMA)
    assert draft.body == {"guided_json": SCHEMA}
    assert draft.expects.schema is SCHEMA
