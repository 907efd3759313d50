"""`telnyx-proxy usage export`: the ledger in a file, whole or not at all, in memory that does not grow with it.

Rows come in pages of the API and go out in batches. A file is written under a temporary name beside its own, which it
gets when everything is in it.

In CSV, a text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets an
apostrophe in front: names of models, tags and ids of requests are written by clients. Parquet has every text as it is,
and so has CSV with `--raw`.
"""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from proxy.cli.columns import OF_REQUESTS, OF_SUMS
from proxy.cli.desks import LONG_PAGE, Desk, Misused, Refused, Told, add_action, path
from proxy.cli.ranges import DAY, GROUPS, Query, add_range, asked
from proxy.cli.sinks import Csv, Parquet, Sink
from proxy.cli.tables import Row

ROWS = ("requests", "hourly", "daily")
FORMATS = ("csv", "parquet")
SPANS = {"hourly": ("hour", DAY), "daily": ("day", 7 * DAY)}
"""Width of a bucket, and seconds of one question."""
LARGE_PAGE = 10_000
"""Sums asked for at a time. A page costs as much as all of its question: few large ones are answered sooner."""
GROUPED = tuple(name for name in GROUPS if name != "end_user")
"""Sums are kept apart by all that they are kept by; by end users there are none."""
STDOUT = "-"


def add_action_to(actions: Any) -> None:
    """Add it."""
    action = add_action(actions, "export", "Write requests, or sums by hour or day, to a CSV or Parquet file.", _export)
    add_range(action)
    action.add_argument(
        "--to", required=True, metavar="FILE", help="such as usage.csv or usage.parquet; - is standard output"
    )
    action.add_argument("--rows", choices=ROWS, default=ROWS[0], help=f"what a row is (default {ROWS[0]})")
    action.add_argument("--format", choices=FORMATS, help="default: as the file is called, csv for -")
    action.add_argument("--raw", action="store_true", help="CSV: leave texts alone that look like formulas")


async def _export(desk: Desk, args: argparse.Namespace) -> Told:
    kind = _format(args)
    if args.to == STDOUT and args.json:
        raise Misused("--json and --to - would both write to standard output")
    query = await asked(desk, args)
    fields = OF_REQUESTS if args.rows == "requests" else OF_SUMS
    rows = requests(desk, query) if args.rows == "requests" else sums(desk, query, args.rows)
    with written(args.to) as file:
        sink: Sink = Parquet(file, fields) if kind == "parquet" else Csv(file, fields, raw=args.raw)
        count = await poured(rows, sink)
    what = "requests" if args.rows == "requests" else f"{args.rows} sums"
    value = {"object": "export", "file": args.to, "format": kind, "rows": count, "of": args.rows}
    return Told(value, notes=(f"{count:,} {what} written to {'standard output' if args.to == STDOUT else args.to}.",))


def _format(args: argparse.Namespace) -> str:
    """Raises Misused where it cannot be told, Refused where the library for it is missing."""
    ending = Path(args.to).suffix.lower().removeprefix(".")
    kind = args.format or ("csv" if args.to == STDOUT else ending)
    if kind not in FORMATS:
        raise Misused(f"--to {args.to} is called neither .csv nor .parquet: say which it is with --format")
    if kind == "parquet":
        expect_library()
    return str(kind)


def expect_library() -> None:
    """Raises Refused where Parquet cannot be written."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise Refused(
            "Parquet needs a library that is not installed:\n    pip install 'telnyx-openai-proxy[parquet]'"
        ) from None


async def poured(rows: AsyncIterator[list[Row]], sink: Sink) -> int:
    """Every page into the sink, one after the other; how many rows there were."""
    count = 0
    async for page in rows:
        sink.take(page)
        count += len(page)
        del page  # the next one is asked for without holding this one
    sink.end()
    return count


async def requests(desk: Desk, query: Query) -> AsyncIterator[list[Row]]:
    """Requests, newest first, page by page. What is made meanwhile is newer, so it is not in them. Raises Refused."""
    start, end = await _range(desk, query)
    query = {**query, "start": str(start), "end": str(end), "limit": str(LONG_PAGE)}
    while True:
        page = await desk.call("GET", path("requests"), query=query)
        more, last = page.get("has_more"), page.get("last_id")
        yield page.pop("data")
        if not more or query.get("after") == last:
            return
        query["after"] = str(last)


async def sums(desk: Desk, query: Query, kind: str) -> AsyncIterator[list[Row]]:
    """Sums, oldest first, for some days or hours at a time. Raises Refused."""
    width, span = SPANS[kind]
    at, last = await _range(desk, query)
    while at < last:
        end = min(last, (at // span + 1) * span)
        narrow = {"start": str(at), "end": str(end), "width": width, "group_by": GROUPED, "limit": str(LARGE_PAGE)}
        answer: dict[str, Any] = {"next_page": ""}
        while (page := answer["next_page"]) is not None:
            following = {"page": page} if page else {}
            answer = await desk.call("GET", path("usage"), query={**query, **narrow, **following})
            yield answer.pop("data")
        at = end


async def _range(desk: Desk, query: Query) -> tuple[int, int]:
    """The beginning and the end; where they are not given, those that the API takes for sums."""
    answer = await desk.call("GET", path("usage"), query={**query, "end": query.get("end") or _now()})
    return int(answer["start"]), int(answer["end"])


def _now() -> str:
    from proxy.clock import SYSTEM

    return str(int(SYSTEM.wall()) + 1)


@contextmanager
def written(name: str) -> Iterator[IO[bytes]]:
    """A file that is there when the block is left without a fault, and not otherwise. Raises OSError."""
    if name == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(name)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
