"""Figures as people read them at a glance: `1.2M`, `$0.0034`, `34 %`, `1.20 s`."""

from decimal import Decimal
from typing import Any

from proxy.accounts.limits import MICROS

UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
PLAIN = 10_000
"""Below it, every digit is shown."""
UNKNOWN = "?"
_TENS, _HUNDREDS = 10, 100
_FINE = 100
"""Micro-dollars below which four decimals would tell too little."""
_MINUTE = 60


def compact(value: int) -> str:
    """`1234`, `12.3k`, `1.2M`: three digits or so, and no more than needed."""
    size = abs(value)
    if size < PLAIN:
        return str(value)
    unit, letter = next(pair for pair in UNITS if size >= pair[0])
    scaled = value / unit
    return f"{scaled:.0f}{letter}" if abs(scaled) >= _HUNDREDS else f"{scaled:.1f}{letter}"


def money(micros: int | None) -> str:
    """`$12.34`; below a dollar with as many decimals as tell something, `$0.0042`; unknown is `?`."""
    if micros is None:
        return UNKNOWN
    sign, size = ("-" if micros < 0 else ""), abs(micros)
    if size >= MICROS or not size:
        return f"{sign}${size / MICROS:,.2f}"
    places = 4 if size >= _FINE else 6
    return f"{sign}${size / MICROS:.{places}f}"


def micros_of(usd: Any) -> int:
    """Micro-dollars of a text such as `0.001234`."""
    return int((Decimal(str(usd)) * MICROS).to_integral_value())


def share(part: float, whole: float) -> str:
    """`34 %`, `0.4 %`; nothing where there is no whole."""
    if not whole:
        return ""
    percent = part * _HUNDREDS / whole
    return f"{percent:.1f} %" if 0 < percent < 1 else f"{percent:.0f} %"


def took(seconds: float | None) -> str:
    """`850 ms`, `1.20 s`, `2m 05s`; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.2f} s" if seconds < _TENS else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes}m {rest:02}s"
