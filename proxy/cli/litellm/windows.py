"""How long a LiteLLM budget lasts, as one of our periods: `1d`, `7d`, `30d`, `1mo`, `monthly`."""

import re
from collections.abc import Mapping
from typing import Any

DAY = 86_400
UNITS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
WORDS: Mapping[str, str] = {"daily": "day", "weekly": "week", "monthly": "month"}
EXACT: Mapping[int, str] = {DAY: "day", 7 * DAY: "week"}
MONTHS = range(28 * DAY, 31 * DAY + 1)
_GIVEN = re.compile(r"([0-9]{1,9})(mo|[smhdw])")


def period(duration: Any) -> tuple[str | None, str]:
    """Our period and what is different about it; None where there is none like it.

    LiteLLM counts from when a budget was made; ours are of the calendar in UTC.
    """
    if duration is None or duration == "":
        return "total", "it is never counted anew"
    word = WORDS.get(str(duration))
    if word is not None:
        return word, "it is of the calendar, in UTC"
    found = _GIVEN.fullmatch(str(duration))
    if found is None:
        return None, "it is no duration"
    number, unit = int(found[1]), found[2]
    if unit == "mo":
        return (
            ("month", "it is of the calendar, in UTC") if number == 1 else (None, "here is day, week, month or total")
        )
    length = number * UNITS[unit]
    near = "month" if length in MONTHS else EXACT.get(length)
    return near, "it is of the calendar, in UTC" if near else "here is day, week, month or total"
