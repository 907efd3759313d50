"""The shape an answer must have: `response_format`, and Telnyx's older `guided_json`.

The schema a client asks for is remembered, so that the answer can be checked against it and violations counted; and so
is that it asked for JSON at all, which a parser must be able to read.
"""

from collections.abc import Mapping
from typing import Any

from proxy.translation import checks
from proxy.translation.rules import Draft

TYPES = ("json_object", "json_schema", "text")
FIELDS = ("name", "description", "schema", "strict")


def convert_response_format(draft: Draft, name: str, value: Any) -> None:
    """The row of `response_format`."""
    checks.json_object(name, value)
    kind = checks.required(name, value, "type", checks.one_of(*TYPES))
    draft.lose_others(f"{name}.*", name, value, ("type", "json_schema"))
    draft.expects.json_text = kind != "text"
    if kind == "text":
        draft.note("dropped", name, reason="Text is what Telnyx answers anyway.")
    elif kind == "json_object":
        draft.body[name] = {"type": "json_object"}
    else:
        draft.body[name] = _by_schema(draft, name, checks.required(name, value, kind, checks.json_object))


def _by_schema(draft: Draft, name: str, form: Mapping[str, Any]) -> dict[str, Any]:
    at = f"{name}.json_schema"
    checks.required(at, form, "name", checks.string)
    checks.optional(at, form, "description", checks.string)
    checks.optional(at, form, "strict", checks.boolean)
    schema = checks.optional(at, form, "schema", checks.json_object)
    draft.lose_others(f"{at}.*", at, form, FIELDS)
    if schema is None:
        draft.note("converted", name, reason="A json_schema without a schema asks for any JSON object.")
        return {"type": "json_object"}
    checks.measure(f"{at}.schema", schema)
    draft.expects.schema = schema
    return {"type": "json_schema", "json_schema": {key: form[key] for key in FIELDS if form.get(key) is not None}}


def keep_guided_json(draft: Draft, name: str, value: Any) -> None:
    """The row of `guided_json`: a schema, sent as it is."""
    checks.json_object(name, value)
    checks.measure(name, value)
    draft.expects.schema = value
    draft.expects.json_text = True
    draft.body[name] = value
