"""What the house rules look at: the repository as files, found from where this file stands."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ignored_names(root: Path = ROOT) -> list[str]:
    """The patterns of `.gitignore`, bare: what they match is made by running things and is nobody's source."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    return [line.strip("/") for line in lines if line and not line.startswith("#")]


def source_files(*rooms: str, suffix: str = "", root: Path = ROOT) -> Iterator[Path]:
    """Every file below the rooms (or the room itself, if it is a file), sorted, without what `.gitignore` names."""
    ignored = ignored_names(root)
    for room in rooms:
        start = root / room
        for path in [start] if start.is_file() else sorted(start.rglob(f"*{suffix}")):
            parts = path.relative_to(root).parts
            if path.is_file() and not any(fnmatch(part, pattern) for part in parts for pattern in ignored):
                yield path


def line_of(path: Path, number: int, root: Path = ROOT) -> str:
    """`proxy/app.py:12`, which terminals and editors turn into a link."""
    return f"{path.relative_to(root)}:{number}"
