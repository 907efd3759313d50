"""Usage: how much was asked, how fast it was answered, and what apps send that Telnyx ignores.

Figures come from the ledger, where every request of a tenant is, refused and aborted ones included. A request whose
price is not known adds nothing to `cost_usd` and one to `unpriced`.
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from proxy import codec
from proxy.admin.asking import (
    COLUMNS,
    FORMS,
    HIGHEST_STATUS,
    RANGE,
    among,
    filters,
    grouping,
    many,
    names_of_keys,
    question,
    rounded,
)
from proxy.admin.figures import sums, total
from proxy.admin.listing import LONGEST, size
from proxy.admin.operations import EVERYBODY, Call, Office, Operation, Reply, View
from proxy.admin.values import LATEST
from proxy.errors import InvalidRequest
from proxy.storage import reports
from proxy.storage.ranges import SECONDS
from proxy.storage.reports import CHANGES_GROUPS, Measure, Question, Row
from proxy.storage.store import Session

ROOT = "/admin/v1/usage"
MOST_ROWS = 10_000
"""Of one answer: some megabytes."""
LONGEST_CURSOR = 6_000
"""Characters: a row is named by all that it is grouped by."""
MOST_CHANGES = 1_000
"""The rest is rarer: a client can send fields of any name, and each is one more."""
PERCENTILES = ("50", "90", "99")
"""Those that are told where nothing is said."""
MOST_PERCENTILES = 10
"""Of one answer: thousands of rows have each of them."""
MEASURES: tuple[Measure, ...] = ("duration", "first_token")
HUNDRED = 100

_OF_CHANGES = tuple(name for name in COLUMNS if COLUMNS[name] in CHANGES_GROUPS)


class Grouped(View):
    """Whose and what it is. A column that is not grouped by is null."""

    tenant: str | None
    key: str | None = Field(description="id of the key")
    key_name: str | None = Field(description="its name, where it is known")
    endpoint: str | None
    model: str | None
    provider: str | None
    service_tier: str | None
    region: str | None
    status: int | None = Field(description="HTTP's; 0 where nothing was sent")
    source: str | None = Field(description="where the figures are from: `upstream`, `estimated` or `none`")
    end_user: str | None = Field(description="hashed; empty without one")


class UsageSums(View):
    """What was used."""

    requests: int
    streams: int = Field(description="those that asked for an answer in pieces")
    aborted: int = Field(description="those whose client left, or whose process was killed")
    broken: int = Field(
        description="those whose stream broke after a good status had been sent: errors, like those of a bad `status`"
    )
    unpriced: int = Field(description="those whose price is not known: they are in no cost")
    input_tokens: int
    cached_input_tokens: int = Field(description="part of the input")
    cache_write_tokens: int = Field(description="part of the input")
    output_tokens: int
    reasoning_tokens: int = Field(description="part of the output")
    audio_seconds: float
    characters: int = Field(description="of text that was spoken")
    bytes_in: int
    bytes_out: int
    cost_usd: str = Field(description="what Telnyx charges, six decimals")
    charged_usd: str = Field(description="what the tenant is charged, with its markup, six decimals")
    cached_share: float | None = Field(description="cached of all input tokens, 0 to 1; null without any")
    mean_seconds: float | None = Field(description="of a request, from its first byte to its last; null without any")
    mean_overhead_seconds: float | None = Field(description="the part of it that was spent in this proxy")


class UsageRow(Grouped, UsageSums):
    """What was used within a bucket."""

    start: int = Field(description="Unix seconds")
    end: int = Field(description="not included")


class UsageReport(View):
    """Sums over time. Buckets in which nothing happened have no row."""

    object: Literal["usage"] = "usage"
    start: int
    end: int
    width: Literal["all", "day", "hour", "minute"]
    group_by: list[str]
    data: list[UsageRow] = Field(description="oldest first")
    totals: UsageSums = Field(description="of these rows")
    has_more: bool = Field(description="whether there are rows behind these; only where a `limit` was given")
    next_page: str | None = Field(description="what to give as `page` for them")


class LatencyRow(Grouped):
    """How long answered requests of a bucket took."""

    start: int = Field(description="Unix seconds")
    end: int = Field(description="not included")
    requests: int
    seconds: dict[str, float] = Field(description="`p50`, the median, and the others; exact to 9 %")


class LatencyReport(View):
    """Percentiles over time."""

    object: Literal["latency"] = "latency"
    start: int
    end: int
    width: Literal["all", "day", "hour", "minute"]
    group_by: list[str]
    measure: Literal["duration", "first_token"]
    data: list[LatencyRow] = Field(description="oldest first")


class ChangeRow(View):
    """A field that was not handed on as it came."""

    field: str = Field(description="`messages[].role`")
    verdict: str = Field(description="what was done to it: `dropped`, `renamed`, `injected`, ...")
    tenant: str | None
    key: str | None
    key_name: str | None
    model: str | None
    requests: int


class ChangesReport(View):
    """What was done to fields of requests, by whole hours."""

    object: Literal["changes"] = "changes"
    start: int
    end: int
    group_by: list[str]
    data: list[ChangeRow] = Field(description=f"the most frequent first, {MOST_CHANGES} at most")


async def show_usage(office: Office, session: Session, call: Call) -> Reply:
    """Sums over time. Raises InvalidRequest, NotFound."""
    asked, told = _asked(session, call, tuple(COLUMNS))
    wanted = size(call, 0, MOST_ROWS)
    found = await reports.usage(session.connection, asked, (wanted or MOST_ROWS) + 1, _after(call, asked))
    rows = found[:wanted] if wanted else _few(found)
    grouped = await _grouped(session, asked, rows)
    more = len(found) > len(rows)
    following = {"has_more": more, "next_page": _cursor(asked, rows[-1]) if more else None}
    # In a thread: thousands of rows take a tenth of a second, and streams must not wait for them.
    return Reply({**await asyncio.to_thread(_report, told, rows, grouped), **following})


def _report(told: Question, rows: list[Row], grouped: list[dict[str, Any]]) -> dict[str, Any]:
    data = [{**_bucket(told, row), **group, **sums(row)} for row, group in zip(rows, grouped, strict=True)]
    return {**_head("usage", told), "data": data, "totals": sums(total(rows))}


def _cursor(asked: Question, row: Row) -> str:
    """The place of a row: its bucket, and whatever it is grouped by. What is added meanwhile does not move it."""
    return urlsafe_b64encode(codec.encode([row[name] for name in ("bucket", *asked.group_by)])).decode()


def _after(call: Call, asked: Question) -> list[str | int] | None:
    """The place that `page` names, None where there is none. Raises InvalidRequest."""
    given = call.query.get("page", ())
    if not given:
        return None
    try:
        place = codec.decode(urlsafe_b64decode(given[0][:LONGEST_CURSOR].encode("ascii")))
    except ValueError:
        place = None
    if len(given) > 1 or not _fits(place, asked):
        raise InvalidRequest("'page' must be `next_page` of a page of the same question.", param="page")
    return list(place)


def _fits(place: Any, asked: Question) -> bool:
    """Whether a row of this question can be there."""
    names = ("bucket", *asked.group_by)
    if not isinstance(place, list) or len(place) != len(names) or (asked.width == "all" and place[0] != asked.start):
        return False
    mosts = {"bucket": LATEST, "status": HIGHEST_STATUS}
    return all(
        type(value) is int and 0 <= value <= mosts[name]
        if name in mosts
        else isinstance(value, str) and len(value) <= LONGEST and "\x00" not in value
        for name, value in zip(names, place, strict=True)
    )


async def show_latency(office: Office, session: Session, call: Call) -> Reply:
    """Percentiles over time. Raises InvalidRequest, NotFound."""
    asked, told = _asked(session, call, tuple(COLUMNS))
    measure = _measure(call)
    wanted = many(call, "percentile") or PERCENTILES
    if len(wanted) > MOST_PERCENTILES:
        raise InvalidRequest(f"'percentile' can be given {MOST_PERCENTILES} times at most.", param="percentile")
    parts = [_part(value) for value in wanted]
    rows = _few(await reports.latency(session.connection, asked, measure, parts, limit=MOST_ROWS + 1))
    grouped = await _grouped(session, asked, rows)
    return Reply(await asyncio.to_thread(_latency_report, told, measure, wanted, (rows, grouped)))


def _latency_report(
    told: Question, measure: Measure, wanted: Sequence[str], found: tuple[list[Row], list[dict[str, Any]]]
) -> dict[str, Any]:
    data = [
        {
            **_bucket(told, row),
            **group,
            "requests": row["requests"],
            "seconds": {f"p{name}": round(value, 6) for name, value in zip(wanted, row["values"], strict=True)},
        }
        for row, group in zip(*found, strict=True)
    ]
    return {**_head("latency", told), "measure": measure, "data": data}


async def show_changes(office: Office, session: Session, call: Call) -> Reply:
    """What was done to fields. Raises InvalidRequest, NotFound."""
    asked, told = _asked(session, call, _OF_CHANGES)
    rows = await reports.changes(session.connection, asked, MOST_CHANGES)
    grouped = await _grouped(session, asked, rows)
    names = (*_OF_CHANGES, "key_name")
    data = [
        {
            **{name: row[name] for name in ("field", "verdict", "requests")},
            **{name: group[name] for name in names},
        }
        for row, group in zip(rows, grouped, strict=True)
    ]
    head = {name: value for name, value in _head("changes", told).items() if name != "width"}
    return Reply({**head, "data": data})


def _asked(session: Session, call: Call, known: Sequence[str]) -> tuple[Question, Question]:
    """The question for the ledger, and what was asked in the caller's words."""
    told = question(call, session.now, known)
    return replace(told, end=rounded(told.end, session.now)), told


def _few(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST_ROWS:
        text = f"These are more than {MOST_ROWS} rows; group by less, or ask for wider buckets or a shorter time."
        raise InvalidRequest(text, param="group_by")
    return rows


def _head(kind: str, told: Question) -> dict[str, Any]:
    names = {column: name for name, column in COLUMNS.items()}
    return {
        "object": kind,
        "start": told.start,
        "end": told.end,
        "width": told.width,
        "group_by": [names[column] for column in told.group_by],
    }


def _bucket(told: Question, row: Row) -> dict[str, int]:
    """The bounds of a bucket, within those of the range."""
    end = told.end if told.width == "all" else row["bucket"] + SECONDS[told.width]
    return {"start": max(told.start, row["bucket"]), "end": min(told.end, end)}


async def _grouped(session: Session, asked: Question, rows: list[Row]) -> list[dict[str, Any]]:
    """The columns grouped by, under the names they have here."""
    names: Mapping[str, str] = {}
    if "key_id" in asked.group_by:
        names = await names_of_keys(session, rows)
    return [
        {**{name: row.get(column) for name, column in COLUMNS.items()}, "key_name": names.get(row.get("key_id", ""))}
        for row in rows
    ]


def _measure(call: Call) -> Measure:
    given = among(call, "measure", MEASURES)
    if len(given) > 1:
        raise InvalidRequest("'measure' can be given only once.", param="measure")
    return "first_token" if given == ("first_token",) else "duration"


def _part(value: str) -> float:
    """`99.9` as 0.999. Raises InvalidRequest."""
    whole, dot, rest = value.partition(".")
    digits = whole + rest
    number = float(value) if digits.isascii() and digits.isdecimal() and whole and bool(dot) == bool(rest) else -1.0
    if not 0 <= number <= HUNDRED:
        raise InvalidRequest("'percentile' must be a number from 0 to 100.", param="percentile")
    return number / HUNDRED


_WIDTH = {"width": "of a bucket, in UTC: `minute`, `hour`, `day`, or `all` for one over the whole range (the default)"}
_BY = {"group_by": "keep sums apart by this; may be given several times"}
_SUMMED = {**RANGE, **_WIDTH, **_BY, **filters(tuple(COLUMNS))}
_SUMMED_FORMS = {**FORMS, "group_by": grouping(tuple(COLUMNS))}
_PAGES = {
    "limit": f"rows of a page, 1 to {MOST_ROWS}; where nothing is said it is all of them, and more are refused",
    "page": "`next_page` of the page before; `start`, `end` and all else as there",
}
_PAGES_FORMS: Mapping[str, Mapping[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
    "page": {"type": "string", "maxLength": LONGEST_CURSOR},
}
_OF_LATENCY = {
    "measure": "`duration` of a request (the default), or time to its `first_token`",
    "percentile": "0 to 100; may be given several times; 50, 90 and 99 where nothing is said",
}
_LATENCY_FORMS: Mapping[str, Mapping[str, Any]] = {
    "measure": {"type": "string", "enum": list(MEASURES)},
    "percentile": {
        "type": "array",
        "maxItems": MOST_PERCENTILES,
        "items": {"type": "integer", "minimum": 0, "maximum": HUNDRED},
    },
}  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "usage.show", "GET", ROOT, EVERYBODY, show_usage, "Requests, tokens and money over time",
        view=UsageReport, query={**_SUMMED, **_PAGES}, forms={**_SUMMED_FORMS, **_PAGES_FORMS}, of_ledger=True,
    ),
    Operation(
        "usage.latency", "GET", ROOT + "/latency", EVERYBODY, show_latency, "Percentiles of latency over time",
        view=LatencyReport, query={**_SUMMED, **_OF_LATENCY}, forms={**_SUMMED_FORMS, **_LATENCY_FORMS}, of_ledger=True,
    ),
    Operation(
        "usage.changes", "GET", ROOT + "/changes", EVERYBODY, show_changes, "What apps send that Telnyx ignores",
        view=ChangesReport, query={**RANGE, **_BY, **filters(_OF_CHANGES)},
        forms={**FORMS, "group_by": grouping(_OF_CHANGES)}, of_ledger=True,
    ),
)  # fmt: skip
