"""Times as people give and read them: `30d`, `2027-01-31`; `in 29 days`, `3 minutes ago`."""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Letter of a unit -> seconds. Months and years are left out: they have no one length."""
LONGEST = 100 * 366 * UNITS["d"]
"""Seconds of a duration at most: a century. What is longer is a slip of the keyboard."""
NAMES = (("day", 86_400, 1800.0), ("hour", 3600, 30.0), ("minute", 60, 0.5), ("second", 1, 0.0))
"""Unit, its seconds, and half of the next smaller one: 59.6 minutes are an hour, 59 seconds no minute."""
DATED = 90 * UNITS["d"]
"""Seconds from which on a date tells more than a number of days."""
NOW = 5
"""Seconds that nobody counts."""

_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+")


@dataclass(frozen=True, slots=True)
class Expiry:
    """An end: so many seconds from now, or a Unix time. Exactly one of the two is given."""

    seconds: int | None = None
    at: int | None = None


def seconds(text: str) -> int:
    """`90m`, `24h`, `1h30m` -> seconds. Raises ArgumentTypeError."""
    if not _DURATION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: a number and s, m, h, d or w, such as 24h")
    total = sum(int(part[:-1]) * UNITS[part[-1]] for part in re.findall(r"[0-9]+[smhdw]", text))
    if total > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than 100 years")
    return total


def expiry(text: str) -> Expiry:
    """A duration from now, or an ISO date or time (UTC where it names no zone). Raises ArgumentTypeError."""
    if _DURATION.fullmatch(text):
        return Expiry(seconds=seconds(text))
    try:
        moment = datetime.fromisoformat(text)
        return Expiry(at=int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        hint = "a duration such as 30d or 24h, nor a date such as 2027-01-31"
        raise argparse.ArgumentTypeError(f"{text!r} is neither {hint}") from None


def relative(at: float | None, now: float) -> str:
    """A Unix time as seen from now: `in 29 days`, `3 minutes ago`, a date where it is far; empty for None."""
    if at is None:
        return ""
    away = abs(at - now)
    if away >= DATED:
        return stamp(at)[:10]
    if away < NOW:
        return "now"
    name, length = next((name, length) for name, length, half in NAMES if away + half >= length)
    count = int(away / length + 0.5)
    words = f"{count} {name}{'' if count == 1 else 's'}"
    return f"in {words}" if at > now else f"{words} ago"


def stamp(at: float) -> str:
    """A Unix time as ISO 8601 in UTC: `2027-01-31T00:00:00Z`. One beyond the calendar stays a number."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(int(at))


def both(at: float | None, now: float) -> str:
    """`2027-01-31T00:00:00Z (in 29 days)`; empty for None."""
    if at is None:
        return ""
    far = abs(at - now) >= DATED
    return stamp(at) if far else f"{stamp(at)} ({relative(at, now)})"
