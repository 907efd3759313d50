"""The audit log: who changed what and when, read newest first. What is in it stays; triggers see to that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, insert, select

from proxy.accounts.roles import Actor
from proxy.storage import schema
from proxy.storage.connections import AsyncConnection


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done.

    Attributes:
        action: `key.created`; what stands before the dot is the kind of object.
        object_id, tenant: which one, and whose it is (None for nobody's).
        before, after: its columns without secrets, None where there was or is none.
    """

    action: str
    object_id: str
    tenant: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to read. An empty tuple stands for all; several values in one are alternatives.

    Attributes:
        tenants, actors (ids), actions, objects, object_ids: values of these columns.
        since, until: Unix times, the first included, the last not.
        after, before: ids of entries: only older ones than `after`, only newer ones than `before`.
    """

    tenants: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    object_ids: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    after: int | None = None
    before: int | None = None


async def note(connection: AsyncConnection, actor: Actor, now: int, event: Event) -> None:
    """Add an entry."""
    await connection.execute(
        insert(schema.AUDIT).values(
            at=now,
            actor_id=actor.id,
            actor_name=actor.name,
            actor_role=actor.role,
            address=actor.address,
            action=event.action,
            object=event.action.partition(".")[0],
            object_id=event.object_id,
            tenant=event.tenant,
            before=event.before,
            after=event.after,
        )
    )


async def read(connection: AsyncConnection, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """At most so many entries, newest first. With `before`, the ones next to it, so that paging back skips none."""
    log = schema.AUDIT
    backwards = wanted.before is not None and wanted.after is None
    query = select(log).where(*_conditions(wanted)).order_by(log.c.id if backwards else log.c.id.desc()).limit(limit)
    rows = plain_rows(await connection.execute(query))
    return rows[::-1] if backwards else rows


def plain_rows(result: CursorResult[Any]) -> list[dict[str, Any]]:
    """Every row as a dictionary."""
    names = [str(name) for name in result.keys()]  # noqa: SIM118 - not a mapping
    return [dict(zip(names, row, strict=True)) for row in result]


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row as a dictionary. SQLAlchemy names columns in a subclass of str, which JSON cannot have for names."""
    return {str(name): value for name, value in row.items()}


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    log = schema.AUDIT.c
    among = (
        (log.tenant, wanted.tenants),
        (log.actor_id, wanted.actors),
        (log.action, wanted.actions),
        (log.object, wanted.objects),
        (log.object_id, wanted.object_ids),
    )
    bounds = (
        (wanted.since, log.at.__ge__),
        (wanted.until, log.at.__lt__),
        (wanted.after, log.id.__lt__),
        (wanted.before, log.id.__gt__),
    )
    found = [column.in_(values) for column, values in among if values]
    return found + [compare(value) for value, compare in bounds if value is not None]
