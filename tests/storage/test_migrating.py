import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from proxy.storage import migrating, schema
from proxy.storage.database import Database, _connected, migrate_database, open_database
from proxy.storage.location import locate
from proxy.storage.migrating import VERSION_TABLE, Migration
from proxy.storage.refusals import SchemaMismatch
from tests.storage.databases import KINDS, PATIENCE, Postgres

NEWEST = migrating.VERSIONS[-1]


@pytest.fixture(params=KINDS)
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/proxy.db"
    server: Postgres = request.getfixturevalue("postgres")
    return await server.create(migrated=False)


async def run(url: str, *statements: str) -> None:
    """Do something to a database whatever its schema."""
    database = await connected(url)
    try:
        async with database.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await database.close()


async def connected(url: str) -> Database:
    return await _connected(locate(url, Path()), PATIENCE, timed=True, make=True)


async def tables(url: str) -> set[str]:
    database = await connected(url)
    try:
        async with database.connect() as connection:
            return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    finally:
        await database.close()


async def refused(url: str) -> str:
    """Why it is refused by all who would use it; nothing may be changed by that."""
    before = await tables(url)
    said = set()
    for work in (
        migrate_database(url, folder=Path()),
        open_database(url, folder=Path(), migrate=True),
        open_database(url, folder=Path(), migrate=False),
    ):
        with pytest.raises(SchemaMismatch) as raised:
            await work
        said.add(str(raised.value))
    assert await tables(url) == before
    (words,) = said
    return words


async def test_everything_is_made_once(empty: str) -> None:
    assert await migrate_database(empty, folder=Path()) == Migration(None, NEWEST)
    partitions = {"requests_default"} if empty.startswith("postgresql") else set()
    assert await tables(empty) == {*schema.METADATA.tables, VERSION_TABLE} | partitions
    assert await migrate_database(empty, folder=Path()) == Migration(NEWEST, NEWEST)


async def test_who_comes_at_once_waits(empty: str) -> None:
    done = await asyncio.gather(*(migrate_database(empty, folder=Path(), patience=PATIENCE) for _ in range(4)))
    assert sorted(each.before or "" for each in done) == ["", *[NEWEST] * 3]


async def test_a_newer_schema_is_refused(empty: str) -> None:
    await migrate_database(empty, folder=Path())
    await run(empty, "UPDATE telnyx_proxy_version SET version_num = '9999'", "CREATE TABLE newer (id INTEGER)")
    words = await refused(empty)
    assert f"has schema 9999, and this program knows 0001 to {NEWEST}" in words
    assert "written by a newer telnyx-proxy" in words


async def test_two_versions_are_refused(empty: str) -> None:
    await migrate_database(empty, folder=Path())
    await run(empty, "INSERT INTO telnyx_proxy_version VALUES ('0000')")
    assert f"has schema 0000, {NEWEST}" in await refused(empty)


async def test_tables_without_a_version_are_refused(empty: str) -> None:
    await migrate_database(empty, folder=Path())
    await run(empty, "DELETE FROM telnyx_proxy_version")
    assert "tables of these names (admin_tokens, api_key_refs, audit, ...) and no version" in await refused(empty)
    await run(empty, f"DROP TABLE {VERSION_TABLE}")
    assert "a migration that did not end, or tables of another program" in await refused(empty)


async def test_a_table_of_another_program_is_left_alone(empty: str) -> None:
    await run(empty, "CREATE TABLE keys (id INTEGER)")
    assert "(keys)" in await refused(empty)


async def test_a_version_without_tables_is_refused(empty: str) -> None:
    await migrate_database(empty, folder=Path())
    await run(empty, "DROP TABLE spent", "DROP TABLE meta")
    assert f"says it has schema {NEWEST}, and these tables are missing: meta, spent" in await refused(empty)


async def test_other_tables_do_not_matter(empty: str) -> None:
    await run(empty, "CREATE TABLE somebody_elses (id INTEGER)", "CREATE TABLE alembic_version (version_num TEXT)")
    assert await migrate_database(empty, folder=Path()) == Migration(None, NEWEST)


async def test_a_migration_that_fails_leaves_nothing(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade

    def upgrade(configuration: Config, revision: str) -> None:
        real(configuration, revision)
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", upgrade)
        with pytest.raises(RuntimeError):
            await migrate_database(empty, folder=Path())
    assert await tables(empty) == set()
    assert await migrate_database(empty, folder=Path()) == Migration(None, NEWEST)


async def test_an_older_schema_is_refused_where_it_must_not_be_changed(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_database(empty, folder=Path())
    monkeypatch.setattr(migrating, "VERSIONS", (*migrating.VERSIONS, "9999"))
    words = f"has schema {NEWEST}, and this program needs 9999: run 'telnyx-proxy migrate"
    with pytest.raises(SchemaMismatch, match=words):
        await open_database(empty, folder=Path(), migrate=False)


async def test_versions_stand_in_a_row() -> None:
    wanted = tuple(f"{number:04}" for number in range(1, len(migrating.VERSIONS) + 1))
    assert wanted == migrating.VERSIONS


def seen(connection: Connection) -> str | None:
    return migrating.version(connection)


async def test_the_version_of_an_empty_database_is_none(empty: str) -> None:
    database = await connected(empty)
    try:
        async with database.connect() as connection:
            assert await connection.run_sync(seen) is None
    finally:
        await database.close()
