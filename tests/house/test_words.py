"""What must not stand in the text of the repository.

Classes like `[D]` keep these patterns from finding themselves.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.repository import ROOT, ignored_names, line_of, source_files

ROOMS = ("proxy", "tests", "config", "deploy", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", ".ci")

FORBIDDEN: dict[str, re.Pattern[str]] = {
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
    "a path of somebody's machine": re.compile(r"(?<![\w.-])/(?:work|root|home|Users)[/]"),
    "the number of an issue, which says nothing to a reader": re.compile(r"\bissues?\s+#?[0-9]+\b", re.IGNORECASE),
}

SILENCED = re.compile(
    r"type:\s*ignore(?!\[[a-z-]+)"  # mypy, one line
    r"|noqa(?!:\s*[A-Z]+[0-9]+)"  # ruff, one line or a file
    r"|mypy:\s*(?:ignore-errors|disable-error-code)"  # mypy, a whole file
)

PINNED = re.compile(
    r"[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,._-]+\])?==[A-Za-z0-9.!+_-]+"  # name[extra]==version
    r"(?:\s*;[^\\]*?)?"  # ; only on this platform
    r"(?:\s+--hash=sha256:[0-9a-f]{64})+\s*"
)
"""One requirement of a lock file, whole. Options and addresses do not fit: the installer decides about sources."""


def forbidden_words(root: Path) -> Iterator[str]:
    for path in source_files(*ROOMS, root=root):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for what, pattern in FORBIDDEN.items():
                if pattern.search(line):
                    yield f"{line_of(path, number, root)} {what}"


def silenced_checks(root: Path) -> Iterator[str]:
    for path in source_files("proxy", "tests", suffix=".py", root=root):
        source = path.read_text(encoding="utf-8")
        if not SILENCED.search(source):  # then no comment of it does
            continue
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and SILENCED.search(token.string):
                yield line_of(path, token.start[0], root)


def lock_faults(text: str) -> list[str]:
    """The requirements of a lock file that are not exactly `name==version` with hashes."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [entry for entry in joined.splitlines() if not PINNED.fullmatch(entry)]


def test_no_word_is_forbidden() -> None:
    found = list(forbidden_words(ROOT))
    assert not found, "\n".join(found)


def test_every_silenced_check_names_its_code() -> None:
    found = list(silenced_checks(ROOT))
    assert not found, "\n".join(found)


def test_lock_files_pin_everything_by_hash_and_name_no_host() -> None:
    locks = sorted(ROOT.glob("*.lock"))
    assert [lock.name for lock in locks] == ["requirements-dev.lock", "requirements.lock"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert lock_faults(text) == []
        assert re.findall(r"https?://\S+", text) == []


def test_what_running_things_leaves_behind_is_ignored() -> None:
    assert {".venv", "__pycache__", ".coverage*", "dist"} <= set(ignored_names(ROOT))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    (tmp_path / "proxy").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "# ODOT"[::-1] + ": later",
        "# " + "EMXIF"[::-1],
        "# " + "X" * 3 + " careful",
        "cd " + "/work" + "/main",
        "open('/" + "root" + "/x')",
        "see " + "issue" + " #12",
        "see " + "Issue" + " 12",
    ],
)
def test_a_forbidden_word_is_found(house: Path, text: str) -> None:
    (house / "proxy" / "code.py").write_text(f"x = 1\n{text}\n")
    assert [line.split(" ")[0] for line in forbidden_words(house)] == ["proxy/code.py:2"]


@pytest.mark.parametrize("text", ["/v1/work/items", "todo = 1", "an issue with 3 parts", "sk-XXXX", "/workers/"])
def test_ordinary_words_are_not(house: Path, text: str) -> None:
    (house / "proxy" / "code.py").write_text(f"# {text}\n")
    assert list(forbidden_words(house)) == []


@pytest.mark.parametrize("comment", ["type: ignore", "noqa", "noqa: because", "ruff: noqa", "mypy: ignore-errors"])
def test_a_check_silenced_without_a_code_is_found(house: Path, comment: str) -> None:
    (house / "proxy" / "code.py").write_text(f"x = 1  # {comment}\n")
    assert list(silenced_checks(house)) == ["proxy/code.py:1"]


@pytest.mark.parametrize(
    "line", ["x = 1  # type: ignore[no-any-return]", "x = 1  # noqa: S101", "x = '# noqa'", "# ruff: noqa: D100"]
)
def test_a_check_silenced_by_its_code_is_not(house: Path, line: str) -> None:
    (house / "proxy" / "code.py").write_text(f"{line}\n")
    assert list(silenced_checks(house)) == []


HASH = "--hash=sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "entry",
    [
        f"aiohttp==3.14.5 \\\n    {HASH} \\\n    {HASH}",
        f"coverage[toml]==7.1 ; python_full_version <= '3.11' \\\n    {HASH}",
        f"# made by a machine\nuvloop==0.23.0 ; sys_platform != 'win32' \\\n    {HASH}\n    # via nobody",
    ],
)
def test_a_pinned_requirement_with_hashes_is_accepted(entry: str) -> None:
    assert lock_faults(entry) == []


@pytest.mark.parametrize(
    "entry",
    [
        "aiohttp==3.14.5",
        f"aiohttp>=3.14 \\\n    {HASH}",
        "--index-url https://pypi.example/simple",
        f"aiohttp @ https://files.example/aiohttp.whl \\\n    {HASH}",
        "aiohttp==3.14.5 \\\n    --hash=md5:00",
    ],
)
def test_anything_else_in_a_lock_file_is_found(entry: str) -> None:
    assert lock_faults(entry) != []
