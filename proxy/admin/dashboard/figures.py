"""Numbers, money and times as text, the same on every page: filters of the templates.

What is not known is a dash, never a zero.
"""

from datetime import UTC, datetime

from proxy.accounts.limits import MICROS, dollars

UNKNOWN = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"
_STEPS = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_EXACT_BELOW = 10_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TEN, _HUNDRED = 10, 100


def number(value: float | None) -> str:
    """A whole number with its thousands apart: `1,234,567`."""
    return UNKNOWN if value is None else f"{round(value):,}"


def compact(value: float | None) -> str:
    """A number in four characters or so: `987`, `9,876`, `12.3k`, `4.56M`."""
    if value is None:
        return UNKNOWN
    for size, letter in _STEPS:
        if abs(value) >= max(size, _EXACT_BELOW) or (size > _EXACT_BELOW and round(abs(value)) >= size):
            return f"{_three(value / size)}{letter}"
    return f"{round(value):,}"


def _three(value: float) -> str:
    """Three digits, whatever their size."""
    if abs(value) >= _HUNDRED:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= _TEN else f"{value:.2f}"


def money(micros: int | None) -> str:
    """Micro-dollars as people read them: cents from a dollar on, three digits that count below it."""
    if micros is None:
        return UNKNOWN
    sign, size = "-" if micros < 0 else "", abs(micros)
    if size >= MICROS:
        return f"{sign}${size / MICROS:,.2f}"
    unit = 10 ** max(0, len(str(size)) - 3)
    return f"{sign}${dollars((size + unit // 2) // unit * unit)}"


def exact_money(micros: int | None) -> str:
    """Micro-dollars to the last one: `$25.00`, `$0.000001`."""
    return UNKNOWN if micros is None else f"${dollars(micros)}"


def seconds(value: float | None) -> str:
    """A duration: `840 ms`, `1.42 s`, `75 s`, `12 min`."""
    if value is None:
        return UNKNOWN
    if value < 1:
        thousandths = value * 1000
        return f"{thousandths:.0f} ms" if thousandths >= 1 else f"{thousandths:.2f} ms" if value else "0 ms"
    if value < 2 * _MINUTE:
        return f"{_three(value)} s"
    return f"{value / _MINUTE:.0f} min" if value < 2 * _HOUR else f"{value / _HOUR:.1f} h"


def percent(part: float | None) -> str:
    """A part of one: `4.2 %`; what is there and below a tenth of a per cent says so."""
    if part is None:
        return UNKNOWN
    value = part * 100
    if 0 < value < 0.1:  # noqa: PLR2004 - what one decimal can show
        return "< 0.1 %"
    return f"{value:.0f} %" if value >= _TEN or value == 0 else f"{value:.1f} %"


def moment(at: float | None) -> str:
    """Unix seconds to the second, in UTC: `2027-01-15 08:00:00`."""
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    """Unix seconds for the attribute `datetime`."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def ago(at: float | None, now: float) -> str:
    """How long since: `just now`, `5 min ago`, `3 h ago`, `12 d ago`."""
    if at is None:
        return "never"
    since = now - at
    for size, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if since >= size:
            return f"{since // size:.0f} {word} ago"
    return "just now"
