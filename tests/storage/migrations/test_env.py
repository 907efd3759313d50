from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from proxy.storage import migrating


def test_it_works_on_the_connection_it_is_handed(tmp_path: Path) -> None:
    """Within its transaction: what is rolled back has not happened."""
    engine = create_engine(f"sqlite:///{tmp_path}/x.db", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        migrating.migrate(connection)
        assert migrating.VERSION_TABLE in inspect(connection).get_table_names()
        connection.rollback()
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


@pytest.mark.parametrize("folder", ["other", "50%"])
def test_it_is_found_wherever_the_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    scripts = ScriptDirectory.from_config(migrating._configuration())
    written = tuple(reversed([script.revision for script in scripts.walk_revisions()]))
    assert written == migrating.VERSIONS, "what the program says it knows is what there is"
