from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from proxy.storage import migrating
from proxy.storage.database import migrate_database
from proxy.storage.migrating import Migration
from proxy.storage.state import State
from proxy.storage.state_schema import STATE
from tests.storage.databases import KINDS, Hand, Open, Postgres
from tests.storage.states import BOUNDS, made


@pytest.fixture(params=KINDS)
async def older(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database as the second version left it."""
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    url = await server.create(migrated=False) if server else f"sqlite:///{tmp_path}/proxy.db"
    real = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "VERSIONS", ("0001", "0002"))
        patch.setattr(command, "upgrade", lambda configuration, _: real(configuration, "0002"))
        assert await migrate_database(url, folder=Path()) == Migration(None, "0002")
    return url


def names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_the_second_version_becomes_the_third(older: str, opening: Open, hand: Hand) -> None:
    assert await migrate_database(older, folder=Path()) == Migration("0002", migrating.VERSIONS[-1])
    database = await opening(older)
    async with database.connect() as connection:
        assert {table.name for table in STATE} <= await connection.run_sync(names)
    state = State(database, hand.clock, BOUNDS)
    await state.save(made("1"))
    assert await state.get("acme", "resp_1") is not None


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_postgresql_does_not_compress_what_is_compressed(url: str, opening: Open) -> None:
    database = await opening(url)
    query = (
        "SELECT attstorage FROM pg_attribute WHERE attrelid = CAST('responses' AS regclass) AND attname = 'document'"
    )
    async with database.connect() as connection:
        assert (await connection.execute(text(query))).scalar_one() in ("e", b"e")
