"""Values that conform to a schema, judged by another validator than the one that is used inside."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the package has no types of its own
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.emulator.conforming import conforming
from proxy.emulator.patterns import Unsupported

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value", "next", "children"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}

SCHEMAS: list[Any] = [
    True,
    {},
    {"type": "string"},
    {"type": "string", "minLength": 20, "maxLength": 20},
    {"type": "string", "maxLength": 2},
    {"type": "string", "maxLength": 0},
    {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
    {"type": "string", "pattern": "^[a-z]+$", "minLength": 12},
    {"type": "integer"},
    {"type": "integer", "minimum": 5},
    {"type": "integer", "exclusiveMinimum": 5, "maximum": 6},
    {"type": "integer", "maximum": -3},
    {"type": "integer", "exclusiveMaximum": 0},
    {"type": "integer", "minimum": 7, "multipleOf": 5},
    {"type": "integer", "minimum": 2.5},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    {"type": "number", "minimum": 0.1, "multipleOf": 0.1},
    {"type": "number", "maximum": 10, "exclusiveMaximum": -1.5},
    {"type": "number", "minimum": 1.25, "maximum": 1.25},
    {"minimum": 3},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["null", "string"]},
    {"type": ["string", "integer"], "enum": [5, "five"]},
    {"enum": ["red", "green"]},
    {"const": {"a": [1]}},
    {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"type": "object", "required": ["a", "b"], "properties": {"b": {"type": "boolean"}}},
    {"type": "object", "required": ["a"], "additionalProperties": {"type": "integer"}},
    {"type": "object", "required": ["x-a"], "patternProperties": {"^y": False, "^x-": {"type": "integer"}}},
    {"type": "object", "minProperties": 3, "properties": {"a": {"type": "string"}}},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "minProperties": 2},
    {"type": "array"},
    {"type": "array", "items": {"type": "string", "format": "date"}},
    {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "integer", "maximum": 4}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    {"type": "array", "contains": {"const": 7}, "minContains": 2},
    {"minItems": 2},
    {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "string"}]},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [False, {"required": ["a"]}]},
    {"oneOf": [{"type": "number"}, {"type": "integer"}, {"type": "string"}]},
    {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]},
        ]
    },
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}, "required": ["b"]}]},
    {"allOf": [{"minimum": 3, "type": "number"}, {"type": "integer", "minimum": 5, "maximum": 9}, {"maximum": 7}]},
    {"allOf": [{"type": "integer"}, {"type": "number"}], "minimum": 2},
    {"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]},
    {"allOf": [{"allOf": [{"type": "integer"}]}, {"allOf": [{"minimum": 4}]}]},
    {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"minimum": 8}}, "required": ["a"]}]},
    {"allOf": [{"anyOf": [{"type": "integer"}]}, {"anyOf": [{"type": "integer", "minimum": 0}]}]},
    TREE,
    {"$defs": {"a b": {"type": "integer"}}, "$ref": "#/$defs/a%20b"},
    {"definitions": {"a/b~c": {"type": "integer"}}, "$ref": "#/definitions/a~1b~0c"},
    {"type": "array", "prefixItems": [{"const": 1}], "items": {"$ref": "#/prefixItems/0"}, "minItems": 2},
    {"type": "object", "properties": {"self": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["self"]},
    {"$ref": "#/$defs/n", "minimum": 10, "$defs": {"n": {"type": "integer", "minimum": 1}}},
    {"type": "string", "not": {"const": "other"}},
]

FORMATS = ["date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid", "regex"]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:60])
def test_the_value_conforms(schema: Any) -> None:
    jsonschema.validate(conforming(schema), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_kept(name: str) -> None:
    schema = {"type": "string", "format": name}
    checker = jsonschema.FormatChecker()
    jsonschema.validate(conforming(schema), schema, format_checker=checker)
    assert conforming(schema) != "text"


def test_values_are_small() -> None:
    assert conforming(TREE) == {"value": 0, "next": None, "children": []}
    optional = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]}
    assert conforming(optional) == {"b": "text"}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"enum": []},
        {"anyOf": []},
        {"type": []},
        {"type": "nonsense"},
        {"anyOf": [False, False]},
        {"type": "string", "minLength": 5, "maxLength": 2},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "pattern": "("},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "not": {"const": "text"}},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#/enum/x", "enum": [1], "$defs": {}},
        {
            "$defs": {"a": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}},
            "$ref": "#/$defs/a",
        },
        {"$ref": "#number", "$defs": {"n": {"$anchor": "number", "type": "integer"}}},
        {"$defs": {"a": {"$id": "a:b", "$ref": "#/$defs/b", "$defs": {"b": {}}}}, "$ref": "#/$defs/a"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "array", "items": {"$ref": "https://example.com/schema.json"}, "minItems": 1},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "object", "required": 5},
        "string",
    ],
)
def test_what_no_value_conforms_to_is_refused(schema: Any) -> None:
    with pytest.raises(Unsupported):
        conforming(schema)


@pytest.mark.parametrize(("levels", "reason"), [(80, "too deep"), (200, "cannot be used")])
def test_a_schema_of_many_levels_is_refused_and_not_followed(levels: int, reason: str) -> None:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    with pytest.raises(Unsupported, match=reason):
        conforming(schema)


leaves = st.one_of(
    st.just({"type": "string"}),
    st.just({"type": "null"}),
    st.integers(-50, 50).map(lambda low: {"type": "integer", "minimum": low}),
    st.integers(-50, 50).map(lambda high: {"type": "number", "exclusiveMaximum": high}),
    st.integers(0, 9).map(lambda size: {"type": "string", "minLength": size, "maxLength": size}),
    st.lists(st.integers(), min_size=1).map(lambda values: {"enum": values}),
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.integers(0, 3)).map(lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1]}),
        st.dictionaries(st.text(max_size=5), inner, max_size=3).map(
            lambda fields: {
                "type": "object",
                "properties": fields,
                "required": list(fields),
                "additionalProperties": False,
            }
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
    ),
    max_leaves=8,
)


@given(schemas)
def test_every_ordinary_schema_gets_a_conforming_value(schema: Any) -> None:
    jsonschema.validate(conforming(schema), schema)
