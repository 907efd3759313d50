"""The sums of requests that were just added to SQLite, made of groups of those that are alike.

They are what the statements of `rollups` would find, for a fiftieth of the work: SQLite would read the rows back, and
sort them by all their keys, for each of six tables. Here, what a group shares is looked at once, and the sums of days
are made of those of hours.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add, itemgetter
from typing import Any, TypeVar

from sqlalchemy import String

from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE, LEFT, REFUSED
from proxy.storage.groups import OWN, SHARED, Group, Row
from proxy.storage.ledger_schema import CHANGES_HOURLY, DIMENSIONS, SUMS
from proxy.storage.rollups import CHANGED, COUNTED, HOUR, SPEED, RollUp

T = TypeVar("T")

HOUR_US = HOUR * 1_000_000
INDEX = re.compile(r"\[[0-9]+\]")
FIELD, VERDICT = (_length.type.length for _length in (CHANGES_HOURLY.c.field, CHANGES_HOURLY.c.verdict)
                  if isinstance(_length.type, String))  # fmt: skip
"""Characters of what the sums of changes are kept apart by."""

_ADDED = tuple(OWN.index(name) for name in SUMS if name not in COUNTED)
_STARTED, _KEY, _COST, _DURATION_BIN, _FIRST_TOKEN_BIN = map(
    OWN.index, ("started_us", "key_id", "cost_micros", "duration_bin", "first_token_bin")
)
_STATUS, _STREAM, _STREAM_END, _SOURCE = map(SHARED.index, ("status", "stream", "stream_end", "source"))
_KNOWN = ("key_id", *SHARED)
_dimensions, _speed, _changed = (
    itemgetter(*(_KNOWN.index(name) for name in keys if name in _KNOWN)) for keys in (DIMENSIONS, SPEED, CHANGED)
)
"""Of a key and what is shared, what the sums are kept apart by."""


class Sums:
    """What is to be added to the roll-ups."""

    def __init__(self) -> None:
        self._usage: dict[Row, list[int]] = {}
        self._speed: Counter[Row] = Counter()
        self._changed: Counter[Row] = Counter()

    def add(self, group: Group) -> None:
        """Requests that are new."""
        for bucket, of_hour in _apart(group.own, _hours(group.own[_STARTED])):
            for key, own in _apart(of_hour, of_hour[_KEY]):
                known = (key, *group.shared)
                self._add_usage((bucket, *_dimensions(known)), group.shared, own)
                self._add_speed((bucket, *_speed(known)), group.shared, own)
                self._add_changes((bucket, *_changed(known)), group.changes, len(own[0]))

    def rows(self, rollup: RollUp) -> list[Row]:
        """Those of one table, in the order of their keys."""
        if rollup.keys == SPEED:
            return sorted((*key, times) for key, times in _wider(self._speed, rollup.seconds, add).items())
        if rollup.keys == CHANGED:
            return sorted((*key, times) for key, times in _wider(self._changed, rollup.seconds, add).items())
        return sorted((*key, *sums) for key, sums in _wider(self._usage, rollup.seconds, _both).items())

    def _add_usage(self, key: Row, shared: Row, own: list[Row]) -> None:
        sums = [*_counted(shared, own), *(sum(filter(None, own[place])) for place in _ADDED)]
        before = self._usage.get(key)
        self._usage[key] = sums if before is None else _both(before, sums)

    def _add_speed(self, key: Row, shared: Row, own: list[Row]) -> None:
        if shared[_STATUS] >= REFUSED or shared[_STREAM_END] not in {"", COMPLETE}:
            return
        for measure, column in (("duration", own[_DURATION_BIN]), ("first_token", own[_FIRST_TOKEN_BIN])):
            for number, times in Counter(column).items():
                if number is not None:
                    self._speed[*key, measure, number] += times

    def _add_changes(self, key: Row, changes: tuple[tuple[str, str], ...], times: int) -> None:
        for field, verdict in {(INDEX.sub("[]", pair[0])[:FIELD], pair[1][:VERDICT]) for pair in changes}:
            self._changed[*key, field, verdict] += times


def addition(rollup: RollUp) -> str:
    """The statement that adds rows to a roll-up."""
    table, keys = rollup.table.name, ("bucket", *rollup.keys)
    names = (*keys, *rollup.sums)
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in rollup.sums)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names of ours
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
    )


def _counted(shared: Row, own: list[Row]) -> tuple[int, ...]:
    """What is no sum of a column, in the order of `rollups.COUNTED`; see there what each means."""
    status, end, number = shared[_STATUS], shared[_STREAM_END], len(own[0])
    aborted = end in {ABORTED, LEFT} or status == CLIENT_CLOSED
    broken = 0 < status < REFUSED and end not in {"", COMPLETE, LEFT, ABORTED}
    unpriced = own[_COST].count(None) if shared[_SOURCE] != "none" else 0
    return number, number * shared[_STREAM], number * aborted, number * broken, unpriced


def _both(one: list[int], other: list[int]) -> list[int]:
    return list(map(add, one, other))


def _wider(sums: Mapping[Row, Any], seconds: int, together: Callable[[Any, Any], Any]) -> Mapping[Row, Any]:
    """The same by buckets of so many seconds."""
    if seconds == HOUR:
        return sums
    found: dict[Row, Any] = {}
    for (bucket, *rest), value in sums.items():
        key = (_bucket(bucket, seconds), *rest)
        found[key] = together(found[key], value) if key in found else value
    return found


def _hours(times: Row) -> Sequence[int]:
    """The hour of each time, in Unix seconds. Nearly always they are all of one."""
    first, last = (_bucket(time, HOUR_US) // 1_000_000 for time in (min(times), max(times)))
    return [first] * len(times) if first == last else [_bucket(time, HOUR_US) // 1_000_000 for time in times]


def _apart(own: list[Row], by: Sequence[T]) -> Iterator[tuple[T, list[Row]]]:
    """The columns of the rows that have the same value in `by`, for each of these values."""
    if by.count(by[0]) == len(by):
        yield by[0], own
        return
    apart: dict[T, list[Row]] = {}
    for value, row in zip(by, zip(*own, strict=True), strict=True):
        apart.setdefault(value, []).append(row)
    for value, rows in apart.items():
        yield value, list(zip(*rows, strict=True))


def _bucket(time: int, width: int) -> int:
    """When the bucket of a time began; before 1970, when it ended, as SQL divides."""
    return time // width * width if time >= 0 else -(-time // width * width)
