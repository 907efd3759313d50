# ruff: noqa: ASYNC240 - small files on a disk of the test

from pathlib import Path

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.cli.storing import location_of, opened, url_of
from proxy.errors import StoreUnavailable
from proxy.settings import ConfigurationError, Settings
from proxy.storage.refusals import SecretRefused
from proxy.storage.store import TENANT

TENANT_ROW = {"id": "acme", "name": "Acme", "rules": {}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "proxy.yaml"
    path.write_text("storage: {url: sqlite:///data/proxy.db}")
    return path


async def test_the_database_is_made_beside_the_configuration(config: Path) -> None:
    async with opened(config) as (settings, store, sealing):
        assert location_of(settings).path == config.parent / "data" / "proxy.db"
        async with store.changing(COMMAND_LINE) as session:
            await session.add(TENANT, TENANT_ROW)
        sealed = sealing.seal(b"KEY")
    async with opened(config) as again:
        assert await again.store.generation() == 1
        assert again.sealing.open(sealed) == b"KEY"


async def test_given_secrets_are_used(config: Path) -> None:
    with config.open("a") as file:
        file.write("\n")
    pepper, key = "pepper-pepper-pepper", "key-key-key-key-key"
    config.write_text(
        f"storage: {{url: sqlite:///proxy.db, pepper: {{value: {pepper}}}, encryption_keys: [{{value: {key}}}]}}"
    )
    async with opened(config):
        pass
    assert not list(config.parent.glob("*.pepper"))
    config.write_text(config.read_text().replace(pepper, "another-another-another"))
    with pytest.raises(SecretRefused, match="every key in this database would fail"):
        async with opened(config):
            pass


async def test_a_database_that_fails_is_told_as_an_oserror(config: Path) -> None:
    with pytest.raises(OSError, match="no good"):
        async with opened(config):
            raise StoreUnavailable("no good")
    (config.parent / "data" / "proxy.db").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(OSError, match="no SQLite database"):
        async with opened(config):
            pass


def test_no_database_is_a_fault_of_the_configuration(config: Path) -> None:
    config.write_text("storage: {url: null}")
    settings = Settings.model_validate({"storage": {"url": None}})
    with pytest.raises(ConfigurationError, match=r"storage.url: is null"):
        url_of(settings)


def test_the_password_of_postgresql_is_not_shown() -> None:
    storage = {"url": "postgresql://u@db/proxy", "password": {"value": "hunter2"}}
    found = location_of(Settings.model_validate({"storage": storage}))
    assert found.dsn == "postgresql://u:hunter2@db/proxy"
    assert "hunter2" not in str(found)
