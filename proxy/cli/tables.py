"""Lists and single things on a terminal: aligned, no boxes, as wide as the screen allows.

What comes from the store was written by many people. It is shown without anything that a terminal would act on.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

GAP = "  "
CUT = "\N{HORIZONTAL ELLIPSIS}"
NARROWEST = 8
"""Places that are left of a column which is cut."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What is written on: its width in places, None where nothing bounds it (a file, a pipe); and what time it is."""

    width: int | None
    now: float


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a list.

    Attributes:
        title: its heading.
        cell: what stands in it, from a row and the Unix time.
        kept: never cut: an id is of no use without its end.
        right: for numbers.
    """

    title: str
    cell: Callable[[Row, float], str]
    kept: bool = False
    right: bool = False


def printable(value: object) -> str:
    """A text on one line. Control and direction characters, which could hide or forge what is read, become `?`."""
    return "".join(each if each.isprintable() else " " if each in "\n\t" else "?" for each in str(value))


def places(text: str) -> int:
    """How many places of a terminal a text takes: some characters take two, accents put on others none."""
    return sum(_places(each) for each in text)


def _places(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def table(columns: Sequence[Column], rows: Iterable[Row], screen: Screen) -> str:
    """A heading and a line for each row; a column in which nothing stands is left out."""
    cells = [[printable(column.cell(row, screen.now)) for column in columns] for row in rows]
    used = [index for index in range(len(columns)) if any(line[index] for line in cells)]
    columns = [columns[index] for index in used]
    lines = [[column.title for column in columns], *([line[index] for index in used] for line in cells)]
    widths = [max(places(line[index]) for line in lines) for index in range(len(columns))]
    if screen.width is not None:
        _fit(widths, columns, screen.width)
    return "".join(_line(line, widths, columns) for line in lines)


def _fit(widths: list[int], columns: Sequence[Column], width: int) -> None:
    """Take from the widest columns that may be cut until all fit, or none is left to take from."""
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    for _ in range(excess):
        index = max(
            (index for index, column in enumerate(columns) if not column.kept and widths[index] > NARROWEST),
            key=lambda index: widths[index],
            default=None,
        )
        if index is None:
            return
        widths[index] -= 1


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    parts = []
    for text, width, column in zip(cells, widths, columns, strict=True):
        shown = cut(text, width)
        blanks = " " * (width - places(shown))
        parts.append(blanks + shown if column.right else shown + blanks)
    return GAP.join(parts).rstrip() + "\n"


def cut(text: str, width: int) -> str:
    """A text in so many places; one that is cut says so with its last character."""
    if places(text) <= width:
        return text
    kept = text[: width - 1]
    while places(kept) > width - 1:
        kept = kept[:-1]
    return kept + CUT


def record(pairs: Iterable[tuple[str, str]]) -> str:
    """One thing, a line for each of its properties; those without a value are left out."""
    shown = [(name, printable(value)) for name, value in pairs if value != ""]
    width = max((len(name) for name, _ in shown), default=0)
    return "".join(f"{name:{width}}{GAP}{value}\n" for name, value in shown)


def joined(values: object) -> str:
    """A list as `a, b`, a map as `k=v, k=v`, yes for true, nothing for what is empty."""
    if values is None or values is False:
        return ""
    if values is True:
        return "yes"
    if isinstance(values, Mapping):
        return ", ".join(f"{name}={value}" for name, value in values.items())
    if isinstance(values, Iterable) and not isinstance(values, str):
        return ", ".join(map(str, values))
    return str(values)
