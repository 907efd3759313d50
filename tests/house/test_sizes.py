"""Caps, not averages: trouble lives in the longest file and the longest function, and grows one fair line at a time."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.repository import ROOT, line_of, source_files

FILE_LINES = 400
FUNCTION_LINES = 40  # the docstring is not counted: explaining must not be punished

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


def long_files(root: Path) -> Iterator[str]:
    for path in source_files("proxy", root=root):
        length = len(path.read_bytes().splitlines())
        if length > FILE_LINES:
            yield f"{line_of(path, FILE_LINES + 1, root)} the file has {length} lines"


def long_functions(root: Path) -> Iterator[str]:
    for path in source_files("proxy", suffix=".py", root=root):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, type_of_function) and code_lines(node) > FUNCTION_LINES:
                yield f"{line_of(path, node.lineno, root)} {node.name} has {code_lines(node)} lines"


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the last line; decorators and the docstring are not counted, nested functions are."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return total
    docstring = function.body[0]
    return total - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_no_file_is_longer_than_its_cap() -> None:
    found = list(long_files(ROOT))
    assert not found, "\n".join(found)


def test_no_function_is_longer_than_its_cap() -> None:
    found = list(long_functions(ROOT))
    assert not found, "\n".join(found)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    (tmp_path / "proxy" / "__pycache__").mkdir(parents=True)
    return tmp_path


def test_a_file_of_401_lines_is_found(house: Path) -> None:
    (house / "proxy" / "short.py").write_text("x = 1\n" * FILE_LINES)
    (house / "proxy" / "page.html").write_text("<br>\n" * (FILE_LINES + 1))
    (house / "proxy" / "__pycache__" / "long.py").write_text("x = 1\n" * (FILE_LINES + 1))
    assert list(long_files(house)) == ["proxy/page.html:401 the file has 401 lines"]


def test_a_function_of_41_lines_is_found_and_its_docstring_is_free(house: Path) -> None:
    body = "    x = 1\n" * (FUNCTION_LINES - 1)
    docstring = '    """What it does.\n\n    And why.\n    """\n'
    (house / "proxy" / "code.py").write_text(
        f"@decorator\ndef fits():\n{docstring}{body}\n\nclass A:\n    async def grew(self):\n"
        + "        x = 1\n" * FUNCTION_LINES
    )
    assert list(long_functions(house)) == ["proxy/code.py:49 grew has 41 lines"]
