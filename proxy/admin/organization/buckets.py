"""Usage and costs as OpenAI tells them: pages of buckets of time, each with its results, empty ones included.

Borders between buckets are those of UTC. The first bucket of usage begins with `start_time` and the last one ends with
`end_time` (or now), wherever within a bucket these are, and costs are told by whole days: seen in the answers that
OpenAI publishes (https://cookbook.openai.com/examples/completions_usage_api). `limit` counts buckets. A cursor names
the bucket that a page begins with and the end of the whole range, so that pages suit each other whatever time goes by.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict

from proxy.admin.listing import number, text
from proxy.admin.operations import Call, Reply, View
from proxy.admin.values import LATEST
from proxy.errors import InvalidRequest
from proxy.storage.ranges import SECONDS, Width, floor

Result = dict[str, Any]

START, END, WIDTH, LIMIT, PAGE = PARAMETERS = "start_time", "end_time", "bucket_width", "limit", "page"
WIDTHS: Mapping[str, Width] = {"1m": "minute", "1h": "hour", "1d": "day"}
_CURSOR, _CURSOR_PREFIX = Struct(">QQ"), "page_"
_MOMENT: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": LATEST}


class Most(NamedTuple):
    """Buckets of a page."""

    default: int
    most: int


OF_USAGE: Mapping[str, Most] = {"1d": Most(7, 31), "1h": Most(24, 168), "1m": Most(60, 1440)}
OF_COSTS: Mapping[str, Most] = {"1d": Most(7, 180)}


class UsageResult(View):
    """What was used, or what it cost; `object` says what else there is. What is not grouped by is null."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    object: str


class UsageBucket(View):
    """A stretch of time."""

    object: Literal["bucket"] = "bucket"
    start_time: int
    end_time: int
    results: list[UsageResult]


class UsagePage(View):
    """Some buckets, oldest first."""

    object: Literal["page"] = "page"
    data: list[UsageBucket]
    has_more: bool
    next_page: str | None


class Part(NamedTuple):
    """The part of a range that is on one page. Unix seconds.

    Attributes:
        start: of the first bucket.
        end: of the last bucket.
        whole: where the whole range ends.
        width: of a bucket.
    """

    start: int
    end: int
    whole: int
    width: Width

    def buckets(self) -> Iterable[tuple[int, int]]:
        """The beginning and the end of each."""
        length, at = SECONDS[self.width], self.start
        while at < self.end:
            following = min(floor(at, length) + length, self.end)
            yield at, following
            at = following


def parameters(mosts: Mapping[str, Most]) -> dict[str, str]:
    """The query parameters that ask for buckets, with a line on each."""
    sizes = "; ".join(
        f"{width}: {most.default} where nothing is said, at most {most.most}" for width, most in mosts.items()
    )
    return {
        START: "the beginning, Unix seconds",
        END: "the end, not included, Unix seconds; now where nothing is said",
        WIDTH: f"of a bucket: {', '.join(sorted(mosts))}; 1d where nothing is said",
        LIMIT: f"buckets of a page ({sizes})",
        PAGE: "`next_page` of the page before",
    }


def forms(mosts: Mapping[str, Most]) -> dict[str, Mapping[str, Any]]:
    """Their schemas. How many buckets there can be depends on their width, which no schema says."""
    largest = max(most.most for most in mosts.values())
    return {
        START: _MOMENT,
        END: _MOMENT,
        WIDTH: {"type": "string", "enum": sorted(mosts)},
        LIMIT: {"type": "integer", "minimum": 1, "maximum": largest},
    }


def part(call: Call, now: int, mosts: Mapping[str, Most], *, whole_days: bool = False) -> Part:
    """What is on the page that is asked for. Raises InvalidRequest."""
    wanted = text(call, WIDTH) or "1d"
    if wanted not in mosts:
        raise InvalidRequest(f"'{WIDTH}' must be one of {', '.join(sorted(mosts))}.", param=WIDTH)
    width = WIDTHS[wanted]
    length = SECONDS[width]
    start, end = _range(call, now)
    if whole_days:
        start, end = floor(start, length), -floor(-end, length)
    start, end = _from_cursor(call, start, end, length)
    last = floor(start, length) + _limit(call, mosts[wanted]) * length
    return Part(start, min(last, end), end, width)


def paged(found: Part, results: Mapping[int, list[Result]]) -> Reply:
    """The page. `results`: beginning of a bucket in UTC -> what happened in it."""
    length, more = SECONDS[found.width], found.end < found.whole
    data = [
        {
            "object": "bucket",
            "start_time": start,
            "end_time": end,
            "results": results.get(floor(start, length), []),
        }
        for start, end in found.buckets()
    ]
    following = _cursor(found.end, found.whole) if more else None
    return Reply({"object": "page", "data": data, "has_more": more, "next_page": following})


def _range(call: Call, now: int) -> tuple[int, int]:
    start, end = _moment(call, START), _moment(call, END)
    if start is None:
        code = "missing_required_parameter"
        raise InvalidRequest(f"Missing required parameter: '{START}'.", param=START, code=code)
    if end is not None and end <= start:
        raise InvalidRequest(f"'{END}' must be after '{START}'.", param=END)
    # A range that begins later than now has one bucket, in which nothing has happened.
    return start, max(now, start + 1) if end is None else end


def _moment(call: Call, name: str) -> int | None:
    found = number(call, name)
    if found is not None and found > LATEST:
        raise InvalidRequest(f"'{name}' must be in Unix seconds.", param=name)
    return found


def _limit(call: Call, most: Most) -> int:
    found = number(call, LIMIT)
    if found is None:
        return most.default
    if not 1 <= found <= most.most:
        raise InvalidRequest(f"'{LIMIT}' must be from 1 to {most.most}.", param=LIMIT)
    return found


def _cursor(start: int, end: int) -> str:
    return _CURSOR_PREFIX + urlsafe_b64encode(_CURSOR.pack(start, end)).decode()


def _from_cursor(call: Call, start: int, end: int, length: int) -> tuple[int, int]:
    """Where the page begins, and where the range ends. Raises InvalidRequest."""
    given = text(call, PAGE)
    if given is None:
        return start, end
    at, whole = _read_cursor(given)
    fits = start < at < whole <= max(end, start + 1) and at % length == 0
    if not fits or (END in call.query and whole != end):
        raise _no_cursor()
    return at, whole


def _read_cursor(given: str) -> tuple[int, int]:
    try:
        packed = urlsafe_b64decode(given.removeprefix(_CURSOR_PREFIX).encode("ascii"))
    except ValueError:
        raise _no_cursor() from None
    if len(packed) != _CURSOR.size or not given.startswith(_CURSOR_PREFIX):
        raise _no_cursor()
    at, whole = _CURSOR.unpack(packed)
    return int(at), int(whole)


def _no_cursor() -> InvalidRequest:
    return InvalidRequest(f"'{PAGE}' must be `next_page` of a page of the same request.", param=PAGE)
