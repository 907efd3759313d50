"""`telnyx-proxy usage`: what was asked, what it cost, how fast it was answered, and single requests."""

import argparse
from typing import Any

from proxy.cli import exporting, stories, sums
from proxy.cli.desks import Desk, Told, add_action, add_alone, path
from proxy.cli.figures import compact, took
from proxy.cli.ranges import (
    GROUPS,
    Query,
    add_groups,
    add_range,
    add_width,
    asked,
    described,
    filtered,
    groups_of,
)
from proxy.cli.tables import Column, Row, table

BY = ("model",)
OF_CHANGES = ("tenant", "key", "model")
"""What changes of fields can be kept apart by."""
MEASURES = ("duration", "first_token")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand, which does something without an action, too."""
    about = "Tell what was asked, what it cost and how fast it was answered."
    parser = add_alone(subparsers, "usage", about, _usage)
    for add_options in (add_range, add_groups, add_width):
        add_options(parser, None)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    latency = add_action(
        actions, "latency", "Tell how long requests took, and how long until the first token.", _latency
    )
    changes = add_action(actions, "changes", "Tell what apps send that Telnyx does not take.", _changes)
    for action in (latency, changes):
        add_range(action)
    add_groups(latency)
    add_width(latency)
    add_groups(changes, names=OF_CHANGES)
    stories.add_actions(actions)
    exporting.add_action_to(actions)


async def _query(desk: Desk, args: argparse.Namespace, groups: list[str]) -> Query:
    return {**await asked(desk, args), "width": args.per or "all", "group_by": groups}


async def _usage(desk: Desk, args: argparse.Namespace) -> Told:
    groups = groups_of(args, () if args.per else BY)
    apart = list(dict.fromkeys((*groups, "status", "source")))
    answer = await desk.call("GET", path("usage"), query=await _query(desk, args, apart))
    rows = sums.ordered(sums.merged(answer["data"], groups))
    value = {
        **{name: answer[name] for name in ("object", "start", "end", "width")},
        "group_by": groups,
        "data": [sums.plain(row) for row in rows],
        "total": sums.plain(sums.total(rows)),
    }
    if not rows:
        return Told(value, notes=(await _nothing(desk, args, answer, "requests"),))
    period = f"{described(answer['start'], answer['end'])}."
    return Told(value, lambda screen: sums.shown(rows, groups, answer["width"], screen), (*sums.notes(rows), period))


async def _nothing(desk: Desk, args: argparse.Namespace, answer: Row, what: str) -> str:
    """Why there may be nothing, and what to do. Raises Refused for a tenant that is none."""
    for tenant in args.tenant or ():
        await desk.call("GET", path("tenants", tenant))  # a slip in the id is told, not taken for emptiness
    period = described(answer["start"], answer["end"])
    if filtered(args):
        return f"No {what} like that, {period}. All of them: telnyx-proxy usage {args.action or ''}".rstrip()
    return (
        f"No {what}, {period}. A request that is made through the proxy shows here a second or two after its end.\n"
        "    Further back: telnyx-proxy usage --since 30d"
    )


async def _latency(desk: Desk, args: argparse.Namespace) -> Told:
    groups = groups_of(args, () if args.per else BY)
    query = await _query(desk, args, groups)
    answers = [await desk.call("GET", path("usage", "latency"), query={**query, "measure": each}) for each in MEASURES]
    whole, first = answers
    value = {**whole, "first_token": first["data"]}
    if not whole["data"]:
        return Told(value, notes=(await _nothing(desk, args, whole, "answered requests"),))
    firsts = {_place(row): row["seconds"] for row in first["data"]}
    rows: list[Row] = [{**row, "first": firsts.get(_place(row), {})} for row in whole["data"]]
    if whole["width"] == "all":
        rows.sort(key=lambda row: -row["requests"])
    columns = [*sums.place_columns(groups, whole["width"]), *_PERCENTILES]
    note = f"{described(whole['start'], whole['end'])}, answered requests only; first token of streams. Exact to 9 %."
    return Told(value, lambda screen: table(columns, rows, screen), (note,))


def _place(row: Row) -> tuple[Any, ...]:
    return (row["start"], *(row[name] for name in GROUPS))


def _percentile(measure: str, name: str) -> Column:
    title = f"{'FIRST ' if measure == 'first' else ''}{name.upper()}"
    return Column(title, lambda row, now: took(row[measure].get(name)), right=True, kept=True)


_PERCENTILES = (
    Column("REQUESTS", lambda row, now: compact(row["requests"]), right=True, kept=True),
    *(_percentile(measure, name) for measure in ("seconds", "first") for name in ("p50", "p90", "p99")),
)


async def _changes(desk: Desk, args: argparse.Namespace) -> Told:
    groups = groups_of(args, ())
    query = {**await asked(desk, args, OF_CHANGES), "group_by": groups}
    answer = await desk.call("GET", path("usage", "changes"), query=query)
    rows = answer["data"]
    if not rows:
        return Told(answer, notes=(await _nothing(desk, args, answer, "changed fields"),))
    columns = [
        Column("FIELD", lambda row, now: row["field"], kept=True),
        Column("WAS", lambda row, now: row["verdict"], kept=True),
        *sums.place_columns(groups, "all"),
        Column("REQUESTS", lambda row, now: compact(row["requests"]), right=True, kept=True),
    ]
    note = f"{described(answer['start'], answer['end'])}. What a request becomes, and why: telnyx-proxy explain"
    return Told(answer, lambda screen: table(columns, rows, screen), (note,))
