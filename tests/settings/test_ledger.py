from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.settings import load
from proxy.settings.ledger import Ledger


def test_what_is_kept_by_default() -> None:
    ledger = Ledger()
    assert ledger.spool.size == 2**30
    assert ledger.spool.when_full == "drop_oldest"
    assert ledger.retention.model_dump() == {"requests": 30, "hourly": 90, "daily": None}


def test_the_folder_starts_where_the_configuration_is(tmp_path: Path) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text("ledger: {spool: {folder: waiting}}\n")
    assert load(file, {}).ledger.spool.folder == str(tmp_path / "waiting")
    file.write_text("{}\n")
    assert load(file, {}).ledger.spool.folder == str(tmp_path / "data/spool")


@pytest.mark.parametrize(
    "given",
    [
        {"retention": {"requests": 0}},
        {"retention": {"hourly": 40_000}},
        {"retention": {"weekly": 1}},
        {"spool": {"size": "much"}},
        {"spool": {"when_full": "panic"}},
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Ledger.model_validate(given)
