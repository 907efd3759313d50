"""What the ledger is asked from outside: a range of time, groups and filters; and whose requests they may be.

Our own API and OpenAI's ask by other names and mean the same; `within_sight` is the one place that holds a
tenant_admin to its tenant.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from proxy.admin.listing import LONGEST, text
from proxy.admin.operations import Call
from proxy.admin.subjects import held, held_to
from proxy.admin.values import LATEST
from proxy.errors import InvalidRequest
from proxy.storage import schema
from proxy.storage.ranges import DAY, HOUR, SECONDS, Width, floor
from proxy.storage.reports import Question, Row
from proxy.storage.store import Session

Only = dict[str, Sequence[str | int]]

COLUMNS: Mapping[str, str] = {
    "tenant": "tenant",
    "key": "key_id",
    "endpoint": "endpoint",
    "model": "model",
    "provider": "provider",
    "service_tier": "service_tier",
    "region": "region",
    "status": "status",
    "source": "source",
    "end_user": "end_user",
}
"""What requests are filtered by and grouped by here -> the ledger's column."""
WIDTHS: tuple[Width, ...] = ("all", "day", "hour", "minute")
DAYS = 7
"""Of a range whose beginning is not told: today and the six days before."""
MOST_BUCKETS = 10_000
"""Of one answer: a week of minutes, a year of hours."""
MOST_VALUES = 100
"""Of one filter."""
_DIGITS = 11
HIGHEST_STATUS = 999

_VALUES: Mapping[str, Any] = {
    "type": "array",
    "maxItems": MOST_VALUES,
    "items": {"type": "string", "maxLength": LONGEST, "pattern": r"^[^\x00]*$"},
}
_TIME: Mapping[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": LATEST}, {"type": "string", "format": "date-time"}]
}
RANGE: Mapping[str, str] = {
    "start": "the beginning, Unix seconds or ISO 8601 (UTC where it names no zone); where nothing is said, that of "
    "the last seven days, today counted",
    "end": "the end, not included; now where nothing is said",
}
FORMS: Mapping[str, Mapping[str, Any]] = {
    "start": _TIME,
    "end": _TIME,
    "width": {"type": "string", "enum": list(WIDTHS)},
    **dict.fromkeys(COLUMNS, _VALUES),
    "status": {**_VALUES, "items": {"type": "integer", "minimum": 0, "maximum": HIGHEST_STATUS}},
}
"""The schemas of these parameters in the document."""


def filters(names: Sequence[str]) -> dict[str, str]:
    """The parameters to filter by, with a line on each."""
    return {name: f"only requests of this {name.replace('_', ' ')}; may be given several times" for name in names}


def grouping(names: Sequence[str]) -> dict[str, Any]:
    """The schema of `group_by`."""
    return {"type": "array", "maxItems": MOST_VALUES, "items": {"type": "string", "enum": list(names)}}


def moment(call: Call, name: str) -> int | None:
    """A time in Unix seconds, None where it is not given. Raises InvalidRequest."""
    given = text(call, name)
    if given is None:
        return None
    plain = given.isascii() and given.isdecimal() and len(given) <= _DIGITS
    found = int(given) if plain else _of_calendar(name, given)
    if not 0 <= found <= LATEST:
        raise InvalidRequest(f"'{name}' must be between 1970 and 3000.", param=name)
    return found


def _of_calendar(name: str, given: str) -> int:
    try:
        # In a query a plus sign stands for a space, and nobody means a space before a zone.
        at = datetime.fromisoformat(given.upper().replace(" ", "+") if "T" in given.upper() else given)
    except ValueError:
        wanted = "Unix seconds or a time of ISO 8601, as 2025-06-09 or 2025-06-09T12:00:00Z"
        raise InvalidRequest(f"'{name}' must be {wanted}.", param=name) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def width(call: Call, default: Width = "all") -> Width:
    """How long a bucket is. Raises InvalidRequest."""
    given = text(call, "width") or default
    for each in WIDTHS:
        if each == given:
            return each
    raise InvalidRequest(f"'width' must be one of {', '.join(WIDTHS)}.", param="width")


def many(call: Call, name: str) -> tuple[str, ...]:
    """Every value of a parameter. Raises InvalidRequest for more or longer ones than anybody needs."""
    values = tuple(call.query.get(name, ()))
    if len(values) > MOST_VALUES:
        raise InvalidRequest(f"'{name}' can be given {MOST_VALUES} times at most.", param=name)
    if any(len(value) > LONGEST for value in values):
        raise InvalidRequest(f"'{name}' must be text of at most {LONGEST} characters.", param=name)
    return values


def among(call: Call, name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Every value of a parameter that takes some words, each once. Raises InvalidRequest."""
    values = many(call, name)
    for value in values:
        if value not in known:
            raise InvalidRequest(f"'{name}' takes {', '.join(known)}.", param=name)
    return tuple(dict.fromkeys(values))


def group_by(call: Call, known: Sequence[str]) -> tuple[str, ...]:
    """The columns to group by. Raises InvalidRequest."""
    return tuple(COLUMNS[name] for name in among(call, "group_by", known))


def only(call: Call, known: Sequence[str]) -> Only:
    """The filters that were given, in the ledger's columns. Raises InvalidRequest; NotFound for another's tenant."""
    found: Only = {COLUMNS[name]: many(call, name) for name in known if call.query.get(name)}
    if "status" in found:
        found["status"] = [_status(value) for value in found["status"]]
    if len(found.get("tenant", ())) == 1:
        held_to(call)
    return within_sight(call, found)


def _status(value: str | int) -> int:
    given = str(value)
    if not given.isascii() or not given.isdecimal() or int(given[:_DIGITS]) > HIGHEST_STATUS:
        raise InvalidRequest("'status' must be an HTTP status, or 0 for none.", param="status")
    return int(given)


def within_sight(call: Call, found: Only) -> Only:
    """The same filters, and for a tenant_admin those requests alone that are its tenant's."""
    own = held(call.actor)
    if own is None:
        return found
    wanted = found.get("tenant", (own,))
    return {**found, "tenant": [own] if own in wanted else []}


def question(call: Call, now: int, known: Sequence[str], *, wide: Width = "all") -> Question:
    """What is asked for by `start`, `end`, `width`, `group_by` and the filters. Raises InvalidRequest, NotFound."""
    start, end = expect_range(call, now)
    length = width(call, wide)
    if length != "all" and (end - start) // SECONDS[length] > MOST_BUCKETS:
        text = f"These are more than {MOST_BUCKETS} buckets; ask for wider ones or a shorter time."
        raise InvalidRequest(text, param="width")
    return Question(start, end, length, group_by(call, known), only(call, known))


def expect_range(call: Call, now: int) -> tuple[int, int]:
    """The beginning and the end that were given. Raises InvalidRequest."""
    end = moment(call, "end")
    end = now if end is None else end
    start = moment(call, "start")
    if start is None:
        start = max(0, floor(end - 1, DAY) - (DAYS - 1) * DAY)
    if start >= end:
        raise InvalidRequest("'start' must be before 'end'.", param="start")
    return start, end


def rounded(end: int, now: int) -> int:
    """An end that has the same answer and needs fewer single requests: nothing is in the future."""
    return -floor(-end, HOUR) if end >= now else end


async def names_of_keys(session: Session, rows: Sequence[Row]) -> dict[str, str]:
    """The names of the keys of rows that have a `key_id`; those that nobody knows any more are left out.

    The id of a key that the configuration declares, or did, is its tenant's and its name.
    """
    wanted = {row["key_id"] for row in rows}
    kept = schema.KEYS.c
    found = {identity: identity.partition("/")[2] for identity in wanted if "/" in identity}
    if missing := sorted(wanted - set(found)):
        stored = await session.connection.execute(select(kept.id, kept.name).where(kept.id.in_(missing)))
        found |= {row.id: row.name for row in stored}
    return found
