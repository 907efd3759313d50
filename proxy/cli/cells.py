"""Cells that several lists of key management have."""

from collections.abc import Callable

from proxy.cli.durations import relative
from proxy.cli.tables import Row, joined


def shown(name: str, absent: str = "") -> Callable[[Row, float], str]:
    """A cell with a value of the row."""
    return lambda row, now: joined(row.get(name)) or absent


def when(name: str, absent: str = "") -> Callable[[Row, float], str]:
    """A cell with a time, as seen from now. What the configuration declares was made at 0, which is no time."""
    return lambda row, now: relative(row.get(name) or None, now) or absent


def ending(row: Row, now: float = 0) -> str:
    """The beginning and the end of a key or token, by which people recognise it."""
    return joined(row.get("redacted"))


def standing(row: Row, now: float) -> str:
    """One word on whether a key, a token, a tenant or a credential works."""
    if row.get("status"):
        return joined(row["status"])
    if row.get("archived_at") is not None:
        return "archived"
    return "disabled" if row.get("disabled") else "active"


def origin(row: Row, now: float = 0) -> str:
    """Where a thing is declared, if not in the database."""
    return "configuration" if row.get("declared") else ""
