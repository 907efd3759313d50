from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.storage.migrating import VERSIONS
from tests.storage.postgres import Postgres

NEWEST = VERSIONS[-1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.yaml"
    path.write_text("storage: {url: sqlite:///proxy.db}")
    return path


def test_a_sqlite_file_is_made(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["migrate", "--config", str(config)]
    path = config.with_name("proxy.db")
    assert main(command) == 0
    assert main(command) == 0
    assert capsys.readouterr().out == f"{path}: schema {NEWEST}, before none\n{path}: schema {NEWEST}, nothing to do\n"


async def made(postgres: Postgres) -> str:
    return await postgres.create(migrated=False)


def test_postgresql(postgres: Postgres, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio

    url = asyncio.run(made(postgres))
    secrets = "pepper: {value: pepper-pepper-pepper}, encryption_keys: [{value: key-key-key-key-key}]"
    config.write_text(f"storage: {{url: '{url}', {secrets}}}")
    assert main(["reseal", "--config", str(config)]) == 1
    assert "run 'telnyx-proxy migrate --config FILE'" in capsys.readouterr().err
    assert main(["migrate", "--config", str(config)]) == 0
    assert capsys.readouterr().out == f"postgresql:///postgres: schema {NEWEST}, before none\n"
    assert main(["reseal", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "0 credentials are encrypted under the first key\n"
    for command in ("backup", "restore"):
        assert main([command, str(config.with_name("copy")), "--config", str(config)]) == 1
        assert "pg_dump" in capsys.readouterr().err


def test_what_is_no_database_is_told_in_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.with_name("proxy.db").write_bytes(b"nothing of the kind" * 1000)
    assert main(["migrate", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert said == "telnyx-proxy: The database cannot be used at the moment: the file is no SQLite database.\n"
