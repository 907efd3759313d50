"""Figures of the ledger as people and programs read them: dollars, seconds, shares."""

from collections.abc import Mapping
from typing import Any

from proxy.accounts.entries import MICROSECONDS
from proxy.accounts.limits import all_dollars
from proxy.storage.ledger_schema import SUMS
from proxy.storage.reports import Row

_MS_PER_SECOND = 1_000
_OTHERWISE = frozenset({"audio_ms", "cost_micros", "charged_micros", "duration_us", "overhead_us"})
_PLAIN = tuple(name for name in SUMS if name not in _OTHERWISE)
"""The sums that are told as they are."""


def usd_or_none(micros: int | None) -> str | None:
    """Dollars as text, with six decimals; None where the price is not known."""
    return None if micros is None else all_dollars(micros)


def seconds(microseconds: int | None) -> float | None:
    """Seconds, None where there are none."""
    return None if microseconds is None else microseconds / MICROSECONDS


def sums(row: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of a row, and what follows from them."""
    requests, given = row["requests"], row["input_tokens"]
    return {
        **{name: row[name] for name in _PLAIN},
        "audio_seconds": row["audio_ms"] / _MS_PER_SECOND,
        "cost_usd": all_dollars(row["cost_micros"]),
        "charged_usd": all_dollars(row["charged_micros"]),
        "cached_share": round(row["cached_input_tokens"] / given, 4) if given else None,
        "mean_seconds": round(row["duration_us"] / requests / MICROSECONDS, 6) if requests else None,
        "mean_overhead_seconds": round(row["overhead_us"] / requests / MICROSECONDS, 6) if requests else None,
    }


def total(rows: list[Row]) -> Row:
    """Every sum over all rows."""
    return {name: sum(row[name] for row in rows) for name in SUMS}
