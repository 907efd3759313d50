"""From when to when a page looks: the last hour, day, week, month, or any two moments. Times are UTC.

A range that has a name ends with the present minute or hour, and begins that long before: whole hours are what the
ledger has sums of, and a reading every few seconds asks the same question for an hour. What is to come is empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from proxy.admin.dashboard.frame import first
from proxy.errors import InvalidRequest
from proxy.storage.ranges import DAY, HOUR, MINUTE, SECONDS, Width, floor
from proxy.storage.reports import Question

NAMED: Mapping[str, int] = MappingProxyType({"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY})
"""Name -> seconds."""
WORDS: Mapping[str, str] = MappingProxyType(
    {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}
)
DEFAULT = "24h"
CUSTOM = "custom"
LONGEST = 10 * 366 * DAY
MOST_MINUTES, MOST_HOURS = 3 * HOUR, 8 * DAY
"""The longest ranges in buckets of a minute and of an hour: about two hundred points."""
_FORM = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A range of time.

    Attributes:
        name: of NAMED, or `custom`.
        start, end: Unix seconds, the second one excluded.
        by_minute: whether buckets of a minute can be had: single requests are kept for a shorter time than sums.
    """

    name: str
    start: int
    end: int
    by_minute: bool = True

    @property
    def width(self) -> Width:
        """Of the buckets of its charts."""
        length = self.end - self.start
        if length <= MOST_MINUTES and self.by_minute:
            return "minute"
        return "hour" if length <= MOST_HOURS else "day"

    @property
    def before(self) -> "TimeRange":
        """The range of the same length that ends where this one begins."""
        return TimeRange(self.name, self.start - (self.end - self.start), self.start)

    @property
    def hours(self) -> "TimeRange":
        """The whole hours that it touches, which there are sums of."""
        return TimeRange(self.name, floor(self.start, HOUR), -floor(-self.end, HOUR), by_minute=False)

    def passed(self, now: float) -> float:
        """The part of it that is over, of one: what is compared with the range before is compared by it."""
        return min(1.0, max(0.0, (now - self.start) / (self.end - self.start))) or 1.0

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return WORDS.get(self.name) or f"{stamp(self.start)} to {stamp(self.end)} UTC"

    @property
    def typed(self) -> tuple[str, str]:
        """Both ends as a field `datetime-local` has them, in UTC."""
        return moment_typed(self.start), moment_typed(self.end)

    def query(self) -> dict[str, str]:
        """What names it in a link."""
        if self.name != CUSTOM:
            return {"range": self.name}
        start, end = self.typed
        return {"range": CUSTOM, "from": start, "to": end}

    def buckets(self) -> list[int]:
        """The beginnings of all its buckets, oldest first, whether anything happened in them or not."""
        step = SECONDS[self.width]
        return list(range(floor(self.start, step), self.end, step))

    def asks(
        self,
        width: Width = "all",
        group_by: tuple[str, ...] = (),
        only: Mapping[str, Sequence[str | int]] = MappingProxyType({}),
    ) -> Question:
        """The question to the ledger about it."""
        return Question(self.start, self.end, width, group_by, only)


def range_of(query: Mapping[str, Sequence[str]], now: float) -> TimeRange:
    """The range that a query names: `range=7d`, or `range=custom` with `from` and `to`. Raises InvalidRequest."""
    name = first(query, "range", DEFAULT) or DEFAULT
    if name in NAMED:
        step = MINUTE if NAMED[name] <= MOST_MINUTES else HOUR
        end = int(now) // step * step + step
        return TimeRange(name, end - NAMED[name], end)
    if name != CUSTOM:
        raise InvalidRequest(f"'range' is one of {', '.join(NAMED)} and {CUSTOM}.", param="range")
    start = _moment(query, "from")
    end = _moment(query, "to") if first(query, "to") else int(now) + 1
    if not 0 < end - start <= LONGEST:
        raise InvalidRequest("'from' must be before 'to', by ten years at most.", param="from")
    return TimeRange(CUSTOM, start, end)


def _moment(query: Mapping[str, Sequence[str]], name: str) -> int:
    try:
        found = datetime.fromisoformat(first(query, name))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise InvalidRequest(f"'{name}' must be a moment such as 2027-01-15T08:00 (UTC).", param=name) from None


def moment_typed(at: float) -> str:
    """A moment as a field `datetime-local` has it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime(_FORM)


def stamp(at: float) -> str:
    """A moment for people, in UTC: `2027-01-15 08:00`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
