"""Faults of a request against `schema`, as FastAPI and pydantic tell them: `{loc, msg, type}`, all of them at once.

Strict like the schema: a number in quotes is no number, and `null` is no value unless the schema says so.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from proxy.emulator import schema
from proxy.emulator.schema import Kind

Location = tuple[str | int, ...]
Fault = dict[str, Any]

BODY: Location = ("body",)


def fault(loc: Location, kind: str, message: str) -> Fault:
    """One fault."""
    return {"loc": list(loc), "msg": message, "type": kind}


def decode(data: bytes) -> tuple[Any, list[Fault]]:
    """The JSON of a request body, or the one fault that FastAPI reports where it is none."""
    if not data.strip():
        return None, [fault(BODY, "missing", "Field required")]
    try:
        return orjson.loads(data), []
    except orjson.JSONDecodeError as error:
        return None, [fault((*BODY, error.pos), "json_invalid", "JSON decode error")]


def faults(kind: Kind, value: Any, loc: Location = BODY) -> list[Fault]:
    """Every fault of a value, empty where there is none."""
    return _CHECKS[type(kind)](kind, value, loc)


def _quoted(choices: tuple[str, ...]) -> str:
    names = [f"'{choice}'" for choice in choices]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _text(kind: schema.Text, value: Any, loc: Location) -> list[Fault]:
    if kind.choices:
        if value in kind.choices:
            return []
        return [fault(loc, "literal_error", f"Input should be {_quoted(kind.choices)}")]
    if isinstance(value, str):
        return []
    return [fault(loc, "string_type", "Input should be a valid string")]


def _whole(kind: schema.Whole, value: Any, loc: Location) -> list[Fault]:
    if isinstance(value, bool) or not isinstance(value, int):
        return [fault(loc, "int_type", "Input should be a valid integer")]
    return _bounds(kind, value, loc)


def _decimal(kind: schema.Decimal, value: Any, loc: Location) -> list[Fault]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [fault(loc, "float_type", "Input should be a valid number")]
    return _bounds(kind, value, loc)


def _bounds(kind: schema.Whole | schema.Decimal, value: float, loc: Location) -> list[Fault]:
    if kind.low is not None and value < kind.low:
        return [fault(loc, "greater_than_equal", f"Input should be greater than or equal to {kind.low}")]
    if kind.high is not None and value > kind.high:
        return [fault(loc, "less_than_equal", f"Input should be less than or equal to {kind.high}")]
    return []


def _flag(kind: schema.Flag, value: Any, loc: Location) -> list[Fault]:
    return [] if isinstance(value, bool) else [fault(loc, "bool_type", "Input should be a valid boolean")]


def _any_object(kind: schema.AnyObject, value: Any, loc: Location) -> list[Fault]:
    return [] if isinstance(value, dict) else [fault(loc, "dict_type", "Input should be a valid dictionary")]


def _list(kind: schema.ListOf, value: Any, loc: Location) -> list[Fault]:
    if not isinstance(value, list):
        return [fault(loc, "list_type", "Input should be a valid list")]
    if kind.at_most is not None and len(value) > kind.at_most:
        message = f"List should have at most {kind.at_most} items after validation, not {len(value)}"
        return [fault(loc, "too_long", message)]
    return [each for index, item in enumerate(value) for each in faults(kind.item, item, (*loc, index))]


def _record(kind: schema.Record, value: Any, loc: Location) -> list[Fault]:
    if not isinstance(value, dict):
        return [_no_object(loc)]
    found = [fault((*loc, name), "missing", "Field required") for name in kind.required if name not in value]
    for name, inner in value.items():
        if name in kind.fields:
            found += faults(kind.fields[name], inner, (*loc, name))
        elif kind.closed:
            found.append(fault((*loc, name), "extra_forbidden", "Extra inputs are not permitted"))
    return found


def _no_object(loc: Location) -> Fault:
    message = "Input should be a valid dictionary or object to extract fields from"
    return fault(loc, "model_attributes_type", message)


def _either(kind: schema.Either, value: Any, loc: Location) -> list[Fault]:
    """No fault if a branch has none; else the faults of every branch, as pydantic tells them."""
    found = [faults(branch, value, (*loc, label)) for label, branch in kind.branches]
    return [one for each in found for one in each] if all(found) else []


def _tagged(kind: schema.Tagged, value: Any, loc: Location) -> list[Fault]:
    if not isinstance(value, dict):
        return [_no_object(loc)]
    if kind.tag not in value:
        return [fault(loc, "union_tag_not_found", f"Unable to extract tag using discriminator '{kind.tag}'")]
    tag = value[kind.tag]
    if not isinstance(tag, str) or tag not in kind.records:
        expected = ", ".join(f"'{name}'" for name in kind.records)
        message = f"Input tag '{tag}' found using '{kind.tag}' does not match any of the expected tags: {expected}"
        return [fault(loc, "union_tag_invalid", message)]
    return faults(kind.records[tag], value, (*loc, tag))


def _nullable(kind: schema.Nullable, value: Any, loc: Location) -> list[Fault]:
    return [] if value is None else faults(kind.kind, value, loc)


_CHECKS: Mapping[type, Callable[[Any, Any, Location], list[Fault]]] = MappingProxyType(
    {
        schema.Text: _text,
        schema.Whole: _whole,
        schema.Decimal: _decimal,
        schema.Flag: _flag,
        schema.AnyObject: _any_object,
        schema.ListOf: _list,
        schema.Record: _record,
        schema.Either: _either,
        schema.Tagged: _tagged,
        schema.Nullable: _nullable,
    }
)
