"""Settings of single endpoints."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proxy.settings import Settings
from proxy.settings.endpoints import Audio, Batches, Embedding, Paths, Responses
from proxy.settings.secrets import Surroundings


def test_paths_follow_the_base_url() -> None:
    assert all(path.startswith("/") for path in Paths().model_dump().values())
    with pytest.raises(ValidationError):
        Paths.model_validate({"embeddings": "embeddings"})


@pytest.mark.parametrize(
    ("section", "given"),
    [
        (Responses, {"keep": 0}),
        (Responses, {"reasoning": "hide"}),
        (Responses, {"unsupported_tools": "keep"}),
        (Responses, {"background": -1}),
        (Batches, {"requests": 0}),
        (Batches, {"concurrent": 0}),
        (Audio, {"upload": "both"}),
        (Audio, {"size": 0}),
        (Embedding, {"batch": 0}),
        (Embedding, {"unknown": 1}),
    ],
)
def test_what_makes_no_sense_is_refused(section: Any, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section.model_validate(given)


def test_the_folder_of_files_starts_where_the_configuration_is(tmp_path: Path) -> None:
    around = Surroundings(environ={}, folder=tmp_path, resolve=True)
    batches = Settings.model_validate({"batches": {"folder": "files"}}, context=around).batches
    assert batches.folder == str(tmp_path / "files")


def test_the_folder_of_files_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "files").touch()
    around = Surroundings(environ={}, folder=tmp_path, resolve=True)
    with pytest.raises(ValidationError, match="is a file"):
        Settings.model_validate({"batches": {"folder": "files"}}, context=around)
    assert Settings.model_validate({"batches": {"folder": "."}}, context=around).batches.folder == str(tmp_path)
