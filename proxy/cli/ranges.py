"""What of the ledger is looked at: the options that say so, and the parameters of the API that they become."""

import argparse
from typing import Any

from proxy.cli.desks import Desk, Misused, key_id
from proxy.cli.durations import UNITS, Expiry, expiry, stamp

GROUPS = ("model", "tenant", "key", "endpoint", "provider", "service_tier", "region", "status", "source", "end_user")
"""What sums can be kept apart by."""
FILTERS = ("tenant", "key", "model", "endpoint", "status")
WIDTHS = ("hour", "day")
DAY, HOUR, MINUTE = UNITS["d"], UNITS["h"], UNITS["m"]

Query = dict[str, Any]


def add_range(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS, *, reach: str = "7 days") -> None:
    """`--since`, `--until` and the filters.

    `default`: of what is not given, nothing for an action: it must not undo what came before it. `reach`: how far back
    it goes where nothing is said.
    """
    chosen = parser.add_argument_group("what to look at")
    chosen.add_argument(
        "--since",
        type=expiry,
        default=default,
        metavar="T",
        help=f"so long ago, 7d or 36h, or a date (default: {reach})",
    )
    chosen.add_argument(
        "--until", type=expiry, default=default, metavar="T", help="the same; a date is not included (default: now)"
    )
    for name in FILTERS:
        chosen.add_argument(
            f"--{name}",
            action="append",
            type=_status if name == "status" else str,
            default=default,
            metavar={"status": "S", "tenant": "ID", "key": "ID"}.get(name, "NAME"),
            help=f"only of this {name}{', its id or tenant/name' if name == 'key' else ''}; may be repeated",
        )


def add_groups(
    parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS, names: tuple[str, ...] = GROUPS
) -> None:
    """`--by`."""
    parser.add_argument(
        "--by",
        action="append",
        type=_among(names),
        default=default,
        metavar="A,B",
        help=f"keep apart by {', '.join(names)}",
    )


def add_width(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    """`--per`."""
    parser.add_argument("--per", choices=WIDTHS, default=default, help="a line for each, in UTC")


def _status(text: str) -> str:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no HTTP status, such as 429")
    return text


def _among(names: tuple[str, ...]) -> Any:
    def groups(text: str) -> list[str]:
        found = [part.strip() for part in text.split(",")]
        for part in found:
            if part not in names:
                raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(names)}")
        return found

    return groups


def groups_of(args: argparse.Namespace, default: tuple[str, ...]) -> list[str]:
    """What `--by` says, each once."""
    if not args.by:
        return list(default)
    return list(dict.fromkeys(name for each in args.by for name in each))


async def asked(desk: Desk, args: argparse.Namespace, filters: tuple[str, ...] = FILTERS) -> Query:
    """The parameters for the range and the filters, keys by their ids. Raises Misused, Refused."""
    from proxy.clock import SYSTEM

    query = range_of(args, SYSTEM.wall())
    for name in FILTERS:
        if name in query and name not in filters:
            raise Misused(f"--{name} is nothing that {args.action} can be chosen by")
    if "key" in query:
        query["key"] = [await key_id(desk, key) for key in query["key"]]
    return query


def range_of(args: argparse.Namespace, now: float) -> Query:
    """The same with keys as they were given. Raises Misused.

    A beginning so long ago is put at the beginning of its day, hour or minute: what nobody asked to the second is
    answered from sums, and lines of whole days begin with a whole one.
    """
    query: Query = {name: values for name in FILTERS if (values := getattr(args, name))}
    if args.since is not None:
        query["start"] = str(_start(args.since, now, args.per))
    if args.until is not None:
        query["end"] = str(_moment(args.until, now))
    end = int(query.get("end", now))
    if "start" in query and int(query["start"]) >= end:
        raise Misused(f"--since {stamp(int(query['start']))} is not before {stamp(end)}")
    return query


def _moment(given: Expiry, now: float) -> int:
    return max(0, int(now) - given.seconds if given.seconds is not None else given.at or 0)


def _start(given: Expiry, now: float, per: str | None) -> int:
    at = _moment(given, now)
    if given.seconds is None:
        return at
    length = DAY if per == "day" else HOUR if given.seconds >= DAY or per == "hour" else MINUTE
    return at // length * length


def filtered(args: argparse.Namespace) -> bool:
    """Whether there are filters."""
    return any(getattr(args, name) for name in FILTERS)


def described(start: int, end: int) -> str:
    """`2026-11-14 to 2026-11-21 12:00 (UTC)`."""
    return f"{_short(start)} to {_short(end)} (UTC)"


def _short(at: int) -> str:
    text = stamp(at)
    return text[:10] if at % DAY == 0 else text[:16].replace("T", " ")
