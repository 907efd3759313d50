from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, insert, inspect, text

from proxy.storage import migrating
from proxy.storage.database import migrate_database
from proxy.storage.ledger import LedgerStore
from proxy.storage.ledger_schema import LEDGER, USAGE_DAILY
from proxy.storage.migrating import Migration
from tests.storage.databases import KINDS, Open, Postgres
from tests.storage.ledgers import encoded, made


@pytest.fixture(params=KINDS)
async def older(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database as the first version left it."""
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    url = await server.create(migrated=False) if server else f"sqlite:///{tmp_path}/proxy.db"
    real = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "VERSIONS", ("0001",))
        patch.setattr(command, "upgrade", lambda configuration, _: real(configuration, "0001"))
        assert await migrate_database(url, folder=Path()) == Migration(None, "0001")
    return url


def names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_the_first_version_becomes_the_second(older: str, opening: Open) -> None:
    assert await migrate_database(older, folder=Path()) == Migration("0001", migrating.VERSIONS[-1])
    database = await opening(older)
    async with database.connect() as connection:
        assert {table.name for table in LEDGER} <= await connection.run_sync(names)
    assert await LedgerStore(database).add(encoded(made("req_1"))) == 1


@pytest.mark.parametrize("value", [1.5, "'x'", "x'00'", 2.0**63])
async def test_sqlite_takes_only_whole_numbers_where_numbers_belong(tmp_path: Path, opening: Open, value: Any) -> None:
    database = await opening(f"sqlite:///{tmp_path}/proxy.db")
    whole = {column.name: 0 for column in USAGE_DAILY.c}
    async with database.begin() as connection:
        await connection.execute(insert(USAGE_DAILY).values(whole))
    with pytest.raises(Exception, match="ck_usage_daily_numbers"):
        async with database.begin() as connection:
            await connection.execute(text(f"UPDATE usage_daily SET cost_micros = {value}"))  # noqa: S608 - the values above
