"""The matrix itself, and those of its clients that this environment has."""

import sys
from pathlib import Path

import pytest

from tests.clients import environments, table
from tests.clients.driving import Result, run_checks
from tests.clients.environments import NotInstalled
from tests.clients.roster import CHECKS, ROSTER, Client

CORE = [row for row in ROSTER if row.name in {"openai-python 3", "anthropic-python"}]


@pytest.mark.parametrize("client", CORE, ids=lambda client: client.script)
async def test_what_official_clients_do_works(client: Client) -> None:
    """Whole, streamed, tools, structured output, errors, several turns, embeddings, responses."""
    result = Result(client.name)
    await run_checks(result, [sys.executable, str(environments.SCRIPTS / client.script)])
    assert result.checks
    assert {name: said for name, said in result.checks.items() if said is not None} == {}


def test_every_client_has_its_script_and_no_script_is_left_over() -> None:
    scripts = {file.name for file in environments.SCRIPTS.iterdir() if file.suffix in {".py", ".mjs"}}
    assert scripts - {"checks.py", "checks.mjs"} == {row.script for row in ROSTER}
    assert len({row.name for row in ROSTER}) == len(ROSTER)


def test_clients_that_share_an_environment_have_the_same_packages() -> None:
    by_home: dict[str, set[tuple[str, ...]]] = {}
    for row in ROSTER:
        by_home.setdefault(row.home, set()).add(row.packages)
    assert {home for home, packages in by_home.items() if len(packages) > 1} == set()


def test_other_packages_are_another_environment() -> None:
    one, other = (Client("a b", "python", (package,), "x.py") for package in ("openai==1", "openai==2"))
    assert environments.home(one) != environments.home(other)
    assert environments.home(one).name.startswith("a-b-")


def test_what_cannot_be_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    with pytest.raises(NotInstalled):
        environments.command(Client("none", "node", ("/no/such/package",), "openai_node.mjs"))


def test_the_table_shows_what_went_well_and_what_did_not() -> None:
    document = {
        "day": "2026-01-02",
        "results": [
            {"client": "openai-python 3", "version": "3.0", "checks": {"whole": True}},
            {"client": "openai-python 2", "version": "2.0", "checks": {"whole": True, "stream": False}},
        ],
    }
    lines = table.markdown(document).splitlines()
    assert lines[2].startswith("| openai-python 3 | 3.0 | ✓ |  |")
    assert lines[3].startswith("| openai-python 2 | 2.0 | ✓ | ✗ |")
    assert lines[-1] == "Last run: 2026-01-02."


def test_the_readme_shows_the_last_run() -> None:
    document, text = table.kept(), table.README.read_text(encoding="utf-8")
    assert table.shown(text, document) == text, "python -m tests.clients"
    assert [row["client"] for row in document["results"]] == [row.name for row in ROSTER]
    assert {name for row in document["results"] for name in row["checks"]} <= set(CHECKS)
