"""`telnyx-proxy budgets`: what keys and tenants may spend."""

import argparse
from decimal import Decimal, InvalidOperation
from typing import Any

from proxy.cli.cells import origin, shown, when
from proxy.cli.desks import Desk, Told, add_action, add_actions, listed, path, rows_told
from proxy.cli.limits import add_subject, subject
from proxy.cli.tables import Column, Row

PERIODS = ("day", "week", "month", "total")
PLACES = 12
"""Digits before or behind the point at most: 1e999999999 would be written out."""

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("TENANT", shown("tenant"), kept=True),
    Column("KEY", shown("key"), kept=True),
    Column("USD", shown("usd"), right=True),
    Column("PER", shown("per")),
    Column("SPENT", shown("spent_usd"), right=True),
    Column("USED", lambda row, now: _percent(row.get("percent")), right=True),
    Column("WARNS AT", lambda row, now: _percent(row.get("soft")), right=True),
    Column("STARTS ANEW", when("resets_at", "never")),
    Column("FROM", origin),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "budgets", "Manage what keys and tenants may spend.")
    setting = add_action(actions, "set", "Set the budget of a tenant or a key, in place of the one it had.", _set)
    add_subject(setting)
    setting.add_argument("--usd", type=dollars, required=True, metavar="N", help="dollars, such as 25 or 0.50")
    setting.add_argument("--per", choices=PERIODS, required=True, help="calendar periods in UTC; total = for ever")
    setting.add_argument("--soft", type=int, metavar="PERCENT", help="warn from here on (default 80)")
    listing = add_action(actions, "list", "List budgets and what is spent of them.", _list)
    listing.add_argument("--tenant", metavar="ID", help="of this tenant only")
    add_action(actions, "delete", "Delete a budget.", _delete).add_argument("id", metavar="ID")


def dollars(text: str) -> str:
    """An amount as the API takes it, `25` or `0.50`; its sign and size are judged there. Raises ArgumentTypeError."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or abs(amount.adjusted()) > PLACES:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of dollars, such as 25 or 0.50")
    return f"{amount:f}"


async def _set(desk: Desk, args: argparse.Namespace) -> Told:
    body: dict[str, Any] = {**await subject(desk, args), "usd": args.usd, "per": args.per}
    if args.soft is not None:
        body["soft"] = args.soft
    done = await desk.call("PUT", path("budgets"), body=body)
    return Told(done, lambda screen: f"budget {_told(done)}\n")


def _told(row: Row) -> str:
    per = "in total" if row.get("per") == "total" else f"per {row.get('per')}"
    return f"{row.get('id')} set: {row.get('usd')} USD {per}, with a warning at {_percent(row.get('soft'))}"


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    first = f"budgets set --tenant {args.tenant or 'ID'} --usd 25 --per month"
    return rows_told(COLUMNS, await listed(desk, "budgets", tenant=args.tenant), first, "budgets")


async def _delete(desk: Desk, args: argparse.Namespace) -> Told:
    done = await desk.call("DELETE", path("budgets", args.id))
    return Told(done, lambda screen: f"budget {args.id} deleted\n")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"
