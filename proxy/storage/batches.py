"""A batch of requests on its way into the database.

PostgreSQL gets one JSON text and takes it apart itself, in a process and mostly on a machine of its own. SQLite works
in ours, and takes its time for JSON: its rows are taken apart here, and bound (`groups`).
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Column, String

from proxy import codec
from proxy.accounts.entries import COLUMNS
from proxy.storage.json_sql import POSTGRESQL
from proxy.storage.ledger_schema import REQUESTS

STRANGE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
ESCAPE = re.compile(
    r"\\(?:u(?P<nul>0000)|u(?P<pair>d[89ab]..\\ud[c-f]..)|u(?P<half>d[89a-f]..)|.)", re.IGNORECASE | re.DOTALL
)
"""Any escape in a JSON text, so that an escaped backslash is not taken for the beginning of another one."""
REPLACEMENT = "\\ufffd"


def document(rows: Sequence[bytes]) -> str:
    """The rows as one JSON list.

    PostgreSQL takes no text with a NUL, and neither database gives back half a surrogate pair: these become U+FFFD, as
    do bytes that are no UTF-8.
    """
    text = (b"[" + b",".join(rows) + b"]").decode(errors="replace")
    return ESCAPE.sub(_clean, text) if STRANGE.search(text) else text


def _clean(escape: "re.Match[str]") -> str:
    return REPLACEMENT if escape["nul"] or escape["half"] else escape[0]


LISTS = tuple(index for index, name in enumerate(COLUMNS) if isinstance(REQUESTS.c[name].type, JSON))
"""Places of the columns that hold lists and maps."""


def values(rows: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """The rows as `entries.entry` makes them. Raises ValueError for one that is no list of all columns."""
    found = []
    for row in codec.decode(document(rows)):
        if not isinstance(row, list) or len(row) < len(COLUMNS):
            raise ValueError("a row is no list of all columns")
        for index in LISTS:
            row[index] = _fixed(row[index])
        found.append(tuple(row[: len(COLUMNS)]))
    return found


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def unpacking() -> str:
    """The statement that adds the list `:rows` to `requests`, where they are not there, on PostgreSQL.

    In the order of their ids: two transactions that add the same requests in other orders would wait for each other.
    """
    columns = (REQUESTS.c[name] for name in COLUMNS)
    items = (_cut(POSTGRESQL.item("given.value", index, column.type), column) for index, column in enumerate(columns))
    listed = ",\n    ".join(items)
    source = f"SELECT\n    {listed}\nFROM {POSTGRESQL.each('given', ':rows')}\nORDER BY 1, 2, given.key"
    return f"INSERT INTO requests ({', '.join(COLUMNS)})\n{source}\nON CONFLICT DO NOTHING"


def _cut(value: str, column: "Column[Any]") -> str:
    kind = column.type
    return f"substr({value}, 1, {kind.length})" if isinstance(kind, String) else value
