from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect

from proxy.storage import migrating
from proxy.storage.database import migrate_database
from proxy.storage.filing_schema import FILING
from proxy.storage.migrating import Migration
from tests.storage.databases import KINDS, Open, Postgres


def shape(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        table.name: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in inspector.get_columns(table.name)},
            inspector.get_pk_constraint(table.name)["constrained_columns"],
            sorted(str(index["name"]) for index in inspector.get_indexes(table.name)),
        )
        for table in FILING
    }


def declared(connection: Connection) -> dict[str, Any]:
    return {
        table.name: (
            {column.name: (column.type.compile(connection.dialect), column.nullable) for column in table.columns},
            [column.name for column in table.primary_key],
            sorted(str(index.name) for index in table.indexes),
        )
        for table in FILING
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_it_makes_the_tables_that_the_program_declares(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, opening: Open
) -> None:
    server: Postgres | None = request.getfixturevalue("postgres") if kind == "postgres" else None
    url = await server.create(migrated=False) if server else f"sqlite:///{tmp_path}/proxy.db"
    real, before = command.upgrade, migrating.VERSIONS[: migrating.VERSIONS.index("0004")]
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "VERSIONS", before)
        patch.setattr(command, "upgrade", lambda configuration, _: real(configuration, before[-1]))
        assert await migrate_database(url, folder=Path()) == Migration(None, before[-1])
    assert await migrate_database(url, folder=Path()) == Migration(before[-1], migrating.VERSIONS[-1])
    database = await opening(url)
    async with database.connect() as connection:
        assert await connection.run_sync(shape) == await connection.run_sync(declared)
