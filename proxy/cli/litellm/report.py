"""What became of a LiteLLM configuration, setting by setting: nothing is lost without a line about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from proxy.cli.tables import printable

Kind = Literal["mapped", "check", "lost"]
"""mapped: it has an equal here · check: it was mapped, and somebody should look · lost: it has no equal here."""
Place = tuple[str | int, ...]
HEADINGS: Mapping[Kind, str] = {
    "check": "Mapped, but look at it:",
    "lost": "Not mapped:",
    "mapped": "Mapped:",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one setting and everything in it."""

    place: Place
    kind: Kind
    text: str

    @property
    def path(self) -> str:
        """`model_list[0].litellm_params.rpm`."""
        return dotted(self.place)


@dataclass(slots=True)
class Report:
    """Every line so far."""

    lines: list[Line] = field(default_factory=list)

    def mapped(self, place: Place, text: str) -> None:
        """It has an equal here."""
        self.lines.append(Line(place, "mapped", text))

    def check(self, place: Place, text: str) -> None:
        """It was mapped, and somebody should look at it."""
        self.lines.append(Line(place, "check", text))

    def lost(self, place: Place, text: str) -> None:
        """It has no equal here."""
        self.lines.append(Line(place, "lost", text))

    def cover(self, given: Any, place: Place = ()) -> None:
        """A line for everything in `given` that has none yet."""
        told = {line.place for line in self.lines}
        for leaf in leaves(given, place):
            if leaf and not any(leaf[:length] in told for length in range(1, len(leaf) + 1)):
                self.lost(leaf, "this import does not know it")

    def text(self) -> str:
        """For people: what needs a look first, what was lost next, what went well last."""
        parts = []
        for kind, heading in HEADINGS.items():
            lines = [f"  {printable(line.path)}: {printable(line.text)}" for line in self.lines if line.kind == kind]
            parts += [heading, *lines] if lines else []
        return "\n".join(parts)

    def value(self) -> list[dict[str, str]]:
        """For scripts."""
        return [{"path": line.path, "kind": line.kind, "text": line.text} for line in self.lines]


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of everything that has nothing in it; an empty list or section is one, too."""
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    if not pairs:
        yield place
        return
    for name, each in pairs:
        yield from leaves(each, (*place, name))


def dotted(place: Place) -> str:
    """A place as people write it. Names that are longer than any setting's are cut: they may be anything."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:100]}"
    return text.removeprefix(".")
