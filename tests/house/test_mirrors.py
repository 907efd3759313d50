"""Where things are: every module has its test file, and nothing new stands in the root of the repository."""

import ast
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.repository import ROOT, ignored_names, source_files

UNMIRRORED: Mapping[str, str] = {}
"""Module -> why it has no test file of its own. An entry that is no longer needed fails."""

TOP_LEVEL = frozenset({
    "proxy", "config", "tests", "deploy",
    "pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "*.lock", ".*",
})  # fmt: skip


def mirror(module: Path) -> Path:
    """`proxy/x/y.py` -> `tests/x/test_y.py`, `proxy/x/__init__.py` -> `tests/x/test_init.py`."""
    return Path("tests", *module.parts[1:-1], f"test_{module.stem.strip('_')}.py")


def needs_no_test(module: Path, tree: ast.Module) -> bool:
    """A package that only documents itself, names its version and imports; an entry point that also calls one thing."""
    if module.name not in {"__init__.py", "__main__.py"}:
        return False
    calls = [node for node in tree.body if is_call(node)]
    rest = [node for node in tree.body if node not in calls and not is_declaration(node)]
    return not rest and len(calls) <= (module.name == "__main__.py")


def is_declaration(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(isinstance(name, ast.Name) and name.id.startswith("__") for name in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def is_call(node: ast.stmt) -> bool:
    """`main()`, bare or under `if __name__ == "__main__":`."""
    if isinstance(node, ast.If):
        return not node.orelse and len(node.body) == 1 and is_call(node.body[0])
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def unmirrored(root: Path) -> Iterator[str]:
    for path in source_files("proxy", suffix=".py", root=root):
        module = path.relative_to(root)
        if not (root / mirror(module)).is_file() and not needs_no_test(module, ast.parse(path.read_bytes())):
            yield module.as_posix()


def strangers(root: Path) -> list[str]:
    known = TOP_LEVEL | set(ignored_names(root))
    return sorted(path.name for path in root.iterdir() if not any(fnmatch(path.name, name) for name in known))


def test_every_module_has_its_test_file() -> None:
    missing = [f"{module} needs {mirror(Path(module))}" for module in unmirrored(ROOT) if module not in UNMIRRORED]
    assert not missing, "\n".join(missing)


def test_no_exception_is_stale() -> None:
    assert sorted(set(UNMIRRORED) - set(unmirrored(ROOT))) == []


def test_every_exception_has_a_reason() -> None:
    assert [module for module, reason in UNMIRRORED.items() if not reason.strip()] == []


def test_nothing_new_stands_in_the_root() -> None:
    assert strangers(ROOT) == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / ".gitignore").write_text("/data/\n")
    for folder in ("proxy/edge", "tests/edge", "data"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_a_module_without_its_test_file_is_found(house: Path) -> None:
    (house / "proxy" / "edge" / "relay.py").write_text("x = 1\n")
    (house / "proxy" / "edge" / "routes.py").write_text("x = 1\n")
    (house / "tests" / "edge" / "test_routes.py").write_text("")
    assert list(unmirrored(house)) == ["proxy/edge/relay.py"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("__init__.py", '"""The map."""\n\n__version__ = "1"\n'),
        ("__init__.py", "from proxy.edge.routes import routes\n\n__all__ = ['routes']\n"),
        ("__main__.py", "from proxy.cli.main import main\n\nif __name__ == '__main__':\n    main()\n"),
        ("__main__.py", "import sys\n\nfrom proxy.cli.main import main\n\nsys.exit(main())\n"),
    ],
)
def test_a_bare_package_or_entry_point_needs_none(house: Path, name: str, text: str) -> None:
    (house / "proxy" / "edge" / name).write_text(text)
    assert list(unmirrored(house)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("__init__.py", "def route():\n    return 1\n"),
        ("__init__.py", "LIMIT = 3\n"),
        ("__init__.py", "register()\n"),
        ("__main__.py", "first()\nsecond()\n"),
        ("__main__.py", "if a:\n    first()\nelse:\n    second()\n"),
    ],
)
def test_a_package_or_entry_point_that_does_something_needs_one(house: Path, name: str, text: str) -> None:
    (house / "proxy" / "edge" / name).write_text(text)
    assert list(unmirrored(house)) == [f"proxy/edge/{name}"]
    (house / "tests" / "edge" / f"test_{Path(name).stem.strip('_')}.py").write_text("")
    assert list(unmirrored(house)) == []


def test_a_stranger_in_the_root_is_found(house: Path) -> None:
    for name in ("README.md", "requirements-dev.lock", ".editorconfig", "notes.md"):
        (house / name).write_text("")
    assert strangers(house) == ["notes.md"]
