"""JSON in SQL, in the words of either database, so that a statement is written once.

A list comes as rows of `value` and `key` (its index); `item` takes one item of a value that is a list.
SQLite: https://www.sqlite.org/json1.html, PostgreSQL: https://www.postgresql.org/docs/current/functions-json.html.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import JSON, Integer
from sqlalchemy.types import TypeEngine

Kind = TypeEngine[Any]
"""The type of a column."""


class JsonSql(NamedTuple):
    """The words of one database.

    Attributes:
        each: (name, list) -> a source of rows called `name`, one for each item.
        item: (list, index, type) -> an item as the value of a column: a number, JSON, or text.
        text: JSON as text that can be compared.
        without_indices: path -> `messages[].content[].type` of `messages[3].content[0].type`.
    """

    each: Callable[[str, str], str]
    item: Callable[[str, int, Kind], str]
    text: Callable[[str], str]
    without_indices: Callable[[str], str]


def _sqlite_each(name: str, value: str) -> str:
    return f"json_each({value}) AS {name}"


def _sqlite_item(value: str, index: int, kind: Kind) -> str:
    # The JSON decides about the type; columns that hold numbers check it. `->>` came only with 3.38.
    return f"json_extract({value}, '$[{index}]')"


def _sqlite_text(value: str) -> str:
    return value


def _sqlite_without_indices(path: str) -> str:
    # There are no regular expressions. The path is cut at each `[` into a JSON list of pieces; a piece that begins with
    # digits and `]` loses the digits; and the pieces are put together again.
    pieces = f"json_each('[' || replace(json_quote({path}), '[', '\",\"') || ']')"
    bare = "ltrim(value, '0123456789')"
    return f"(SELECT group_concat(iif(key > 0 AND {bare} LIKE ']%', {bare}, value), '[') FROM {pieces})"  # noqa: S608 - only words of ours


def _postgresql_each(name: str, value: str) -> str:
    # jsonb is parsed once, and its items are found without looking at the others
    return f"jsonb_array_elements(CAST({value} AS jsonb)) WITH ORDINALITY AS {name}(value, key)"


def _postgresql_item(value: str, index: int, kind: Kind) -> str:
    if isinstance(kind, JSON):
        return f"CAST(nullif({value} -> {index}, 'null') AS json)"
    text = f"{value} ->> {index}"
    return f"CAST({text} AS {kind.compile()})" if isinstance(kind, Integer) else text


def _postgresql_text(value: str) -> str:
    return f"CAST({value} AS text)"


def _postgresql_without_indices(path: str) -> str:
    return f"regexp_replace({path}, '\\[[0-9]+\\]', '[]', 'g')"


SQLITE = JsonSql(_sqlite_each, _sqlite_item, _sqlite_text, _sqlite_without_indices)
POSTGRESQL = JsonSql(_postgresql_each, _postgresql_item, _postgresql_text, _postgresql_without_indices)
