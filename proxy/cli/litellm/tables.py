"""An export of LiteLLM's table of keys: JSON as its API and Postgres give it, or CSV as `COPY` writes it."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from proxy import codec

Row = dict[str, Any]

LISTS = frozenset({"models", "allowed_cache_controls", "allowed_routes", "policies", "access_group_ids"})
OBJECTS = frozenset({
    "aliases", "config", "router_settings", "permissions", "metadata", "model_spend", "model_max_budget",
    "budget_limits", "litellm_budget_table",
})  # fmt: skip
NUMBERS = frozenset({
    "spend", "max_budget", "soft_budget", "tpm_limit", "rpm_limit", "max_parallel_requests", "rotation_count",
})  # fmt: skip
SWITCHES = frozenset({"blocked", "soft_budget_cooldown", "auto_rotate"})
TRUE = frozenset({"t", "true", "1"})
WRAPPERS = ("keys", "data")


class Unreadable(ValueError):
    """The file is no such export."""


def read_rows(data: bytes) -> list[Row]:
    """Every row. Raises Unreadable, which never repeats what stands in the file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    return _json(text) if text.lstrip()[:1] in {"[", "{"} else _csv(text)


def _json(text: str) -> list[Row]:
    try:
        value = codec.decode(text)
    except codec.NotJson as fault:
        raise Unreadable(f"it is not JSON (line {fault.line}, column {fault.column})") from None
    if isinstance(value, dict):
        value = next((value[name] for name in WRAPPERS if isinstance(value.get(name), list)), [value])
    if not all(isinstance(each, dict) for each in value):
        raise Unreadable("a list of objects is expected")
    return [{name: _opened(name, each) for name, each in row.items()} for row in value]


def _opened(name: str, value: Any) -> Any:
    """JSON within JSON, as some exports have it."""
    return _value(name, value) if isinstance(value, str) and name in OBJECTS | LISTS else value


def _csv(text: str) -> list[Row]:
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error:
        raise Unreadable("it is neither JSON nor CSV") from None
    if rows and "token" not in rows[0]:
        raise Unreadable("it is neither JSON nor CSV with a column `token` in its first line")
    if any(None in row or None in row.values() for row in rows):  # DictReader's sign of a line of another length
        raise Unreadable("its lines have different numbers of columns")
    return [{name: _value(name, value) for name, value in row.items()} for row in rows]


def _value(name: str, text: str) -> Any:
    """A cell as what its column holds; text that is nothing of the kind stays text."""
    if text in {"", "\\N", "NULL"}:
        return None
    if name in SWITCHES:
        return text.lower() in TRUE
    if name in NUMBERS:
        return _number(text)
    if name in LISTS and text.startswith("{"):
        return _array(text)
    if name in LISTS | OBJECTS:
        try:
            return codec.decode(text)
        except codec.NotJson:
            return text
    return text


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _array(text: str) -> list[str]:
    """An array of texts as Postgres writes it: `{a,"b,c"}`."""
    inner = text.removeprefix("{").removesuffix("}")
    if not inner:
        return []
    return next(csv.reader([inner], escapechar="\\"))


def shown(row: Mapping[str, Any]) -> str:
    """Which key a row is about, for people: nothing that opens anything."""
    name = row.get("key_alias") or row.get("key_name")
    return str(name)[:100] if name else f"digest {str(row.get('token'))[:8]}"
