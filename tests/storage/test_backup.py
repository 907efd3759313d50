# ruff: noqa: ASYNC240 - small files on a disk of the test

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from proxy.errors import StoreUnavailable
from proxy.storage.backup import back_up, restore
from proxy.storage.locking import serving
from proxy.storage.refusals import BackupRefused, InUse, SchemaMismatch
from proxy.storage.secrets import sealing_for, secret_files
from proxy.storage.store import Store
from tests.storage.databases import ACTOR, Hand, Open, add_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "proxy.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


async def keep(path: Path, opening: Open, *names: str) -> Store:
    store = Store(await opening(f"sqlite:///{path}"), Hand().clock)
    for name in names:
        async with store.changing(ACTOR) as session:
            await add_key(session, name)
    return store


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(row[0] for row in connection.execute("SELECT name FROM keys"))


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_copy_is_one_file_for_its_owner_alone(path: Path, copy: Path, opening: Open) -> None:
    await keep(path, opening, "a", "b")
    assert back_up(path, copy) == [copy]
    assert names(copy) == ["a", "b"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert listed(copy.parent) == ["backup.db", "data"]


async def test_a_copy_of_a_database_nobody_has_open(path: Path, copy: Path, opening: Open) -> None:
    await (await keep(path, opening, "a")).database.close()
    back_up(path, copy)
    assert names(copy) == ["a"]


async def test_a_copy_while_others_write(path: Path, copy: Path, opening: Open) -> None:
    store = await keep(path, opening)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(keep_one(store, f"k{number}"))
        await asyncio.to_thread(back_up, path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        (keys,) = connection.execute("SELECT count(*) FROM keys").fetchone()
        (log,) = connection.execute("SELECT count(*) FROM audit").fetchone()
        (generation,) = connection.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
    assert keys == log == int(generation)


async def keep_one(store: Store, name: str) -> None:
    async with store.changing(ACTOR) as session:
        await add_key(session, name)


async def test_nothing_is_replaced_without_force(path: Path, copy: Path, opening: Open) -> None:
    await keep(path, opening, "a")
    copy.write_text("precious")
    with pytest.raises(BackupRefused, match="is there already; --force replaces it"):
        back_up(path, copy)
    assert copy.read_text() == "precious"
    back_up(path, copy, force=True)
    assert names(copy) == ["a"]
    with pytest.raises(BackupRefused, match="the database itself"):
        back_up(path, path, force=True)


def test_no_database_to_back_up(path: Path, copy: Path) -> None:
    with pytest.raises(BackupRefused, match="no database to back up"):
        back_up(path, copy)


def test_what_is_no_database_is_not_backed_up(tmp_path: Path, copy: Path) -> None:
    odd = tmp_path / "odd.db"
    odd.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        back_up(odd, copy)
    assert listed(tmp_path) == ["odd.db"]


async def test_secrets_are_copied_on_demand(path: Path, copy: Path, opening: Open) -> None:
    await keep(path, opening, "a")
    sealing_for(f"sqlite:///{path}", Path(), None, ())
    made = back_up(path, copy, with_secrets=True)
    assert made == [copy, *secret_files(copy)]
    for old, new in zip(secret_files(path), secret_files(copy), strict=True):
        assert old.read_bytes() == new.read_bytes()
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
    with pytest.raises(BackupRefused, match=r"backup\.db\.pepper"):
        back_up(path, copy, with_secrets=True)
    back_up(path, copy, with_secrets=True, force=True)


async def test_restoring_keeps_what_was_there(path: Path, copy: Path, opening: Open) -> None:
    store = await keep(path, opening, "a")
    back_up(path, copy)
    await keep_one(store, "b")
    await store.database.close()
    kept = restore(copy, path)
    assert kept == path.with_name("proxy.db.before-restore")
    assert (names(path), names(kept)) == (["a"], ["a", "b"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert restore(copy, path) == path.with_name("proxy.db.before-restore-2")
    again = await keep(path, opening, "c")
    assert await again.generation() == 2


def test_restoring_where_there_was_nothing(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no such file"):
        restore(tmp_path / "absent", tmp_path / "proxy.db")


async def test_restoring_on_another_machine(path: Path, copy: Path, opening: Open, tmp_path: Path) -> None:
    await keep(path, opening, "a")
    seals = sealing_for(f"sqlite:///{path}", Path(), None, ())
    back_up(path, copy, with_secrets=True)
    there = tmp_path / "there" / "proxy.db"
    assert restore(copy, there, with_secrets=True) is None
    assert names(there) == ["a"]
    again = sealing_for(f"sqlite:///{there}", Path(), None, ())
    assert again.digest(b"s" * 32) == seals.digest(b"s" * 32)


async def test_replaced_secrets_are_kept(path: Path, copy: Path, opening: Open) -> None:
    store = await keep(path, opening, "a")
    sealing_for(f"sqlite:///{path}", Path(), None, ())
    back_up(path, copy, with_secrets=True)
    await store.database.close()
    pepper = secret_files(path)[0]
    pepper.write_text("another pepper, made since")
    restore(copy, path, with_secrets=True)
    assert pepper.read_bytes() == secret_files(copy)[0].read_bytes()
    assert pepper.with_name("proxy.db.pepper.before-restore").read_text() == "another pepper, made since"


async def test_secrets_that_are_not_there(path: Path, copy: Path, opening: Open) -> None:
    await keep(path, opening, "a")
    back_up(path, copy)
    with pytest.raises(BackupRefused, match="no pepper and no encryption key lie beside it"):
        restore(copy, path, with_secrets=True)


async def test_a_server_that_runs_is_not_restored_under(path: Path, copy: Path, opening: Open) -> None:
    await keep(path, opening, "a")
    back_up(path, copy)
    with serving(path), pytest.raises(InUse):
        restore(copy, path)
    assert names(path) == ["a"]


async def test_somebody_in_the_middle_of_a_change(
    path: Path, copy: Path, opening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(path, opening, "a")
    back_up(path, copy)
    monkeypatch.setattr("proxy.storage.backup.PATIENCE", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="holds it locked"):
            restore(copy, path)
    assert names(path) == ["a"]


async def test_a_damaged_database_is_replaced(path: Path, copy: Path, opening: Open) -> None:
    await (await keep(path, opening, "a")).database.close()
    back_up(path, copy)
    path.write_bytes(b"nothing of the kind" * 100)
    kept = restore(copy, path)
    assert kept is not None
    assert kept.read_bytes().startswith(b"nothing of the kind")
    assert names(path) == ["a"]


async def test_a_bad_backup_changes_nothing(path: Path, copy: Path, opening: Open) -> None:
    await (await keep(path, opening, "a")).database.close()
    before = listed(path.parent)
    back_up(path, copy)
    whole = copy.read_bytes()

    copy.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StoreUnavailable, match="no SQLite database"):
        restore(copy, path)
    copy.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((StoreUnavailable, BackupRefused), match="damaged"):
        restore(copy, path)
    copy.write_bytes(b"")
    with pytest.raises(BackupRefused, match="holds no database of telnyx-proxy"):
        restore(copy, path)
    copy.write_bytes(whole)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE telnyx_proxy_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaMismatch, match="newer telnyx-proxy"):
        restore(copy, path)
    with pytest.raises(BackupRefused, match="the database itself"):
        restore(path, path)
    assert names(path) == ["a"]
    assert set(listed(path.parent)) - {"proxy.db.lock"} == set(before)
