"""Requests that are alike, for SQLite: what they have in common is bound once for many of them.

SQLite works in our process, and of what it takes to add a row most is the binding of its forty values one by one. An
app's requests differ in few of them, though. So a batch is put in groups of those that agree in the columns that say
what was asked for and how it ended (SHARED); a statement takes those of a group once, and the others (OWN) of up to 64
rows. The sums of a group need no further look at what its rows share (`summing`), and go to SQLite some at a time, too.

SQLite keeps whatever it is given in whatever column. So it is here that a value of another kind is refused, as
PostgreSQL does, and that what is too long is cut.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, Integer, String

from proxy import codec
from proxy.accounts.entries import COLUMNS
from proxy.storage.ledger_schema import REQUESTS

Row = tuple[Any, ...]

SHARED = (
    *("tenant", "endpoint", "model_asked", "model", "provider", "service_tier", "region"),
    *("status", "error_code", "stream", "stream_end", "source", "price"),
    *("retries", "repairs", "changes", "violations", "client"),
)
"""Columns that many requests of a batch agree in. The key is none: there may be thousands, all in use."""
OWN = tuple(name for name in COLUMNS if name not in SHARED)
SIZES = (64, 16, 4, 1)
"""Rows that one statement adds. For each statement SQLite's thread and the event loop change places twice; with more
than 64 rows that saves nothing any more."""

OTHER_KIND = "a value is of another kind than its column"

_id_of: Callable[[Row], Row] = itemgetter(*map(COLUMNS.index, ("id", "started_us")))
_shared_of: Callable[[Row], Row] = itemgetter(*map(COLUMNS.index, SHARED))
_SHARED_AT, _OWN_AT = ([COLUMNS.index(name) for name in names] for names in (SHARED, OWN))


class Rule(NamedTuple):
    """What a column takes.

    Attributes:
        kinds: of values, exactly these.
        length: of texts at most, 0 for others.
        json: it is kept as JSON.
    """

    kinds: frozenset[type]
    length: int = 0
    json: bool = False


def _rule(column: "Column[Any]") -> Rule:
    kind = column.type
    if isinstance(kind, JSON):
        return Rule(frozenset({tuple, dict}), json=True)
    if isinstance(kind, String):
        return Rule(frozenset({str}), length=kind.length or 0)
    if not isinstance(kind, Integer):
        raise TypeError(f"{column.name}: nobody has said what it takes")
    return Rule(frozenset({int, type(None)}) if column.nullable else frozenset({int}))


RULES = {name: _rule(REQUESTS.c[name]) for name in COLUMNS}
_SHARED_RULES, _OWN_RULES = ([RULES[name] for name in names] for names in (SHARED, OWN))


class Group(NamedTuple):
    """Requests that are alike.

    Attributes:
        shared: what they share, in the order of SHARED, as SQLite binds it.
        changes: of it, what was changed: pairs.
        own: the values of each column of OWN.
    """

    shared: Row
    changes: tuple[tuple[str, str], ...]
    own: list[Row]

    def bound(self) -> Iterator[tuple[int, Row]]:
        """What `insertion` binds, for so many rows at a time."""
        return ((size, (*self.shared, *values)) for size, values in together(list(zip(*self.own, strict=True))))


def together(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """The values of so many rows at a time as one row, for a statement that takes as many (SIZES)."""
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            yield size, tuple(chain.from_iterable(rows[at : at + size]))
            at += size


class Neighbours:
    """Rows (in the order of COLUMNS), brought into an order in which those that are alike stand beside each other."""

    def __init__(self) -> None:
        self._alike: dict[Row, list[Row]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Further rows. Raises ValueError where a value is of no kind that its column takes."""
        with _comparing():
            for row in rows:
                self._alike.setdefault(_shared_of(row), []).append(row)

    def rows(self) -> list[Row]:
        """All of them."""
        return list(chain.from_iterable(self._alike.values()))


def groups(rows: Sequence[Row]) -> list[Group]:
    """The rows (in the order of COLUMNS) in groups; one that is there twice as it came first.

    Raises ValueError where a value is of no kind that its column takes.
    """
    with _comparing():
        if len({row[0] for row in rows}) < len(rows):
            rows = list({_id_of(row): row for row in reversed(rows)}.values())
    columns = list(zip(*rows, strict=True))
    apart = [column for column in map(columns.__getitem__, _SHARED_AT) if column.count(column[0]) < len(rows)]
    if not apart:
        return [_group(columns)]
    found: dict[Row, list[Row]] = {}
    with _comparing():
        for row, differing in zip(rows, zip(*apart, strict=True), strict=True):
            found.setdefault(differing, []).append(row)
    return [_group(list(zip(*alike, strict=True))) for alike in found.values()]


@contextmanager
def _comparing() -> Iterator[None]:
    try:
        yield
    except TypeError:  # a list or a map, where none belongs
        raise ValueError(OTHER_KIND) from None


_CHANGES = SHARED.index("changes")


def _group(columns: list[Row]) -> Group:
    shared = [columns[place][0] for place in _SHARED_AT]
    changes = shared[_CHANGES]
    if type(changes) is not tuple or not all(_is_change(pair) for pair in changes):
        raise ValueError("changes are pairs of texts")
    bound = [_column(rule, (value,))[0] for rule, value in zip(_SHARED_RULES, shared, strict=True)]
    own = [_column(rule, columns[place]) for rule, place in zip(_OWN_RULES, _OWN_AT, strict=True)]
    return Group(tuple(bound), changes, own)


def _is_change(pair: Any) -> bool:
    return type(pair) is tuple and len(pair) > 1 and type(pair[0]) is str and type(pair[1]) is str


def _column(rule: Rule, values: Row) -> Row:
    """The values of a column, as SQLite binds them."""
    if not rule.kinds.issuperset(set(map(type, values))):
        raise ValueError(OTHER_KIND)
    if rule.json:
        return tuple(codec.encode_text(value) if value else EMPTY[type(value)] for value in values)
    if rule.length and max(map(len, values)) > rule.length:
        return tuple(value[: rule.length] for value in values)
    return values


EMPTY: dict[type, str] = {tuple: "[]", dict: "{}"}


def insertion(size: int) -> str:
    """The statement that adds so many rows of a group to `requests`, where they are not there.

    Its places have no numbers, by which each row could name what it shares: from Python 3.14 on the driver refuses them
    (https://docs.python.org/3.12/whatsnew/3.12.html#deprecated).
    """
    shared, own = (", ".join("?" * len(names)) for names in (SHARED, OWN))
    rows = ", ".join(f"({own})" for _ in range(size))
    return (
        f"INSERT INTO requests ({', '.join((*SHARED, *OWN))}) "  # noqa: S608 - only names of ours
        f"SELECT * FROM (SELECT {shared}) CROSS JOIN (VALUES {rows}) WHERE true ON CONFLICT DO NOTHING"
    )
