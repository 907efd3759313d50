from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.admin import values

CASES: list[tuple[Any, list[Any], list[Any]]] = [
    (values.TenantId, ["a", "a-b_9", "a" * 63], ["", "A", "-a", "a" * 64, "a\n", 1]),
    (values.Name, ["a", "A.b-c_9", "9" * 63], ["", ".a", "a b", "a" * 64, "a\n", None]),
    (values.Label, ["", "Ärger & Söhne", "x" * 256], ["a\nb", "\x00", "\x85", "x" * 257, 5]),
    (values.Glob, ["*", "moonshotai/*", "*a" * 8], ["", "a\tb", "x" * 257, "*a" * 9, "*" * 9]),
    (values.Whole, [0, -1, 2.0], [True, "1", 1.5]),
    (values.Switch, [True, False], [1, "yes", None]),
    (values.Moment, [1_000_000_000, 1_800_000_000.0], [0, 1_800_000_000_000, "1800000000", False]),
    (values.Seconds, [1, 86_400], [0, -1, 10**10, True]),
    (values.Endpoint, ["chat.completions"], ["chat", "", 1]),
    (values.Sha256, ["0f" * 32, "0F" * 32], ["0f", "0g" * 32, "0f" * 33]),
    (values.Tags, [{}, {"a": ""}, {str(n): "x" for n in range(16)}], [{"": "a"}, {"a": 1}, {"a": "\n"}, []]),
    (values.Tags, [{"n" * 64: "v" * 256}], [{"n" * 65: ""}, {"n": "v" * 257}, {str(n): "x" for n in range(17)}]),
    (values.Globs, [[], ["*"] * 100], [["*"] * 101, "*", [None]]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), CASES)
def test_the_document_says_what_is_taken(kind: Any, good: list[Any], bad: list[Any]) -> None:
    """Validation and schema agree, value by value."""
    adapter = TypeAdapter(kind)
    validator = jsonschema.Draft202012Validator(adapter.json_schema())
    for value in good:
        adapter.validate_python(value)
        assert validator.is_valid(value), value
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
        if "\\n" not in repr(value):  # Python's $ stands before a last line break, too; that of JSON Schema does not
            assert not validator.is_valid(value), value


@pytest.mark.parametrize("name", ["none", "other", "unknown"])
def test_names_that_metrics_use_are_reserved(name: str) -> None:
    with pytest.raises(ValidationError, match="reserved"):
        TypeAdapter(values.TenantId).validate_python(name)


@pytest.mark.parametrize(
    ("given", "kept"), [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("2001:DB8::/32", "2001:db8::/32")]
)
def test_networks_are_kept_in_their_usual_spelling(given: str, kept: str) -> None:
    assert TypeAdapter(values.Network).validate_python(given) == kept


@pytest.mark.parametrize("given", ["10.0.0.1/8", "10.0.0/8", "", "localhost", "0.0.0.0/33", "::/129", "1" * 50, 7])
def test_what_is_no_network_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(values.Network).validate_python(given)


def test_digests_are_kept_in_lower_case() -> None:
    assert TypeAdapter(values.Sha256).validate_python("AB" * 32) == "ab" * 32
