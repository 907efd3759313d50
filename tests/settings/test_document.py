from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.settings.document import NODES, Origin, parse, read, scalar
from proxy.settings.faults import ConfigurationError, Fault

CANARY = "canary0123456789"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("off", "off"), ("y", "y"), ("True", True), ("false", False), ("", None), ("~", None),
        ("null", None), ("8", 8), ("-8", -8), ("0", 0), ("010", "010"), ("0x1f", "0x1f"), ("1_000", "1_000"),
        ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("-2.", -2.0), ("1.2.3", "1.2.3"), ("12:30", "12:30"),
        ("2026-10", "2026-10"), ("2026-10-12", "2026-10-12"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"),
        ("'8'", "8"), ('"null"', "null"), ("!!str 8", "8"), ("=", "="), ("32MiB", "32MiB"), ("[1, a]", [1, "a"]),
        ("{a: {b: }}", {"a": {"b": None}}), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_names_are_always_text() -> None:
    assert parse("on: 1\n8: 2\nnull: 3\n", "f").value == {"on": 1, "8": 2, "null": 3}


def test_every_value_has_its_line() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", "f.yaml")
    lines = {location: origin.line for location, origin in document.origins.items()}
    assert lines == {
        (): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4, ("b", 1, "d"): 5,
    }  # fmt: skip
    assert document.origins["a",] == Origin("f.yaml", 1)


def test_merge_keys_bring_in_what_is_not_there() -> None:
    text = "one: &one {x: 1, y: 1}\ntwo: &two {y: 2, z: 2}\nboth: {z: 0, <<: [*one, *two]}\nfirst: {<<: *one, x: 3}\n"
    document = parse(text, "f")
    assert document.faults == []
    assert document.value["both"] == {"x": 1, "y": 1, "z": 0}
    assert document.value["first"] == {"x": 3, "y": 1}
    assert document.origins["first", "x"].line == 4


def test_a_quoted_merge_sign_is_a_name() -> None:
    assert parse("{'<<': 1}", "f").value == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", "a", 3, "stands twice"),
        ("x: {n: 1,\n n: 2}", "x.n", 2, "stands twice"),
        ("a: 1\n? [b]\n: 2", "", 2, "has a name that is no text"),
        ("a:\n - &x [*x]", "a[0][0]", 2, "contains itself by an alias"),
        ("a: &x {b: *x}", "a.b", 1, "contains itself by an alias"),
        ("a: !env KEY", "a", 1, "has a tag that means nothing here"),
        ("a:\n  <<: 5", "a", 2, "merges something that is no section"),
    ],
)
def test_what_is_yaml_but_no_configuration(text: str, path: str, line: int, message: str) -> None:
    (fault,) = parse(text, "f").faults
    assert (fault.path, fault.line, fault.message, fault.source) == (path, line, message, "f")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"a: *{CANARY}", 1, "refers with * to a name that is not defined"),
        ("a: [*]", 1, "has a * that must be quoted"),
        ("a:\n  *: b", 2, "has a * that must be quoted"),
        (f"a: &{CANARY} 1\nb: &{CANARY} 2", 2, "defines the same name with & twice"),
        (f"a: !{CANARY}!b 1", 1, "has a tag that means nothing here"),
        (f"a:\n\t- {CANARY}", 2, "is indented with a tab"),
        (f"a: @{CANARY}", 1, "has a text that must be quoted"),
        (f"a: %{CANARY}", 1, "has a text that must be quoted"),
        (f"a: {CANARY}: c", 1, "has a colon where none may be"),
        (f"a: 1\n---\nb: {CANARY}", 2, "holds more than one document"),
        (f"a: 1\nb: '{CANARY}", 2, "is not YAML from here on"),
        (f"a: {CANARY}\x00", None, "is not YAML from here on"),
        ("[" * 5000, None, "is nested too deeply"),
    ],
)
def test_a_syntax_error_has_its_line_and_quotes_nothing(text: str, line: int | None, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f")
    (fault,) = caught.value.faults
    assert (fault.path, fault.line, fault.message, fault.source) == ("", line, message, "f")
    assert CANARY not in str(caught.value)


def test_aliases_cannot_grow_a_small_file_beyond_memory() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert NODES < 10**10
    with pytest.raises(ConfigurationError):
        parse("\n".join(rows), "f")


def test_an_override_is_one_value() -> None:
    with pytest.raises(ConfigurationError):
        scalar("[1")
    with pytest.raises(ConfigurationError):
        scalar("{a: 1, a: 2}")


def test_a_file_is_read_with_or_without_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa4\n")
    assert read(path).value == {"a": "ä"}


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read: No such file"), (b"\xff", "is not UTF-8")])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "f.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(path)
    assert caught.value.faults == (Fault("", caught.value.faults[0].message, source=str(path)),)


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(codec="ascii"), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc<0-", max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(DATA)
def test_what_yaml_writes_is_read_back(data: Any) -> None:
    document = parse(yaml.safe_dump(data), "f")
    assert document.faults == []
    assert document.value == data


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text, "f").faults
    except ConfigurationError as error:
        found = list(error.faults)
    assert all(fault.message and fault.source == "f" for fault in found)
