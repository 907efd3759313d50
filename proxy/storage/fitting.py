"""What fits into a column, the same for both databases.

SQLite takes text of any length where PostgreSQL stops; neither takes a number beyond 64 bits, nor, one or the other,
text with a NUL or half a surrogate pair. A value that does not fit is the caller's fault and told before the database
sees it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table

from proxy.errors import InvalidRequest

BITS = {BigInteger: 63, Integer: 31}


def expect_fit(table: Table, row: Mapping[str, Any]) -> None:
    """Raises InvalidRequest, its `param` the column, where a value does not fit."""
    for name, value in row.items():
        if (fault := _fault(table.c[name], value)) is not None:
            raise InvalidRequest(f"{name} {fault}.", param=name)


def _fault(column: "Column[Any]", value: Any) -> str | None:
    if isinstance(value, str):
        longest = column.type.length if isinstance(column.type, String) else None
        if longest is not None and len(value) > longest:
            return f"is longer than {longest} characters"
        return _odd(value)
    if isinstance(value, int) and not isinstance(value, bool):
        bits = BITS[BigInteger if isinstance(column.type, BigInteger) else Integer]
        return None if -(1 << bits) <= value < 1 << bits else "is too large a number"
    return next(filter(None, map(_odd, _texts(value))), None)


def _odd(text: str) -> str | None:
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not Unicode text"
    return None


def _texts(value: Any) -> "list[str]":
    """Every text inside a JSON value, names included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list | tuple) else []
