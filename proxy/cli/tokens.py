"""`telnyx-proxy tokens`: who may use the admin API."""

import argparse
from typing import Any

from proxy.accounts.roles import ROLES
from proxy.cli.cells import ending, shown, standing, when
from proxy.cli.desks import Desk, Told, add_action, add_actions, listed, minted, path, rows_told
from proxy.cli.durations import Expiry, expiry
from proxy.cli.tables import Column

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("NAME", shown("name")),
    Column("ROLE", shown("role")),
    Column("TENANT", shown("tenant"), kept=True),
    Column("TOKEN", ending),
    Column("STATE", standing),
    Column("EXPIRES", when("expires_at", "never")),
    Column("LAST USED", when("last_used_at", "never")),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "tokens", "Manage the tokens of the admin API.")
    create = add_action(actions, "create", "Make a token and show it once.", _create)
    create.add_argument("--name", required=True, metavar="N", help="whose it is, for the audit log")
    create.add_argument(
        "--role", required=True, choices=ROLES, type=lambda text: text.replace("-", "_"), help="what it may do"
    )
    create.add_argument("--tenant", metavar="ID", help="the one tenant of a tenant_admin")
    create.add_argument("--expires", type=expiry, metavar="D", help="30d, 24h, 90m, 1w, or a date such as 2027-01-31")
    add_action(actions, "list", "List tokens.", _list)
    add_action(actions, "revoke", "End a token at once and for ever.", _revoke).add_argument("id", metavar="ID")


async def _create(desk: Desk, args: argparse.Namespace) -> Told:
    body: dict[str, Any] = {"name": args.name, "role": args.role}
    if args.tenant is not None:
        body["tenant"] = args.tenant
    if args.expires is not None:
        body["expires_at"] = _moment(args.expires)
    made = await desk.call("POST", path("tokens"), body=body)
    note = f"Token {made.get('id')} ({args.name}) with the role {args.role}."
    return minted(made, "token", note)


def _moment(end: Expiry) -> int | None:
    from proxy.clock import SYSTEM

    return end.at if end.seconds is None else int(SYSTEM.wall()) + end.seconds


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    return rows_told(COLUMNS, await listed(desk, "tokens"), "tokens create --name NAME --role operator", "tokens")


async def _revoke(desk: Desk, args: argparse.Namespace) -> Told:
    done = await desk.call("POST", path("tokens", args.id, "revoke"))
    return Told(done, lambda screen: f"token {args.id} revoked\n")
