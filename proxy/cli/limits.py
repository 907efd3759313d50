"""`telnyx-proxy limits`: what keys and tenants may do per minute, per day and at a time."""

import argparse
from typing import Any

from proxy.cli.cells import origin, shown
from proxy.cli.desks import Desk, Misused, Told, add_action, add_actions, key_id, listed, path, rows_told
from proxy.cli.tables import Column, Row

OPTIONS = {
    "rpm": ("requests_per_minute", "requests per minute"),
    "tpm": ("tokens_per_minute", "tokens per minute, input and output together"),
    "rpd": ("requests_per_day", "requests per day"),
    "concurrent": ("concurrent", "requests at a time"),
    "queue": ("queue", "how many more may wait for a place"),
    "input-tpm": ("input_tokens_per_minute", "input tokens per minute"),
    "uncached-tpm": ("uncached_input_tokens_per_minute", "input tokens per minute that Telnyx has no cache of"),
    "output-tpm": ("output_tokens_per_minute", "output tokens per minute"),
}
"""Option -> its name in the API, and what it bounds."""

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("TENANT", shown("tenant"), kept=True),
    Column("KEY", shown("key"), kept=True),
    Column("MODELS", shown("model", "*")),
    Column("LIMITS", lambda row, now: bounds(row)),
    Column("FROM", origin),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "limits", "Manage what keys and tenants may do per minute, per day, at a time.")
    setting = add_action(actions, "set", "Set the limits of a tenant or a key, in place of those it had.", _set)
    add_subject(setting)
    setting.add_argument("--model", metavar="GLOB", help="for these models only, counted together")
    for option, (_, about) in OPTIONS.items():
        setting.add_argument(f"--{option}", type=int, metavar="N", help=about)
    listing = add_action(actions, "list", "List limits.", _list)
    listing.add_argument("--tenant", metavar="ID", help="of this tenant only")
    add_action(actions, "delete", "Delete a limit.", _delete).add_argument("id", metavar="ID")


def add_subject(parser: argparse.ArgumentParser) -> None:
    """The two options that say whom a limit or a budget bounds."""
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--tenant", metavar="ID", help="all keys of this tenant together")
    subject.add_argument("--key", metavar="ID", help="this key: its id, or tenant/name")


async def subject(desk: Desk, args: argparse.Namespace) -> dict[str, Any]:
    """The same for a body. Raises Refused."""
    return {"tenant": args.tenant} if args.key is None else {"key": await key_id(desk, args.key)}


async def _set(desk: Desk, args: argparse.Namespace) -> Told:
    given = {name: getattr(args, option.replace("-", "_")) for option, (name, _) in OPTIONS.items()}
    wanted = {name: number for name, number in given.items() if number is not None}
    if not wanted:
        raise Misused(f"say what to limit: {', '.join(f'--{option}' for option in OPTIONS)}")
    body = {**await subject(desk, args), **wanted}
    if args.model is not None:
        body["model"] = args.model
    done = await desk.call("PUT", path("limits"), body=body)
    text = f"limit {done.get('id')} set: {bounds(done)}\n"
    return Told(done, lambda screen: text)


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    first = f"limits set --tenant {args.tenant or 'ID'} --rpm 60"
    return rows_told(COLUMNS, await listed(desk, "limits", tenant=args.tenant), first, "limits")


async def _delete(desk: Desk, args: argparse.Namespace) -> Told:
    done = await desk.call("DELETE", path("limits", args.id))
    return Told(done, lambda screen: f"limit {args.id} deleted\n")


def bounds(row: Row) -> str:
    """`rpm 60, tpm 100000`: by the names of the options."""
    return ", ".join(f"{option} {row[name]}" for option, (name, _) in OPTIONS.items() if row.get(name))
