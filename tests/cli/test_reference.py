from pathlib import Path

import pytest

from proxy.cli.reference import FILE, document, main


def test_the_documentation_of_the_configuration_is_up_to_date() -> None:
    assert main(["--check"]) == 0, "run: make docs"


def test_it_has_every_chapter() -> None:
    text = document()
    for chapter in ("Configuration", "## Environment", "## Settings", "## Quirks", "## Metrics"):
        assert f"{chapter}\n" in text
    assert text.endswith("|\n") or text[-2] != "\n"


def test_files_and_variables_of_the_introduction_exist() -> None:
    assert FILE.parent.joinpath("proxy.yaml").is_file()
    assert FILE.parent.joinpath("models.yaml").is_file()


def test_a_stale_file_is_noticed_and_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "README.md"
    assert main(["--check"], file) == 1
    assert main([], file) == 0
    assert main(["--check"], file) == 0
    file.write_text(file.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    assert main(["--check"], file) == 1
    assert capsys.readouterr().err == "README.md is out of date: make docs\n" * 2
