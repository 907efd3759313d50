"""Where commands of key management work in the tests: both desks, or the faster one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli import desks
from proxy.cli.main import main
from tests.cli.places import TOKEN, Place, configuration, listening, without_variables


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and its database, made once: migrations take a moment."""
    folder = tmp_path_factory.mktemp("untouched")
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_variables(monkeypatch)
        assert main(["audit", "--config", str(configuration(folder))]) == 0
    return folder


@pytest.fixture
def near(untouched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """In this process, on the database of a configuration."""
    without_variables(monkeypatch)
    shutil.copytree(untouched, tmp_path, dirs_exist_ok=True)
    config = tmp_path / "proxy.yaml"
    return Place(("--config", str(config)), config, capsys, monkeypatch)


@pytest.fixture(params=["config", "url"])
def place(request: pytest.FixtureRequest, near: Place) -> Iterator[Place]:
    """Both: in this process, and over HTTP at an admin listener."""
    if request.param == "config":
        yield near
        return
    near.monkeypatch.setenv(desks.TOKEN, TOKEN)
    with listening(near.config) as url:
        yield Place(("--url", url), near.config, near.capsys, near.monkeypatch)
