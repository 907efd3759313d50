"""Structured output is checked, and a schema made to harm does none."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.translation import conformance as module
from proxy.translation.conformance import DEPTH_LIMIT, KEPT_LONGEST, WORK_LIMIT, Conformance
from proxy.translation.rules import Expectation

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"$ref": "#/$defs/age"}},
    "required": ["name", "age"],
    "additionalProperties": False,
    "$defs": {"age": {"type": "integer", "minimum": 0}},
}


def violations(schema: dict[str, Any], *texts: str) -> int:
    checks = Conformance(Expectation(schema=schema))
    for text in texts:
        checks.text(text)
    return checks.violations


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"name":"Ada","age":36}', 0),
        ('{"name":"Ada","age":-1}', 1),
        ('{"name":"Ada"}', 1),
        ('{"name":"Ada","age":36,"x":1}', 1),
        ("```json\n{}\n```", 1),
        ('{"name":"Ad', 1),
        ("", 1),
    ],
)
def test_texts_are_checked(text: str, count: int) -> None:
    assert violations(PERSON, text) == count


def test_once_the_library_is_loaded_nobody_waits_for_it() -> None:
    module.load()
    assert not module.awaits_load(Expectation(schema=PERSON))
    assert violations(PERSON, "1") == 1


def test_each_violation_counts() -> None:
    assert violations(PERSON, "1", '{"name":"Ada","age":36}', "[]") == 2


def test_without_a_schema_nothing_is_checked() -> None:
    checks = Conformance(Expectation())
    checks.text("{")
    checks.arguments("f", "{")
    assert checks.violations == 0


def test_arguments_are_checked_for_strict_tools_only() -> None:
    checks = Conformance(Expectation(tool_schemas={"f": PERSON}))
    checks.arguments("f", "{}")
    checks.arguments("f", '{"name":"Ada","age":36}')
    checks.arguments("g", "{")
    assert checks.violations == 1


@pytest.mark.parametrize(
    "draft", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]
)
def test_drafts_are_known_without_asking_anybody(draft: str) -> None:
    assert violations({"$schema": draft, "type": "object"}, "[]") == 1


def test_pointers_are_followed_with_their_escapes() -> None:
    schema = {"$defs": {"a/b~c": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/a~1b~0c"}}}
    assert violations(schema, '{"x":"1"}', '{"x":1}') == 1


def test_a_schema_may_refer_to_itself() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert violations(tree, '{"child":{"child":{}}}', '{"child":{"child":1}}') == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"type": 5},
        {"multipleOf": 0},
        {"pattern": "("},
        {"pattern": r"(a)\1"},  # needs back-tracking
        {"pattern": "(?=a)b"},
        {"pattern": "(a{1000}){1000}"},  # larger than PATTERN_LIMIT
        {"$ref": "#/$defs/nobody"},
        {"$ref": "#/type/deeper", "type": "object"},
        {"$ref": "other.json"},
        {"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}},
        {"$dynamicRef": "#x"},
        {"$schema": "https://example.invalid/draft", "type": "object"},
        {"properties": {"a": {"$id": "https://example.invalid/a", "$ref": "#/$defs/b"}}},
        {"properties": {"a": {"id": "https://example.invalid/a"}}},
    ],
)
def test_what_cannot_be_checked_counts_nothing(schema: dict[str, Any]) -> None:
    assert violations(schema, "not even JSON") == 0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that would notice a connection: it waits in the queue until somebody accepts it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        yield server


@pytest.mark.parametrize(
    "template",
    [
        {"$ref": "http://{}/schema.json"},
        {"$ref": "http://{}/schema.json#/$defs/a"},
        {"$schema": "http://{}/draft", "type": "object"},
        {"$id": "http://{}/root.json", "properties": {"a": {"$ref": "other.json"}}},
        {"$id": "http://{}/root.json", "type": "object"},
        {"properties": {"a": {"anyOf": [{"$ref": "http://{}/a"}]}}},
        {"$dynamicRef": "http://{}/a"},
        {"$vocabulary": {"http://{}/v": True}, "type": "object"},
    ],
)
def test_a_schema_never_causes_a_request(listener: socket.socket, template: dict[str, Any]) -> None:
    address = "{}:{}".format(*listener.getsockname())
    violations(filled(template, address), "{}", "[]")
    with pytest.raises(BlockingIOError):
        listener.accept()


def filled(value: Any, address: str) -> Any:
    if isinstance(value, dict):
        return {key.replace("{}", address): filled(part, address) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, address) for part in value]
    return value.replace("{}", address) if isinstance(value, str) else value


def test_a_file_is_not_read() -> None:
    assert violations({"$ref": "file:///etc/hostname"}, "not even JSON") == 0


# Each of these took from seconds to for ever with a straightforward check; here they return at once.


def test_a_pattern_that_explodes_in_other_engines() -> None:
    assert violations({"pattern": "^(a+)+$"}, '"' + "a" * 100_000 + 'b"') == 1


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_references_that_multiply(keyword: str) -> None:
    doubling = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(60)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**doubling, "d60": {"type": "string"}}}
    assert violations(schema, "not even JSON") == 0


@pytest.mark.parametrize("keyword", ["unevaluatedProperties", "unevaluatedItems"])
def test_unevaluated_parts_in_each_other(keyword: str) -> None:
    schema: dict[str, Any] = {"properties": {"z": True}}
    for _ in range(40):
        schema = {"allOf": [schema], keyword: False}
    assert violations(schema, "not even JSON") == 0


def test_a_schema_that_is_nested_too_deep() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(DEPTH_LIMIT):
        schema = {"items": schema}
    assert violations(schema, "not even JSON") == 0


def test_a_text_that_is_nested_as_deep_as_json_is_read() -> None:
    schema = {"type": "array", "items": {"$ref": "#"}}
    assert violations(schema, "[" * 1024 + "]" * 1024) == 0
    assert violations(schema, "[" * 1000 + "1" + "]" * 1000) == 1


def test_dear_keywords_and_long_texts() -> None:
    """Patterns and divisions cost more than other places; what they may cost together is bounded."""
    dear = {
        "items": {"allOf": [{"pattern": "x"}] * 200 + [{"multipleOf": 0.1}] * 10},
        "patternProperties": {f"^{n}": {} for n in range(10)},
    }
    assert violations(dear, '["y"]') == 1
    assert violations(dear, '["' + "y" * (WORK_LIMIT // 50_000) + '"]') == 0


def test_a_schema_of_megabytes_is_not_even_weighed() -> None:
    assert violations({"allOf": [{"type": "integer"}] * 10_000}, '"no"') == 1
    assert violations({"allOf": [{"type": "integer"}] * 40_000}, '"no"') == 0


def test_the_work_of_all_choices_together_is_bounded() -> None:
    """An answer may have 128 choices; each of them may cost what one may."""
    schema = {"anyOf": [{"type": "integer"}] * 250}
    weight = 2 + 2 * 250 + 1
    text = '"' + "x" * (WORK_LIMIT // weight // 2 - 100) + '"'
    assert violations(schema, text) == 1
    assert violations(schema, *[text] * 128) < 5


def test_a_schema_that_comes_again_is_compiled_once() -> None:
    schema = {"title": "It comes again.", "type": "integer"}
    before = module._compiled_before.cache_info()
    assert [violations(schema, text) for text in ("1", '"1"', "1.5", "2")] == [0, 1, 1, 0]
    after = module._compiled_before.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 3)
    assert after.maxsize == module.KEPT


@pytest.mark.parametrize(
    "schema", [{"type": "string", "pattern": "^a"}, {"type": "string", "description": "x" * KEPT_LONGEST}]
)
def test_a_schema_that_may_be_large_is_not_kept(schema: dict[str, Any]) -> None:
    before = module._compiled_before.cache_info()
    assert [violations(schema, '"a"'), violations(schema, "5")] == [0, 1]
    assert module._compiled_before.cache_info() == before
