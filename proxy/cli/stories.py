"""`telnyx-proxy usage requests` and `usage request ID`: single requests, and the whole story of one of them."""

import argparse
from collections.abc import Mapping
from typing import Any

from proxy.accounts.entries import ABORTED
from proxy.accounts.ledger import COMPLETE, REFUSED, STREAM_ENDS
from proxy.cli.desks import LONG_PAGE, Desk, Misused, Told, add_action, enlisted, path
from proxy.cli.durations import both, stamp
from proxy.cli.figures import UNKNOWN, compact, micros_of, money, took
from proxy.cli.ranges import Query, add_range, asked, described, filtered
from proxy.cli.sums import ESTIMATED
from proxy.cli.tables import Column, Row, Screen, joined, record, table

LINES = 20
BROKEN = tuple(end for end in (*STREAM_ENDS, ABORTED) if end != COMPLETE)
"""How streams end that did not come to a good one."""


def add_actions(actions: Any) -> None:
    """Add both."""
    several = add_action(actions, "requests", "List requests, newest first.", _requests)
    add_range(several, reach="as far as requests are kept")
    several.add_argument("--limit", type=int, default=LINES, metavar="N", help=f"so many at most (default {LINES})")
    several.add_argument("--failed", action="store_true", help="only those that failed, or whose stream broke off")
    one = add_action(actions, "request", "Tell the whole story of a request.", _request)
    one.add_argument("id", metavar="ID", help="its x-request-id: req_...")


async def _requests(desk: Desk, args: argparse.Namespace) -> Told:
    if args.limit < 1:
        raise Misused("--limit must be at least 1")
    query = await asked(desk, args)
    if args.failed:
        rows, period = await _failed(desk, query, args.limit)
        note = f"No request failed, {period}."
    else:
        rows = await _newest(desk, query, args.limit)
        note = "No requests like that." if filtered(args) else "No requests so far."
    if not rows:
        return Told(enlisted(rows), notes=(note,))
    return Told(enlisted(rows), lambda screen: table(COLUMNS, rows, screen))


async def _newest(desk: Desk, query: Query, limit: int) -> list[Row]:
    """So many requests, page after page. Raises Refused."""
    rows: list[Row] = []
    after: dict[str, str] = {}
    while len(rows) < limit:
        size = str(min(LONG_PAGE, limit - len(rows)))
        page = await desk.call("GET", path("requests"), query={**query, **after, "limit": size})
        rows += page["data"]
        if not page.get("has_more") or not page["data"]:
            break
        after = {"after": str(page["last_id"])}
    return rows


async def _failed(desk: Desk, query: Query, limit: int) -> tuple[list[Row], str]:
    """The newest ones that failed: by the statuses of failures that there were, and by each way to break off.

    With the time they are from, as words; where nothing is said, the week that sums are of.
    """
    sums = await desk.call("GET", path("usage"), query={**query, "group_by": ["status"]})
    query = {**query, "start": str(sums["start"])}
    bad = [str(row["status"]) for row in sums["data"] if row["status"] >= REFUSED or row["status"] == 0]
    found = await _newest(desk, {**query, "status": bad}, limit) if bad else []
    for end in BROKEN:
        found += await _newest(desk, {**query, "stream_end": end}, limit)
    once = {row["id"]: row for row in found}
    rows = sorted(once.values(), key=lambda row: (row["started_at"], row["id"]), reverse=True)
    return rows[:limit], described(sums["start"], sums["end"])


def _tokens(name: str) -> Any:
    def cell(row: Row, now: float) -> str:
        return f"{ESTIMATED if row['source'] == 'estimated' else ''}{compact(row[name])}" if row[name] else ""

    return cell


def _cost(row: Row, now: float = 0) -> str:
    return UNKNOWN if row["cost_usd"] is None else money(micros_of(row["cost_usd"]))


def _outcome(row: Row, now: float = 0) -> str:
    """What went wrong; nothing where nothing did."""
    return row["error_code"] or ("" if row["stream_end"] in {"", COMPLETE} else str(row["stream_end"]))


COLUMNS = (
    Column("WHEN", lambda row, now: stamp(row["started_at"]), kept=True),
    Column("ID", lambda row, now: row["id"], kept=True),
    Column("TENANT", lambda row, now: row["tenant"]),
    Column("KEY", lambda row, now: row["key_name"] or row["key"]),
    Column("MODEL", lambda row, now: row["model"] or row["model_asked"]),
    Column("STATUS", lambda row, now: str(row["status"] or "-"), right=True, kept=True),
    Column("FAULT", _outcome),
    Column("INPUT", _tokens("input_tokens"), right=True, kept=True),
    Column("OUTPUT", _tokens("output_tokens"), right=True, kept=True),
    Column("COST", _cost, right=True, kept=True),
    Column("TOOK", lambda row, now: took(row["seconds"]), right=True, kept=True),
    Column("FIRST", lambda row, now: took(row["first_token_seconds"]), right=True, kept=True),
)


async def _request(desk: Desk, args: argparse.Namespace) -> Told:
    row = await desk.call("GET", path("requests", args.id))
    return Told(row, lambda screen: story(row, screen))


def story(row: Row, screen: Screen) -> str:
    """A request in lines: who, what, how it went, what it used and cost, what was done to it."""
    return record([*_who(row, screen), *_course(row), *_used(row), *_done(row)])


def _who(row: Row, screen: Screen) -> list[tuple[str, str]]:
    asked_for = row["model_asked"]
    return [
        ("id", row["id"]),
        ("when", both(row["started_at"], screen.now)),
        ("tenant", row["tenant"]),
        ("key", _named(row["key_name"], row["key"])),
        ("end user", row["end_user"]),
        ("tags", joined(row["tags"])),
        ("client", row["client"]),
        ("endpoint", row["endpoint"]),
        ("model", f"{row['model']} (asked for {asked_for})" if row["model"] not in {"", asked_for} else asked_for),
        ("provider", row["provider"]),
        ("service tier", row["service_tier"]),
        ("region", row["region"]),
    ]


def _named(name: str, identity: str) -> str:
    return f"{name} ({identity})" if name and name != identity else identity


def _course(row: Row) -> list[tuple[str, str]]:
    if row["stream_end"] == ABORTED:  # what was written down when it began; nobody knows the rest
        return [("ended", "its process was killed: what the client got of the answer, and when, is not known")]
    return [
        ("status", str(row["status"] or "none was sent")),
        ("error", row["error_code"]),
        ("stream", (row["stream_end"] or "yes") if row["stream"] else ""),
        ("took", took(row["seconds"])),
        ("first token", took(row["first_token_seconds"])),
        ("in the proxy", took(row["overhead_seconds"])),
        ("try", f"the client's {row['retries'] + 1}." if row["retries"] else ""),
    ]


def _used(row: Row) -> list[tuple[str, str]]:
    parts = {
        "input": _with(row["input_tokens"], cached=row["cached_input_tokens"], written=row["cache_write_tokens"]),
        "output": _with(row["output_tokens"], reasoning=row["reasoning_tokens"]),
        "audio": took(row["audio_seconds"] or None),
        "characters": str(row["characters"] or ""),
    }
    # Speech has no tokens, and vectors are not made of any: a zero of theirs says nothing.
    speech = row["audio_seconds"] or row["characters"]
    absent = {name for name in ("input", "output") if not row[f"{name}_tokens"] and (speech or row["input_tokens"])}
    source = {"none": "nothing was used", "estimated": "estimated: Telnyx told none"}.get(row["source"], "from Telnyx")
    return [
        *((name, text) for name, text in parts.items() if row["source"] != "none" and name not in absent),
        ("figures", source),
        ("cost", _price(row["cost_usd"])),
        ("charged", _price(row["charged_usd"]) if row["charged_usd"] != row["cost_usd"] else ""),
        ("price", f"{row['price_version']}{_rates(row.get('price'))}" if row["price_version"] else ""),
        ("bytes", f"{row['bytes_in']} in, {row['bytes_out']} out"),
    ]


def _with(tokens: int, **parts: int) -> str:
    """`1200 tokens, 800 of them cached`."""
    named = [f"{value} {name.replace('written', 'written to the cache')}" for name, value in parts.items() if value]
    return f"{tokens} tokens" + (f", of them {', '.join(named)}" if named else "")


def _price(usd: str | None) -> str:
    return "unknown: the model has no price" if usd is None else f"${usd}"


def _rates(figures: Any) -> str:
    """What the version stood for, as far as it is plain: names and numbers."""
    told = figures if isinstance(figures, Mapping) else {}
    named = [f"{name} {value}" for name, value in told.items() if isinstance(value, int | str) and value != ""]
    return f" ({', '.join(named)})" if named else ""


def _done(row: Row) -> list[tuple[str, str]]:
    return [
        ("changes", ", ".join(f"{each['field']} {each['verdict']}" for each in row["changes"])),
        ("repairs", joined(row["repairs"])),
        ("violations", f"{row['violations']} of the schema asked for" if row["violations"] else ""),
        ("at Telnyx", row["upstream_request_id"]),
        ("at the client", row["client_request_id"]),
        ("trace", row["trace_id"]),
    ]
