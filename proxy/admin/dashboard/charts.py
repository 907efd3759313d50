"""The charts of the overview: for each what is drawn, and the same numbers as a table for those who do not see it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from proxy.accounts.limits import MICROS
from proxy.admin.dashboard import figures
from proxy.admin.dashboard.ranges import TimeRange
from proxy.admin.dashboard.totals import OUTCOMES, Totals
from proxy.storage.ranges import DAY

Unit = Literal["number", "dollars", "seconds"]
Row = Mapping[str, Any]
PARTS = (0.5, 0.95)
"""The percentiles that are shown."""
_YEAR = 365 * DAY
_TEXT: Mapping[Unit, Callable[[float | None], str]] = {
    "number": figures.number,
    "dollars": lambda value: figures.money(None if value is None else round(value * MICROS)),
    "seconds": figures.seconds,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One series. `values`: one for each bucket, None where there is none. `colour`: 1 to 5."""

    name: str
    values: Sequence[float | None]
    colour: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Attributes:
        name: part of the id of its elements; title: for people.
        form: bars are stacked; lines are not.
        unit: of the values.
        labels: of the buckets.
        lines: the series.
    """

    name: str
    title: str
    form: Literal["bar", "line"]
    unit: Unit
    labels: Sequence[str]
    lines: Sequence[Line]

    def data(self) -> dict[str, Any]:
        """What the script draws."""
        lines = [{"name": each.name, "values": each.values, "colour": each.colour} for each in self.lines]
        return {"form": self.form, "unit": self.unit, "labels": self.labels, "lines": lines}

    def columns(self) -> list[str]:
        """The names of the columns of the table, as `macros.table` takes them."""
        return ["UTC", *(f"#{each.name}" for each in self.lines)]

    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as text: a label, and what each series has there. Buckets in which nothing was are left out."""
        text = _TEXT[self.unit]
        columns = zip(*(each.values for each in self.lines), strict=True)
        return [
            (label, [text(value) for value in values])
            for label, values in zip(self.labels, columns, strict=True)
            if any(values)
        ]

    @property
    def summary(self) -> str:
        """What a screen reader says instead of the picture."""
        text = _TEXT[self.unit]
        said = []
        for each in self.lines:
            known = [value for value in each.values if value is not None]
            if known and self.form == "bar":
                said.append(f"{each.name} {text(sum(known))} in total")
            elif known:
                said.append(f"{each.name} between {text(min(known))} and {text(max(known))}")
        return f"{self.title}: {'; '.join(said)}." if said else f"{self.title}: nothing yet."


def charts(
    when: TimeRange, sums: Mapping[int, Totals], duration: Iterable[Row], first_token: Iterable[Row]
) -> list[Chart]:
    """All five. `sums`: by bucket; the others: rows of `reports.latency` for PARTS."""
    buckets = when.buckets()
    labels = [label(at, when) for at in buckets]
    empty = Totals()
    found = [sums.get(at, empty) for at in buckets]
    return [
        Chart("requests", "Requests", "bar", "number", labels, [
            Line(words, [each.outcomes[outcome] for each in found], colour)
            for colour, (outcome, words) in zip((1, 5, 2, 4), OUTCOMES.items(), strict=True)
        ]),
        Chart("tokens", "Tokens", "bar", "number", labels, [
            Line("Input, not cached", [each.input_tokens - each.cached_input_tokens for each in found], 1),
            Line("Input, cached", [each.cached_input_tokens for each in found], 3),
            Line("Output", [each.output_tokens for each in found], 2),
        ]),
        Chart("cost", "Cost", "bar", "dollars", labels, [Line("US dollars", [_dollars(each) for each in found], 3)]),
        Chart("latency", "Latency", "line", "seconds", labels, _percentiles(buckets, duration)),
        Chart("first-token", "Time to first token", "line", "seconds", labels, _percentiles(buckets, first_token)),
    ]  # fmt: skip


def label(at: int, when: TimeRange) -> str:
    """What a bucket is called: as much of its beginning as tells it from the others."""
    length = when.end - when.start
    by_day = "%d %b" if length <= _YEAR else "%d %b %Y"
    form = by_day if when.width == "day" else "%H:%M" if length <= DAY else "%d %b %H:%M"
    return datetime.fromtimestamp(at, UTC).strftime(form)


def _dollars(each: Totals) -> float | None:
    return None if each.cost is None else each.cost / MICROS


def _percentiles(buckets: Sequence[int], rows: Iterable[Row]) -> list[Line]:
    found = {row["bucket"]: row["values"] for row in rows}
    nothing: Sequence[float | None] = (None,) * len(PARTS)
    return [
        Line(f"p{part * 100:.0f}", [found.get(at, nothing)[index] for at in buckets], index + 1)
        for index, part in enumerate(PARTS)
    ]
