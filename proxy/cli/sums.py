"""Usage as a table: rows of the API that belong together made one, the sum at the foot, and what is not known said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from proxy.accounts.ledger import errors
from proxy.accounts.limits import all_dollars
from proxy.cli.durations import stamp
from proxy.cli.figures import UNKNOWN, compact, micros_of, money, share, took
from proxy.cli.tables import Column, Row, Screen, table

WHOLE = (
    "requests",
    "streams",
    "aborted",
    "broken",
    "unpriced",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "characters",
    "bytes_in",
    "bytes_out",
)
"""Sums that are whole numbers; `audio_seconds`, `cost_usd` and `charged_usd` are the others."""
ESTIMATED = "~"
PRICING = "models: {profiles: {NAME: {price: {input: ..., output: ...}}}}    # of speech: audio, characters"

Sums = dict[str, Any]
Part = Callable[[Row], float]


def merged(rows: Iterable[Row], groups: Sequence[str]) -> list[Sums]:
    """One row for each bucket and group, of rows that are kept apart by `status` and `source`, too.

    A row: `start`, `end`, the groups (`key_name` beside `key`), WHOLE, `audio_seconds`, `cost_micros`,
    `charged_micros`, and `errors` and `estimated`: requests that failed, `broken` ones among them, and those whose
    usage Telnyx did not report.
    """
    found: dict[tuple[Any, ...], Sums] = {}
    for row in rows:
        names = (*groups, "key_name") if "key" in groups else tuple(groups)
        key = (row["start"], *(row[name] for name in names))
        if key not in found:
            place = {"start": row["start"], "end": row["end"], **{name: row[name] for name in names}}
            found[key] = {**place, **_nothing()}
        _add(found[key], row)
    return list(found.values())


def _nothing() -> Sums:
    return dict.fromkeys((*WHOLE, "audio_seconds", "cost_micros", "charged_micros", "errors", "estimated"), 0)


def _add(into: Sums, row: Row) -> None:
    for name in (*WHOLE, "audio_seconds"):
        into[name] += row[name]
    into["cost_micros"] += micros_of(row["cost_usd"])
    into["charged_micros"] += micros_of(row["charged_usd"])
    into["errors"] += errors(row["status"], row["requests"], row["broken"])
    into["estimated"] += row["requests"] if row["source"] == "estimated" else 0


def total(rows: Iterable[Row]) -> Sums:
    """The sum of merged rows."""
    whole = _nothing()
    for row in rows:
        for name in whole:
            whole[name] += row[name]
    return whole


def ordered(rows: Iterable[Sums]) -> list[Sums]:
    """Oldest bucket first; within it the dearest first, then whatever used most."""
    return sorted(
        rows,
        key=lambda row: (
            row["start"],
            -row["cost_micros"],
            -row["input_tokens"] - row["output_tokens"],
            -row["requests"],
        ),
    )


def shown(rows: Sequence[Row], groups: Sequence[str], width: str, screen: Screen) -> str:
    """The table. The last column is the share of the total: of cost, or where none is known, of tokens or requests."""
    whole = total(rows)
    lines: list[Row] = [*rows, {**whole, "foot": True}] if len(rows) > 1 else list(rows)
    columns = [*_places(groups, width), *_COUNTS, *_money(whole), _share(whole)]
    return table(columns, lines, screen)


def notes(rows: Sequence[Row]) -> list[str]:
    """What the signs in the table mean, where there are any."""
    whole = total(rows)
    said = []
    if whole["broken"]:
        said.append(f"ERRORS: {_requests(whole['broken'])} among them whose stream broke after a good status.")
    if whole["unpriced"]:
        said.append(
            f"{UNKNOWN} {_requests(whole['unpriced'])} whose price is not known: in no cost. To set one:\n    {PRICING}"
        )
    if whole["estimated"]:
        said.append(f"{ESTIMATED} {_requests(whole['estimated'])} with estimated tokens: Telnyx told none.")
    return said


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


def place_columns(groups: Sequence[str], width: str) -> list[Column]:
    """The columns that say when and of what a row is."""
    return _places(groups, width)


def _places(groups: Sequence[str], width: str) -> list[Column]:
    found = [] if width == "all" else [Column("WHEN", lambda row, now: "" if row.get("foot") else when(row, width))]
    found += [Column(name.replace("_", " ").upper(), _group(name)) for name in groups]
    if found:  # the foot is named in the first one
        first = found[0]
        found[0] = Column(
            first.title, lambda row, now: "total" if row.get("foot") else first.cell(row, now), kept=first.kept
        )
    return found


def when(row: Row, width: str) -> str:
    """The beginning of a bucket."""
    text = stamp(row["start"])
    return text[:10] if width == "day" else text[:16].replace("T", " ")


def _group(name: str) -> Callable[[Row, float], str]:
    def cell(row: Row, now: float) -> str:
        if row.get("foot"):
            return ""
        if name == "key":
            return str(row["key_name"] or row["key"] or "-")
        return "-" if row[name] in {"", None} else str(row[name])

    return cell


def _count(name: str) -> Callable[[Row, float], str]:
    return lambda row, now: compact(row[name]) if row[name] else ""


def _tokens(name: str) -> Callable[[Row, float], str]:
    return lambda row, now: f"{ESTIMATED if row['estimated'] and row[name] else ''}{compact(row[name])}"


def _part(name: str, of: str) -> Callable[[Row, float], str]:
    return lambda row, now: share(row[name], row[of]) if row[name] else ""


def _cost(name: str) -> Callable[[Row, float], str]:
    def cell(row: Row, now: float) -> str:
        if not row["unpriced"]:
            return money(row[name])
        return f"{money(row[name])}+{UNKNOWN}" if row[name] else UNKNOWN

    return cell


_COUNTS = (
    Column("REQUESTS", lambda row, now: compact(row["requests"]), right=True, kept=True),
    Column("ERRORS", _count("errors"), right=True, kept=True),
    Column("INPUT", _tokens("input_tokens"), right=True, kept=True),
    Column("CACHED", _part("cached_input_tokens", "input_tokens"), right=True, kept=True),
    Column("OUTPUT", _tokens("output_tokens"), right=True, kept=True),
    Column("REASONING", _part("reasoning_tokens", "output_tokens"), right=True, kept=True),
    Column("AUDIO", lambda row, now: took(row["audio_seconds"] or None), right=True, kept=True),
    Column("CHARACTERS", _count("characters"), right=True, kept=True),
)


def _money(whole: Row) -> list[Column]:
    """What it costs, and beside it what tenants are charged, where that is something else."""
    found = [Column("COST", _cost("cost_micros"), right=True, kept=True)]
    if whole["charged_micros"] != whole["cost_micros"]:
        found.append(Column("CHARGED", _cost("charged_micros"), right=True, kept=True))
    return found


def _share(whole: Row) -> Column:
    of, part = next((of, part) for of, part in _SHARES if part(whole) or of == "REQUESTS")
    return Column(f"OF {of}", lambda row, now: share(part(row), part(whole)), right=True, kept=True)


_SHARES: tuple[tuple[str, Part], ...] = (
    ("COST", lambda row: int(row["cost_micros"])),
    ("TOKENS", lambda row: int(row["input_tokens"] + row["output_tokens"])),
    ("REQUESTS", lambda row: int(row["requests"])),
)


def plain(row: Row) -> Mapping[str, Any]:
    """A merged row as `--json` prints it: money as dollars, in texts of six decimals."""
    texts = {f"{name}_usd": all_dollars(row[f"{name}_micros"]) for name in ("cost", "charged")}
    return {**{name: value for name, value in row.items() if not name.endswith("_micros")}, **texts}
