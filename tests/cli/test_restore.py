import asyncio
import os
from pathlib import Path

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.app.batching import open_files
from proxy.app.membership import Kept
from proxy.cli.main import main
from proxy.cli.storing import opened
from proxy.clock import SYSTEM
from proxy.storage.locking import serving
from proxy.storage.store import TENANT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.yaml"
    path.write_text("storage: {url: sqlite:///proxy.db}")
    asyncio.run(add(path, "first"))
    assert main(["backup", str(path.with_name("copy.db")), "--with-secrets", "--config", str(path)]) == 0
    asyncio.run(add(path, "second"))
    return path


async def add(config: Path, tenant: str) -> None:
    async with opened(config) as (_, store, _), store.changing(COMMAND_LINE) as session:
        await session.add(TENANT, {"id": tenant, "name": tenant, "rules": {}})


async def tenants(config: Path) -> list[str]:
    async with opened(config) as (_, store, _), store.reading() as session:
        return [row["id"] for row in await session.find(TENANT)]


def restore(config: Path, *arguments: str) -> int:
    return main(["restore", str(config.with_name("copy.db")), "--config", str(config), *arguments])


def test_the_backup_takes_the_place_of_the_database(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert restore(config) == 0
    database = config.with_name("proxy.db")
    assert capsys.readouterr().out == f"{database}: restored\n{database}.before-restore: what was there before\n"
    assert asyncio.run(tenants(config)) == ["first"]


def test_files_without_their_contents_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, folder = tmp_path / "proxy.yaml", tmp_path / "contents"
    config.write_text("{storage: {url: sqlite:///proxy.db}, batches: {folder: contents}}")

    async def upload(*names: str) -> None:
        async with opened(config) as (settings, store, sealing):
            files, _ = open_files(settings, Kept(store, sealing), SYSTEM, os.urandom)
            assert files is not None
            for name in names:
                deposit = await files.open("acme", "batch")
                await deposit.writer.write(b"twelve bytes")
                await files.close(deposit, "batch", name, None)

    asyncio.run(upload("first", "second", "third"))
    assert main(["backup", str(tmp_path / "copy.db"), "--config", str(config)]) == 0
    said = capsys.readouterr().err
    assert f"the contents of 3 files (36 bytes), which are in {folder}: copy that folder now" in said
    assert restore(config) == 0
    assert "contents" not in capsys.readouterr().err, "they are all there"
    gone, torn, _ = sorted(folder.iterdir())
    gone.unlink()
    torn.write_bytes(b"twelve")
    assert restore(config) == 0
    assert f"2 of 3 files are without their contents ({gone.name}, ...): put the copy of {folder} back" in (
        capsys.readouterr().err
    )


def test_not_while_a_server_runs(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(config.with_name("proxy.db")):
        assert restore(config) == 1
    assert "is in use by another server" in capsys.readouterr().err
    assert sorted(asyncio.run(tenants(config))) == ["first", "second"]


def test_secrets_that_do_not_fit_are_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("proxy.db.pepper").write_text("another pepper, made since")
    assert restore(config) == 1
    said = capsys.readouterr()
    assert "restored" in said.out
    assert "every key in this database would fail" in said.err
    assert restore(config, "--with-secrets") == 0
    assert asyncio.run(tenants(config)) == ["first"]


def test_a_damaged_backup(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("copy.db").write_bytes(b"nothing of the kind" * 1000)
    assert restore(config) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert len(asyncio.run(tenants(config))) == 2


def test_where_there_was_nothing(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("storage: {url: sqlite:///new/proxy.db}")
    assert restore(config, "--with-secrets") == 0
    assert "what was there before" not in capsys.readouterr().out
    assert asyncio.run(tenants(config)) == ["first"]
