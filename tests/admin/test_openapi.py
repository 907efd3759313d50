import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from proxy import codec
from proxy.admin import table
from proxy.admin.openapi import FAULTS, document
from proxy.admin.operations import Operation
from tests.admin.listener import Listener

ROWS = table.operations()


def resolve(found: dict[str, Any]) -> Any:
    """What a reference leads to."""
    while "$ref" in found:
        place: Any = document()
        for step in found["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        found = place
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_operation_is_described_whole(row: Operation) -> None:
    found = document()["paths"][row.path][row.method.lower()]
    assert found["operationId"] == row.id
    assert found["x-roles"] == sorted(row.roles)
    statuses = set(found["responses"])
    assert {str(row.status), "400", "401", "403", "404", "500", "503"} <= statuses
    assert row.method == "GET" or {"408", "409", "412", "413"} <= statuses
    names = {(each["in"], each["name"]) for each in found["parameters"]}
    assert {("path", name) for name in re.findall(r"\{(\w+)\}", row.path)} <= names
    assert {("query", name) for name in row.query} <= names
    assert (("header", "Idempotency-Key") in names) == (row.method == "POST")
    assert ("requestBody" in found) == (row.body is not None)
    for answer in found["responses"].values():
        schema = resolve(answer)["content"]["application/json"]["schema"]
        assert resolve(schema)["type"] == "object"


def test_every_path_belongs_to_a_row() -> None:
    described = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    assert described == {(row.path, row.method) for row in ROWS}


def test_every_reference_leads_somewhere() -> None:
    for reference in references(document()):
        resolve({"$ref": reference})


def test_every_schema_is_one() -> None:
    for schema in document()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_example_suits_its_schema() -> None:
    whole = document()
    tried = 0
    for name, schema in whole["components"]["schemas"].items():
        for field, each in schema.get("properties", {}).items():
            for example in each.get("examples", ()):
                root = {**each, "components": whole["components"]}
                jsonschema.Draft202012Validator(root).validate(example)
                tried += 1
                assert name, field
    assert tried > 4


def test_models_have_names_of_their_own() -> None:
    models = {model for row in ROWS for model in (row.body, row.view) if model is not None}
    names = [model.__name__ for model in models]
    assert sorted(names) == sorted(set(names))
    assert {*names, "Error"} <= set(document()["components"]["schemas"])


def test_only_the_words_of_json_schema_are_used() -> None:
    text = codec.encode_text(document()["components"])
    assert not re.search(r'"(ge|gt|le|lt)":', text)


def test_all_errors_have_one_shape() -> None:
    for status, text in FAULTS.items():
        answer = document()["components"]["responses"][f"E{status}"]
        assert answer["description"] == text
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


async def test_it_is_served_to_everybody(admin: Listener) -> None:
    answer = await admin.send("GET", "/admin/openapi.json", token=None)
    assert answer.status == 200
    assert answer.value == codec.decode(codec.encode(document()))
