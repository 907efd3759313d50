import asyncio
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.cli.storing import opened


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.yaml"
    path.write_text("storage: {url: sqlite:///data/proxy.db}")
    asyncio.run(open_once(path))
    return path


async def open_once(config: Path) -> None:
    async with opened(config):
        pass


def backup(config: Path, *arguments: str) -> int:
    return main(["backup", str(config.with_name("copy.db")), "--config", str(config), *arguments])


def test_it_says_what_else_to_keep(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backup(config) == 0
    said = capsys.readouterr()
    assert said.out == f"{config.with_name('copy.db')}\n"
    data = config.parent / "data"
    assert f"{data}/proxy.db.pepper, {data}/proxy.db.encryption-key" in said.err
    assert backup(config) == 1
    assert "--force replaces it" in capsys.readouterr().err


def test_with_secrets(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backup(config, "--with-secrets") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        str(config.with_name(f"copy.db{suffix}")) for suffix in ("", ".pepper", ".encryption-key")
    ]
    assert said.err == ""
    assert backup(config, "--with-secrets", "--force") == 0


def test_secrets_of_the_configuration_are_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = "pepper: {value: pepper-pepper-pepper}, encryption_keys: [{value: key-key-key-key-key}]"
    config.write_text(f"storage: {{url: sqlite:///other.db, {secrets}}}")
    asyncio.run(open_once(config))
    assert backup(config) == 0
    assert "keep storage.pepper and storage.encryption_keys too" in capsys.readouterr().err


def test_a_file_that_is_no_database(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "data" / "proxy.db").write_bytes(b"nothing of the kind" * 1000)
    assert backup(config) == 1
    assert capsys.readouterr().err.count("\n") == 1
    (config.parent / "data" / "proxy.db").unlink()
    assert backup(config) == 1
    assert "there is no database to back up" in capsys.readouterr().err
