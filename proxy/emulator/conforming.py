"""A value that conforms to a JSON schema: small, deterministic, and checked before it is handed out.

Objects get their required properties (and as many others as `minProperties` asks for), arrays one item where that is
allowed, strings a short text of the right length, format or pattern. References inside the schema are followed; a
reference that leads back to itself ends in the branch, or the empty array, that needs it no more. What cannot be made
(`not` and `if` are only obeyed by luck, references to other documents never) is refused with `Unsupported`, as a
server refuses a schema that its grammar engine cannot compile.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from proxy.emulator.patterns import Unsupported, matching

Schema = Mapping[str, Any]
AnySchema = Mapping[str, Any] | bool

_DEEPEST = 64
"""Levels of a schema. Deeper ones are refused before Python's own recursion limit does it less politely."""

_LARGEST = 10_000
"""Most characters, items or properties that a schema may ask for: a schema must not fill the memory."""

_ATTEMPTS = 4
"""How often the order of alternatives is turned before a schema is given up: overlapping `oneOf` branches need it."""

_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "date": "2026-01-31",
        "time": "12:30:00Z",
        "date-time": "2026-01-31T12:30:00Z",
        "duration": "P1D",
        "email": "ada@example.com",
        "hostname": "example.com",
        "ipv4": "192.0.2.1",
        "ipv6": "2001:db8::1",
        "uri": "https://example.com/",
        "uri-reference": "/example",
        "uuid": "123e4567-e89b-42d3-a456-426614174000",
        "json-pointer": "/example",
        "regex": "^a$",
    }
)

_TYPE_HINTS = (
    ("object", ("properties", "required", "additionalProperties", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "uniqueItems", "contains")),
    ("string", ("pattern", "minLength", "maxLength", "format")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
"""The type that a keyword speaks of, for schemas that do not name one."""


def conforming(schema: AnySchema) -> Any:
    """A value that conforms to the schema. Raises Unsupported."""
    try:
        validator = jsonschema_rs.validator_for(
            schema if isinstance(schema, bool) else dict(schema), validate_formats=True, offline=True
        )
        for value in _attempts(schema):
            if validator.is_valid(value):
                return value
    except Unsupported:
        raise
    except (jsonschema_rs.ValidationError, ValueError, TypeError, RecursionError) as error:
        raise Unsupported(f"The schema cannot be used: {type(error).__name__}: {error}") from None
    raise Unsupported("No value was found that conforms to the schema.")


def _attempts(schema: AnySchema) -> Iterator[Any]:
    for turn in range(_ATTEMPTS):
        yield _Maker(schema, turn).make(schema)


class _Maker:
    """One walk over a schema.

    `nth` is passed down so that the items of an array with `uniqueItems` differ; `turn` rotates alternatives.
    """

    def __init__(self, root: AnySchema, turn: int) -> None:
        self.root = root
        self.turn = turn
        self.open_references: list[str] = []
        self.depth = 0

    def make(self, schema: AnySchema, nth: int = 0) -> Any:
        if isinstance(schema, bool):
            schema = {} if schema else {"enum": []}
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unsupported("The schema is too deep.")
        try:
            return self._one(schema, nth)
        finally:
            self.depth -= 1

    def _one(self, schema: Schema, nth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._listed(schema["enum"], nth)
        if "$ref" in schema:
            return self._referred(schema, nth)
        if "allOf" in schema:
            return self.make(_merged_all(schema), nth)
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                return self._first_possible(schema, keyword, nth)
        return self._typed(schema, nth)

    def _listed(self, values: list[Any], nth: int) -> Any:
        if not values:
            raise Unsupported("The schema allows no value.")
        return values[nth % len(values)]

    def _referred(self, schema: Schema, nth: int) -> Any:
        reference = schema["$ref"]
        if reference in self.open_references:
            raise Unsupported(f"The schema refers to itself without an end: {reference}")
        target = _pointed(self.root, reference)
        self.open_references.append(reference)
        try:
            return self.make(_merged(_without(schema, "$ref"), target), nth)
        finally:
            self.open_references.pop()

    def _first_possible(self, schema: Schema, keyword: str, nth: int) -> Any:
        branches = schema[keyword]
        base = _without(schema, keyword)
        fault = Unsupported("The schema allows no value.")
        for place in range(len(branches)):
            try:
                return self.make(_merged(base, branches[(place + self.turn) % len(branches)]), nth)
            except Unsupported as error:
                fault = error
        raise fault

    def _typed(self, schema: Schema, nth: int) -> Any:
        types = schema.get("type") or _hinted(schema)
        types = [types] if isinstance(types, str) else sorted(types, key=lambda name: name == "null")
        fault = Unsupported("The schema allows no value.")
        for name in types:
            try:
                return _MAKERS[name](self, schema, nth)
            except Unsupported as error:
                fault = error
        raise fault

    def object(self, schema: Schema, nth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        wanted = [name for name in properties if name in schema.get("required", ())]
        wanted += [name for name in schema.get("required", ()) if name not in properties]
        spare = iter([name for name in properties if name not in wanted])
        while len(wanted) < _size(schema, "minProperties"):
            wanted.append(next(spare, f"key{len(wanted) + 1}"))
        return {name: self.make(_property(schema, name), nth) for name in wanted}

    def array(self, schema: Schema, nth: int) -> list[Any]:
        size = _size(schema, "minItems")
        prefix = schema.get("prefixItems", [])
        items: list[Any] = [self.make(each, nth) for each in prefix]
        if "contains" in schema:
            items += [self.make(schema["contains"], at) for at in range(_size(schema, "minContains", 1))]
        while len(items) < size:
            items.append(self.make(schema.get("items", True), nth + len(items)))
        return items or self._one_item(schema, nth)

    def _one_item(self, schema: Schema, nth: int) -> list[Any]:
        if schema.get("maxItems", 1) < 1 or "items" not in schema:
            return []
        try:
            return [self.make(schema["items"], nth)]
        except Unsupported:
            return []

    def string(self, schema: Schema, nth: int) -> str:
        shortest, longest = _size(schema, "minLength"), schema.get("maxLength", _LARGEST)
        if "pattern" in schema:
            return matching(schema["pattern"], shortest)
        text = _FORMATS.get(schema.get("format", ""), "text") + (str(nth) if nth else "")
        text += "t" * (shortest - len(text))
        return text if len(text) <= longest else text[len(text) - int(longest) :]

    def integer(self, schema: Schema, nth: int) -> int:
        return int(_number({**schema, "multipleOf": schema.get("multipleOf", 1)}, nth))

    def number(self, schema: Schema, nth: int) -> float:
        value = _number(schema, nth)
        return int(value) if value.denominator == 1 else float(value)


def _boolean(maker: _Maker, schema: Schema, nth: int) -> bool:
    return nth % 2 == 0


def _null(maker: _Maker, schema: Schema, nth: int) -> None:
    return None


_MAKERS: Mapping[str, Callable[[_Maker, Schema, int], Any]] = MappingProxyType(
    {
        "object": _Maker.object,
        "array": _Maker.array,
        "string": _Maker.string,
        "integer": _Maker.integer,
        "number": _Maker.number,
        "boolean": _boolean,
        "null": _null,
    }
)


def _hinted(schema: Schema) -> str:
    return next((name for name, keywords in _TYPE_HINTS if any(word in schema for word in keywords)), "string")


def _size(schema: Schema, keyword: str, default: int = 0) -> int:
    size = int(schema.get(keyword, default))
    if size > _LARGEST:
        raise Unsupported(f"{keyword} is more than {_LARGEST}.")
    return size


def _property(schema: Schema, name: str) -> AnySchema:
    """The schema of a property: its own, that of a pattern its name matches, or that of the others."""
    own: AnySchema | None = schema.get("properties", {}).get(name)
    if own is not None:
        return own
    for pattern, matched in schema.get("patternProperties", {}).items():
        if re.search(pattern, name):
            found: AnySchema = matched
            return found
    others: AnySchema = schema.get("additionalProperties", True)
    return others


def _fraction(value: float) -> Fraction:
    return Fraction(str(value))  # by its decimal digits: 0.1 means a tenth


def _number(schema: Schema, nth: int) -> Fraction:
    """The `nth` number in steps of `multipleOf`: up from the lower bound or zero, down from an upper bound below it."""
    step = _fraction(schema.get("multipleOf", 1))
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", min)
    if low is None:
        return _from_zero_or_below(step, high, high_open=high_open, nth=nth)
    value = math.ceil(low / step) * step
    value += (nth + (value == low and low_open)) * step
    too_high = high is not None and (value > high or (value == high and high_open))
    if high is not None and too_high and "multipleOf" not in schema:
        return (low + high) / 2  # a range narrower than the step
    return value


def _from_zero_or_below(step: Fraction, high: Fraction | None, *, high_open: bool, nth: int) -> Fraction:
    if high is None:
        return nth * step
    if high > 0 or (high == 0 and not high_open):
        return -nth * step
    value = math.floor(high / step) * step
    return value - (nth + (value == high and high_open)) * step


def _bound(
    schema: Schema, closed: str, opened: str, tightest: Callable[[list[tuple[Fraction, bool]]], tuple[Fraction, bool]]
) -> tuple[Fraction | None, bool]:
    """The tightest bound and whether it is excluded itself."""
    bounds = [(_fraction(schema[name]), name == opened) for name in (closed, opened) if name in schema]
    return tightest(bounds) if bounds else (None, False)


def _pointed(root: AnySchema, reference: str) -> AnySchema:
    """What a JSON pointer such as `#/$defs/name` points to, always from the root of the schema."""
    if reference != "#" and not reference.startswith("#/"):
        raise Unsupported(f"Only references by JSON pointer are followed: {reference}")
    target: Any = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(name)] if isinstance(target, list) else target[name]
        except (LookupError, ValueError, TypeError):
            raise Unsupported(f"The reference leads nowhere: {reference}") from None
    found: AnySchema = target
    return found


def _without(schema: Schema, keyword: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != keyword}


def _merged_all(schema: Schema) -> Schema:
    merged: Schema = _without(schema, "allOf")
    for each in schema["allOf"]:
        merged = _merged(merged, each)
    return merged


def _merged(base: Schema, other: AnySchema) -> Schema:
    """A schema that asks for both. `$ref` is kept: it is followed in the next step."""
    if isinstance(other, bool):
        return base if other else {"enum": []}
    merged = dict(base)
    for key, value in other.items():
        merged[key] = _JOINS[key](merged[key], value) if key in merged and key in _JOINS else value
    return merged


def _joined_properties(first: Schema, second: Schema) -> Schema:
    return {
        **first,
        **{key: {"allOf": [first[key], value]} if key in first else value for key, value in second.items()},
    }


def _in_both(first: list[Any], second: list[Any]) -> list[Any]:
    return [value for value in first if value in second]


def _common_types(first: Any, second: Any) -> list[Any]:
    """The types that both allow; every integer is a number."""
    ours, theirs = ([each] if isinstance(each, str) else list(each) for each in (first, second))
    common = [name for name in ours if name in theirs or (name == "integer" and "number" in theirs)]
    return common + [name for name in theirs if name == "integer" and "number" in ours and name not in common]


_JOINS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "properties": _joined_properties,
        "required": lambda first, second: [*first, *(name for name in second if name not in first)],
        "enum": _in_both,
        "type": _common_types,
        "allOf": lambda first, second: [*first, *second],
        "anyOf": lambda first, second: first,
        **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
        **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    }
)
