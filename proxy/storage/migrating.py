"""From the tables that a database has to those of this program, or a clear word why not.

A migration is one transaction on both databases: it is done as a whole or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, table, text
from sqlalchemy import column as sql_column

from proxy.storage import filing_schema, ledger_schema, schema, state_schema
from proxy.storage.refusals import SchemaMismatch

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = ("0001", "0002", "0003", "0004")
"""Every version this program knows, oldest first: the files in `migrations`. Written down here, too, so that a server
whose database is up to date need not load Alembic, which takes 11 MB."""
LATER = (*ledger_schema.LEDGER, *state_schema.STATE, *filing_schema.FILING)
TABLES = frozenset({*schema.METADATA.tables, *(table.name for table in LATER)})
"""Every table of the newest version; on PostgreSQL there are partitions of `requests` as well."""
VERSION_TABLE = "telnyx_proxy_version"
"""A name of our own: other programs with Alembic may live in the same PostgreSQL database."""
ADVISORY_LOCK = 0x74656C6E7978
"""The number processes agree on to migrate a PostgreSQL database one after the other: "telnyx" in ASCII."""
SHOWN = 3
"""Names in a message at most."""
RESTORE = "restore a backup, or give it an empty database"


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done: the versions before (None: no tables) and after."""

    before: str | None
    after: str


def version(connection: Connection) -> str | None:
    """The version of a database, None for one without tables of ours. Raises SchemaMismatch for anything unclear."""
    present = set(inspect(connection).get_table_names())
    ours = present & TABLES
    found = _recorded(connection) if VERSION_TABLE in present else []
    if not found:
        if ours:
            raise SchemaMismatch(
                f"the database has tables of these names ({_few(ours)}) and no version of them: a migration that did "
                f"not end, or tables of another program; nothing was changed. To go on, {RESTORE}"
            )
        return None
    if len(found) > 1 or found[0] not in VERSIONS:
        raise SchemaMismatch(
            f"the database has schema {_few(found)}, and this program knows {VERSIONS[0]} to {VERSIONS[-1]}: it was "
            "written by a newer telnyx-proxy. Install that one, or restore a backup of the older schema"
        )
    missing = TABLES - present if found[0] == VERSIONS[-1] else {schema.META.name} - present
    if missing:
        raise SchemaMismatch(
            f"the database says it has schema {found[0]}, and these tables are missing: {_few(missing)}; nothing was "
            f"changed. To go on, {RESTORE}"
        )
    return found[0]


def expect_current(connection: Connection) -> None:
    """Raises SchemaMismatch where the database has not the newest schema this program knows."""
    found, newest = version(connection), VERSIONS[-1]
    if found != newest:
        has = f"has schema {found}" if found else "has no tables yet"
        raise SchemaMismatch(
            f"the database {has}, and this program needs {newest}: run 'telnyx-proxy migrate --config FILE'"
        )


def migrate(connection: Connection) -> Migration:
    """Bring the database up to date within the transaction that is open. Raises SchemaMismatch."""
    if connection.dialect.name == "postgresql":
        # held until the end of the transaction; who comes second finds nothing left to do. On SQLite the transaction
        # itself has the one write lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
    before = version(connection)
    if before != VERSIONS[-1]:
        from alembic import command

        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    return Migration(before, VERSIONS[-1])


def _configuration() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", "proxy.storage:migrations")
    return configuration


def _recorded(connection: Connection) -> list[str]:
    kept = table(VERSION_TABLE, sql_column("version_num"))
    return sorted(str(row[0]) for row in connection.execute(select(kept.c.version_num)))


def _few(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")
