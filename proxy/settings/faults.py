"""What is wrong with a configuration: all faults at once, each with its place and a way to mend it.

Values never stand in a fault: the one that is wrong may be a secret in the wrong line.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

Location = tuple[str | int, ...]
"""Where a setting is: names of sections and maps, indices of lists. `("tenants", 0, "keys", 1, "secret")`."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_LAST_STEP = re.compile(r'(?:\["(?:[^"\\]|\\.)*"\]|\[\d+\]|\.?[^.\[\]"]+)\Z')
_BRACKETED = re.compile(r'\["([A-Za-z_][A-Za-z0-9_-]*)"\]')
NEAR = 0.6
"""difflib's ratio from which two names are taken for one and a slip; its own default."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend.

    Attributes:
        path: the setting as people write it (`tenants[0].keys[1].secret`), empty for the file as a whole.
        message: what is wrong, to be read after the path ("must be a whole number").
        hint: what to do about it; may be empty.
        source: the file or the environment variable it comes from; filled in by `loading.load`.
        line: 1-based line in that file, None where there is none.
    """

    path: str
    message: str
    hint: str = ""
    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.source and self.line else self.source
        head = _printable(": ".join(part for part in (place, self.path, self.message) if part))
        return f"{head}\n    {_printable(self.hint)}" if self.hint else head


def _printable(text: str) -> str:
    """Without anything that a terminal would act on: names stand in a file that somebody else may have written."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


class ConfigurationError(Exception):
    """A configuration that cannot be used. Its text is every fault, in the order of the file.

    Attributes:
        faults: all of them, at least one.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.source, fault.line or 0)))
        super().__init__("\n".join(map(str, self.faults)))


def path_text(location: Location) -> str:
    """`tenants[0].keys[1].secret`; names that are not plain words stand in brackets: `models.profiles["zai-org/*"]`."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def plain_path(path: str) -> str:
    """The path as `path_text` writes it, where somebody put a plain name in brackets: `a["b"]` -> `a.b`."""
    return _BRACKETED.sub(r".\1", path)


def enclosing(path: str) -> Iterator[str]:
    """The path itself, then what contains it, outwards; the empty path of the whole file comes last."""
    while path:
        yield path
        path = _LAST_STEP.sub("", path, count=1) if _LAST_STEP.search(path) else ""
    yield ""


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that looks most like this one, or None."""
    lowered = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=NEAR)
    return lowered[close[0]] if close else None


def suggest(name: str, known: Collection[str]) -> str:
    """A hint for an unknown name: the nearest known one, else all of them."""
    close = nearest(name, known)
    return f"did you mean '{close}'?" if close else "known are: " + ", ".join(sorted(known))


def expect_known(path: str, names: Iterable[str], known: Collection[str], what: str) -> list[Fault]:
    """Faults for the keys of the map at `path` that are not known; for rooms whose tables settings cannot see.

    `what` completes the sentence "... is not <what>": "a quirk", "a field of the chat request".
    """
    return [
        Fault(path + path_text(("x", name))[1:], f"is not {what}", suggest(name, known))
        for name in names
        if name not in known
    ]
