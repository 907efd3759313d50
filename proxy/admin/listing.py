"""Pages of a list: what the configuration declares comes first, then what the store has, oldest first.

A filter is a column and the value it must have; SOME and NONE ask whether there is a value at all. The same filter
selects declared rows in memory and stored rows in the database.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, or_, select

from proxy.admin.operations import Call, Reply
from proxy.errors import InvalidRequest, NotFound
from proxy.storage.audit import plain_rows
from proxy.storage.store import Page, Resource, Row, Session

DEFAULT, MOST = 20, 100
"""Rows of a page."""
LONGEST = 256
"""Characters of a parameter."""
DIGITS = 15
"""Digits of a number: all Unix times, and well within 64 bits."""

SOME: Final = object()
NONE: Final = object()

PAGING: Mapping[str, str] = {
    "limit": f"rows of a page, 1 to {MOST}; {DEFAULT} where nothing is said",
    "after": "id of the last row of the page before (`last_id`)",
}
"""The query parameters that every list has."""

_WORDS = {"true": True, "false": False}


def text(call: Call, name: str) -> str | None:
    """A query parameter, None where it is not given. Raises InvalidRequest for several, or one too long."""
    values = call.query.get(name, ())
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest(f"'{name}' can be given only once.", param=name)
    if len(values[0]) > LONGEST or "\x00" in values[0]:
        raise InvalidRequest(f"'{name}' must be text of at most {LONGEST} characters.", param=name)
    return values[0]


def flag(call: Call, name: str) -> bool | None:
    """A query parameter that is `true` or `false`."""
    given = text(call, name)
    if given is None:
        return None
    if given not in _WORDS:
        raise InvalidRequest(f"'{name}' must be true or false.", param=name)
    return _WORDS[given]


def number(call: Call, name: str) -> int | None:
    """A query parameter that is a whole number, not negative."""
    given = text(call, name)
    if given is None:
        return None
    if not given.isascii() or not given.isdecimal() or len(given) > DIGITS:
        raise InvalidRequest(f"'{name}' must be a whole number.", param=name)
    return int(given)


def present(wanted: bool | None) -> object | None:  # noqa: FBT001 - it is a value on its way, not a mode
    """A filter on whether there is a value: SOME, NONE, or None for no filter."""
    if wanted is None:
        return None
    return SOME if wanted else NONE


def size(call: Call, default: int = DEFAULT, most: int = MOST) -> int:
    """Rows of the page that is asked for, `most` at most. Raises InvalidRequest."""
    limit = number(call, "limit")
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise InvalidRequest(f"'limit' must be from 1 to {most}.", param="limit")
    return limit


async def page(
    session: Session,
    resource: Resource,
    call: Call,
    wanted: Mapping[str, Any],
    declared: Sequence[Mapping[str, Any]] = (),
) -> Page:
    """The page that `limit` and `after` ask for. `wanted`: filters; those that are None are none.

    Raises InvalidRequest, and NotFound where `after` names no row of this list.
    """
    limit, after = size(call), text(call, "after")
    filters = {name: value for name, value in wanted.items() if value is not None}
    known = {row["id"] for row in declared}
    mine = [dict(row) for row in declared if _suits(row, filters)]
    if after is not None and after in known:
        at = next((at for at, row in enumerate(mine) if row["id"] == after), len(mine))
        mine, after = mine[at + 1 :], None
    elif after is not None:
        mine = []
    if len(mine) > limit:
        return Page(mine[:limit], more=True)
    table = resource.table
    query = select(table).where(*_conditions(table, filters), table.c.id.not_in(known))
    rows = await _stored(session, resource, query, after, limit - len(mine) + 1)
    found = [*mine, *rows]
    return Page(found[:limit], len(found) > limit)


async def _stored(session: Session, resource: Resource, query: Select[Any], after: str | None, limit: int) -> list[Row]:
    table = resource.table
    if after is not None:
        last = (await session.connection.execute(query.where(table.c.id == after))).mappings().first()
        if last is None:
            raise NotFound(f"'after' names no {resource.name.replace('_', ' ')} of this list.", param="after")
        at = table.c.created_at
        query = query.where(or_(at > last["created_at"], and_(at == last["created_at"], table.c.id > after)))
    found = await session.connection.execute(query.order_by(table.c.created_at, table.c.id).limit(limit))
    return plain_rows(found)


def _conditions(table: Table, filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [_condition(table.c[name], value) for name, value in filters.items()]


def _condition(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if value is SOME:
        return column.is_not(None)
    return column.is_(None) if value is NONE else column == value


def _suits(row: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    return all(_has(row.get(name), value) for name, value in filters.items())


def _has(found: Any, value: Any) -> bool:
    if value is SOME:
        return found is not None
    return found is None if value is NONE else bool(found == value)


def listed(found: Page, view: Callable[[Row], dict[str, Any]]) -> Reply:
    """A page in OpenAI's shape of a list."""
    return shaped([view(row) for row in found.rows], more=found.more)


def shaped(data: list[dict[str, Any]], *, more: bool) -> Reply:
    """Views in OpenAI's shape of a list."""
    return Reply(
        {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": more,
        }
    )
