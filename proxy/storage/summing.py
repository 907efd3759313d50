"""The sums of requests that were just added to SQLite, made of groups of those that are alike.

They are what the statements of `rollups` would find, for a fiftieth of the work: SQLite would read the rows back, and
sort them by all their keys, for each of six tables. Here, what a group shares is looked at once, and the sums of days
are made of those of hours.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import add, itemgetter
from typing import Any

from sqlalchemy import String

from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import CLIENT_CLOSED, COMPLETE, LEFT, REFUSED
from proxy.storage.groups import OWN, SHARED, Group, Row
from proxy.storage.ledger_schema import CHANGES_HOURLY, DIMENSIONS, SUMS
from proxy.storage.rollups import CHANGED, COUNTED, HOUR, SPEED, RollUp

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
_usage_of, _speed_of, _changes_of = (
    itemgetter(*(SHARED.index(name) for name in keys if name in SHARED)) for keys in (DIMENSIONS, SPEED, CHANGED)
)
"""Of what a group shares, what the sums are kept apart by: the tenant, and all that follows the key."""

Found = dict[Row, Any]
"""Sums by bucket, key and whatever is not shared: several in a row, or one that is counted."""


class Sums:
    """What is to be added to the roll-ups."""

    def __init__(self) -> None:
        self._usage: defaultdict[Row, Found] = defaultdict(dict)
        self._speed: defaultdict[Row, Counter[Row]] = defaultdict(Counter)
        self._changed: defaultdict[Row, Counter[Row]] = defaultdict(Counter)
        self._by: Mapping[tuple[str, ...], Mapping[Row, Found]] = {
            DIMENSIONS: self._usage, SPEED: self._speed, CHANGED: self._changed,
        }  # fmt: skip

    def add(self, group: Group) -> None:
        """Requests that are new."""
        who = list(zip(_hours(group.own[_STARTED]), group.own[_KEY], strict=True))
        times = {who[0]: len(who)} if who.count(who[0]) == len(who) else Counter(who)
        alone = len(times) == 1
        self._add_usage(who, group, alone=alone)
        self._add_speed(who, group, alone=alone)
        for field, verdict in {(INDEX.sub("[]", pair[0])[:FIELD], pair[1][:VERDICT]) for pair in group.changes}:
            self._changed[*_changes_of(group.shared), field, verdict].update(times)

    def rows(self, rollup: RollUp) -> Iterator[Row]:
        """Those of one table, a key once. In the order of their keys, for SQLite finds their places faster then."""
        for (tenant, *rest), found in self._by[rollup.keys].items():
            for (bucket, key, *more), sums in sorted(_wider(found, rollup.seconds).items()):
                yield (bucket, tenant, key, *rest, *more, *(sums if type(sums) is tuple else (sums,)))

    def _add_usage(self, who: list[Row], group: Group, *, alone: bool) -> None:
        """`who`: the hour and the key of each; `alone`: they are all the same."""
        found = self._usage[_usage_of(group.shared)]
        columns = _counted(group.shared, group.own)
        for place in _ADDED:
            column = group.own[place]
            columns.append([value or 0 for value in column] if None in column else column)
        if alone:
            columns, who = [(sum(column),) for column in columns], who[:1]
        for each, values in zip(who, zip(*columns, strict=True), strict=True):
            found[each] = _both(found[each], values) if each in found else values

    def _add_speed(self, who: list[Row], group: Group, *, alone: bool) -> None:
        """As `_add_usage`."""
        shared, own = group.shared, group.own
        if shared[_STATUS] >= REFUSED or shared[_STREAM_END] not in {"", COMPLETE}:
            return
        found = self._speed[_speed_of(shared)]
        for measure, bins in (("duration", own[_DURATION_BIN]), ("first_token", own[_FIRST_TOKEN_BIN])):
            if alone:
                for bin_, times in Counter(bins).items():
                    if bin_ is not None:
                        found[*who[0], measure, bin_] += times
            else:
                found.update((*each, measure, bin_) for each, bin_ in zip(who, bins, strict=True) if bin_ is not None)


def addition(rollup: RollUp, number: int) -> str:
    """The statement that adds so many rows to a roll-up."""
    table, keys = rollup.table.name, ("bucket", *rollup.keys)
    names = (*keys, *rollup.sums)
    row = f"({', '.join('?' * len(names))})"
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in rollup.sums)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join([row] * number)}"  # noqa: S608 - names of ours
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
    )


def _counted(shared: Row, own: list[Row]) -> list[Sequence[int]]:
    """The columns of what is counted, in the order of `rollups.COUNTED`; see there what each means."""
    status, end, number = shared[_STATUS], shared[_STREAM_END], len(own[0])
    aborted = end in {ABORTED, LEFT} or status == CLIENT_CLOSED
    broken = 0 < status < REFUSED and end not in {"", COMPLETE, LEFT, ABORTED}
    unpriced = [cost is None for cost in own[_COST]] if shared[_SOURCE] != "none" else (0,) * number
    return [*((value,) * number for value in (1, shared[_STREAM], int(aborted), int(broken))), unpriced]


def _both(one: Row, other: Row) -> Row:
    return tuple(map(add, one, other))


def _wider(found: Found, seconds: int) -> Found:
    """The same by buckets of so many seconds."""
    if seconds == HOUR:
        return found
    wider: Found = {}
    plus: Callable[[Any, Any], Any] = add if isinstance(found, Counter) else _both
    for (hour, *rest), value in found.items():
        key = (_bucket(hour, seconds), *rest)
        wider[key] = plus(wider[key], value) if key in wider else value
    return wider


def _hours(times: Row) -> Sequence[int]:
    """The hour of each time, in Unix seconds. Nearly always they are all of one."""
    first, last = (_bucket(time, HOUR_US) // 1_000_000 for time in (min(times), max(times)))
    return [first] * len(times) if first == last else [_bucket(time, HOUR_US) // 1_000_000 for time in times]


def _bucket(time: int, width: int) -> int:
    """When the bucket of a time began; before 1970, when it ended, as SQL divides."""
    return time // width * width if time >= 0 else -(-time // width * width)
