"""What the ledger is asked: sums over time, percentiles, what apps send in vain, single requests.

Sums come from the tables by hour and by day where these know the answer, from single requests where they do not
(buckets of a minute, end users, ends of a range within an hour). Both give the same figures. What is kept for a
shorter time than a range goes back is not in the answer: the ends of an old range should be whole days.

Nothing is in the future, so an `end` that is rounded up to the next whole hour gives the same answer as the present
moment, and no single request has to be read for it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union_all,
)

from proxy.accounts.entries import MICROSECONDS
from proxy.storage import ledger_schema as tables
from proxy.storage.audit import plain, plain_rows
from proxy.storage.connections import AsyncConnection
from proxy.storage.ledger_schema import DIMENSIONS, REQUESTS, SUMS
from proxy.storage.percentiles import percentiles
from proxy.storage.ranges import SECONDS, Grain, Stretch, Width, stretches, whole_hours
from proxy.storage.rollups import ANSWERED, BROKEN, GONE
from proxy.usage import NOTHING

__all__ = [
    "CHANGES_GROUPS",
    "GROUPS",
    "Measure",
    "Question",
    "Row",
    "Width",
    "changes",
    "latency",
    "request",
    "requests",
    "usage",
]

Row = dict[str, Any]
Bins = dict[int, int]
Measure = Literal["duration", "first_token"]

BATCH = "batch"
GROUPS = (*DIMENSIONS, "end_user", BATCH)
"""What sums can be kept apart by, and filtered by; `batch`: 1 for lines of batches, as their client tells, else 0."""
CHANGES_GROUPS = ("tenant", "key_id", "model")
"""The same for changes of fields."""
AT_ONCE = 1_000
"""Rows read in one go: some milliseconds."""

_USAGE: Mapping[Grain, FromClause] = {"hourly": tables.USAGE_HOURLY, "daily": tables.USAGE_DAILY}
_LATENCY: Mapping[Grain, FromClause] = {"hourly": tables.LATENCY_HOURLY, "daily": tables.LATENCY_DAILY}
_CHANGES: Mapping[Grain, FromClause] = {"hourly": tables.CHANGES_HOURLY, "daily": tables.CHANGES_DAILY}
_LATENCY_GROUPS = ("tenant", "key_id", "endpoint", "model")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        start, end: Unix seconds, the second one excluded.
        width: of a bucket, in UTC; `all` = the whole range is one.
        group_by: of GROUPS.
        only: filters, of GROUPS: any of the values.
    """

    start: int
    end: int
    width: Width = "all"
    group_by: tuple[str, ...] = ()
    only: Mapping[str, Sequence[str | int]] = field(default_factory=dict)


async def usage(
    connection: AsyncConnection, asked: Question, limit: int | None = None, after: Sequence[str | int] | None = None
) -> list[Row]:
    """Sums, oldest bucket first; buckets in which nothing happened have no row.

    A row: `bucket` (Unix seconds of its beginning; of `all`, the start), the columns grouped by, and every one of
    `ledger_schema.SUMS`. `limit`: rows at most, None for all. `after`: only rows behind this one, given by its bucket
    and the columns grouped by.
    """
    parts = [_usage_of(stretch, asked) for stretch in _stretches(asked, DIMENSIONS)]
    if not parts:
        return []
    found = _together(parts)
    by = [found.c[name] for name in ("bucket", *asked.group_by)]
    sums = [cast(func.sum(found.c[name]), BigInteger).label(name) for name in SUMS]
    query = select(*by, *sums)
    if after is not None:
        place = (literal(value, column.type) for column, value in zip(by, after, strict=True))
        query = query.where(tuple_(*by) > tuple_(*place))
    return await _rows(connection, query.group_by(*by).order_by(*by).limit(limit))


async def latency(
    connection: AsyncConnection, asked: Question, measure: Measure, parts: Sequence[float], *, limit: int | None = None
) -> list[Row]:
    """Percentiles of answered requests, oldest bucket first.

    A row: `bucket`, the columns grouped by, `requests`, and `values`: seconds, one for each of `parts` (0.5 = the
    median), exact to 9 %. `limit`: rows at most, None for all. Grouped and filtered by tenant, key_id, endpoint and
    model it is answered from sums, by others of GROUPS from single requests.
    """
    wanted = [_bins_of(stretch, asked, measure) for stretch in _stretches(asked, _LATENCY_GROUPS)]
    if not wanted:
        return []
    found = _together(wanted)
    by = [found.c[name] for name in ("bucket", *asked.group_by)]
    total = cast(func.sum(found.c.requests), BigInteger)
    query = select(*by, found.c.bin, total).group_by(*by, found.c.bin).order_by(*by)
    bins = await _bins(connection, query, limit)
    # In a thread: months by hour are thousands of rows, and streams must not wait for them.
    return await asyncio.to_thread(_percentiles, ("bucket", *asked.group_by), bins, parts)


async def _rows(connection: AsyncConnection, query: Select[Any]) -> list[Row]:
    """Every row, some at a time: there may be thousands, and streams must not wait for them."""
    found: list[Row] = []
    async with connection.stream(query) as result:
        names = [str(name) for name in result.keys()]  # noqa: SIM118 - not a mapping
        async for some in result.partitions(AT_ONCE):
            found += [dict(zip(names, row, strict=True)) for row in some]
    return found


async def _bins(connection: AsyncConnection, query: Select[Any], limit: int | None) -> dict[tuple[Any, ...], Bins]:
    """Requests by bin for each of the first groups; no more is read than these need."""
    bins: dict[tuple[Any, ...], Bins] = {}
    async with connection.stream(query) as result:
        async for some in result.partitions(AT_ONCE):
            for *values, number, requests in some:
                group = tuple(values)
                if group not in bins and len(bins) == limit:
                    return bins
                bins.setdefault(group, {})[number] = requests
    return bins


def _percentiles(names: Sequence[str], found: Mapping[tuple[Any, ...], Bins], parts: Sequence[float]) -> list[Row]:
    return [
        {**dict(zip(names, group, strict=True)), "requests": sum(bins.values()), "values": percentiles(bins, parts)}
        for group, bins in found.items()
    ]


async def changes(connection: AsyncConnection, asked: Question, limit: int | None = None) -> list[Row]:
    """What was done to fields of requests, the most frequent first.

    A row: `field`, `verdict`, the columns grouped by (tenant, key_id, model only), `requests`. `limit`: rows at
    most, None for all. `width` is not looked at, and all the hours count that the range touches.
    """
    _expect_known(asked, CHANGES_GROUPS)
    wanted = [_changes_of(stretch, asked) for stretch in whole_hours(asked.start, asked.end)]
    if not wanted:
        return []
    found = _together(wanted)
    by = [found.c[name] for name in ("field", "verdict", *asked.group_by)]
    total = cast(func.sum(found.c.requests), BigInteger).label("requests")
    return await _rows(connection, select(*by, total).group_by(*by).order_by(total.desc(), *by).limit(limit))


async def requests(
    connection: AsyncConnection, asked: Question, limit: int, after: tuple[int, str] | None = None, **equal: Any
) -> list[Row]:
    """Single requests in the columns of `accounts.entries.Entry`, newest first, at most `limit`.

    `after`: (started_us, id) of the last one of the page before. `equal`: columns and the values they must have
    (`error_code`, `stream_end`, `client`, ...). `width` and `group_by` are not looked at.
    """
    _expect_known(asked, GROUPS)
    columns = REQUESTS.c
    conditions = [*_within(Stretch("requests", asked.start, asked.end)), *_filters(REQUESTS, asked)]
    conditions += [columns[name] == value for name, value in equal.items()]
    if after is not None:
        at, identity = after
        # The first half alone is what an index can answer; the second one only cuts the same microsecond.
        conditions.append(and_(columns.started_us <= at, or_(columns.started_us < at, columns.id < identity)))
    query = select(REQUESTS).where(*conditions).order_by(columns.started_us.desc(), columns.id.desc()).limit(limit)
    return plain_rows(await connection.execute(query))


async def request(connection: AsyncConnection, identity: str) -> Row | None:
    """One request by its id; None where there is none."""
    found = (await connection.execute(select(REQUESTS).where(REQUESTS.c.id == identity))).mappings().first()
    return None if found is None else plain(found)


def _stretches(asked: Question, summed: Sequence[str]) -> list[Stretch]:
    """The parts of the range. `summed`: the columns that the tables of sums have. Raises ValueError."""
    _expect_known(asked, GROUPS)
    coarse = {*asked.group_by, *asked.only} <= set(summed)
    return stretches(asked.start, asked.end, asked.width if coarse else "minute")


def _expect_known(asked: Question, names: Sequence[str]) -> None:
    unknown = {*asked.group_by, *asked.only} - set(names)
    if unknown:
        raise ValueError(f"sums are not kept apart by {', '.join(sorted(unknown))}")


def _together(parts: Sequence[Select[Any]]) -> Subquery:
    # Grouped from outside: PostgreSQL takes an expression with parameters for another one each time it is written.
    return (parts[0] if len(parts) == 1 else union_all(*parts)).subquery()


def _usage_of(stretch: Stretch, asked: Question) -> Select[Any]:
    table = _USAGE.get(stretch.grain, REQUESTS)
    sums = _raw_sums() if table is REQUESTS else [table.c[name] for name in SUMS]
    return _select(table, stretch, asked, sums)


def _bins_of(stretch: Stretch, asked: Question, measure: Measure) -> Select[Any]:
    table = _LATENCY.get(stretch.grain, REQUESTS)
    if table is REQUESTS:
        number = REQUESTS.c[f"{measure}_bin"]
        query = _select(REQUESTS, stretch, asked, [number.label("bin"), literal(1).label("requests")])
        return query.where(number.is_not(None), text(ANSWERED))
    return _select(table, stretch, asked, [table.c.bin, table.c.requests]).where(table.c.measure == measure)


def _changes_of(stretch: Stretch, asked: Question) -> Select[Any]:
    table = _CHANGES[stretch.grain]
    return _select(table, stretch, asked, [table.c.field, table.c.verdict, table.c.requests])


def _select(table: FromClause, stretch: Stretch, asked: Question, values: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """The rows of a table that belong to a part of the range: bucket, columns grouped by, values."""
    by = [_column(table, name) for name in asked.group_by]
    conditions = [*_within(stretch, table), *_filters(table, asked)]
    return select(_bucket(table, asked).label("bucket"), *by, *values).where(*conditions)


def _bucket(table: FromClause, asked: Question) -> ColumnElement[int]:
    if asked.width == "all":
        return literal(asked.start, BigInteger)
    length = SECONDS[asked.width]
    if table is REQUESTS:
        at = REQUESTS.c.started_us
        return at // (length * MICROSECONDS) * length
    return table.c.bucket - table.c.bucket % length


def _within(stretch: Stretch, table: FromClause = REQUESTS) -> Iterator[ColumnElement[bool]]:
    at, unit = (REQUESTS.c.started_us, MICROSECONDS) if table is REQUESTS else (table.c.bucket, 1)
    yield at >= stretch.start * unit
    yield at < stretch.end * unit


def _filters(table: FromClause, asked: Question) -> Iterator[ColumnElement[bool]]:
    return (_column(table, name).in_(values) for name, values in asked.only.items())


def _column(table: FromClause, name: str) -> ColumnElement[Any]:
    return case((table.c.client == BATCH, 1), else_=0).label(BATCH) if name == BATCH else table.c[name]


def _raw_sums() -> list[ColumnElement[Any]]:
    """What a single request adds to each of SUMS: the same as `rollups.COUNTED`."""
    columns = REQUESTS.c
    consumed = columns.source != NOTHING.source
    special: dict[str, ColumnElement[Any]] = {
        "requests": literal(1),
        "streams": columns.stream,
        "aborted": _one_where(GONE),
        "broken": _one_where(BROKEN),
        "unpriced": case((and_(consumed, columns.cost_micros.is_(None)), 1), else_=0),
        "cost_micros": func.coalesce(columns.cost_micros, 0),
        "charged_micros": func.coalesce(columns.charged_micros, 0),
    }
    return [(special[name] if name in special else columns[name]).label(name) for name in SUMS]


def _one_where(condition: str) -> ColumnElement[int]:
    return case((literal_column(condition, Boolean), 1), else_=0)
