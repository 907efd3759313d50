from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from proxy.storage import ledger_schema, schema
from proxy.storage.migrating import VERSION_TABLE
from tests.storage.databases import Open

TABLES = {*schema.METADATA.tables, *(table.name for table in ledger_schema.LEDGER)}


def differences(connection: Connection) -> list[Any]:
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "version_table": VERSION_TABLE,
        "include_name": lambda name, kind, _: kind != "table" or not str(name).startswith("requests_"),  # partitions
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema.METADATA))


def constraints(connection: Connection) -> dict[str, Any]:
    """What Alembic does not compare: primary keys, and names of unique constraints."""
    look = inspect(connection)
    return {
        name: (
            look.get_pk_constraint(name)["constrained_columns"],
            sorted((each["name"] or "", tuple(each["column_names"])) for each in look.get_unique_constraints(name)),
        )
        for name in TABLES
    }


async def test_migrating_makes_what_the_program_expects(url: str, opening: Open) -> None:
    database = await opening(url)
    async with database.connect() as connection:
        assert await connection.run_sync(differences) == []
        made = await connection.run_sync(constraints)
    for name, table in schema.METADATA.tables.items():
        assert made[name][0] == [column.name for column in table.primary_key]
    assert made["keys"][1] == [
        ("uq_keys_digest", ("digest",)),
        ("uq_keys_tenant_name", ("tenant", "name")),
    ]


async def test_a_difference_would_be_found(url: str, opening: Open) -> None:
    database = await opening(url)
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE keys DROP COLUMN owner"))
        found = await connection.run_sync(differences)
    assert [(each[0], each[2], each[3].name) for each in found] == [("add_column", "keys", "owner")]


@pytest.mark.parametrize("statement", ["UPDATE audit SET at = 0", "DELETE FROM audit"])
async def test_the_audit_log_is_append_only(url: str, opening: Open, statement: str) -> None:
    database = await opening(url)
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit (at, actor_id, actor_name, actor_role, address, action, object, object_id) "
                "VALUES (1, 'a', 'a', 'owner', '', 'key.created', 'key', 'k')"
            )
        )
    with pytest.raises(Exception, match="append-only"):
        async with database.begin() as connection:
            await connection.execute(text(statement))
