"""`telnyx-proxy credentials`: the Telnyx API keys of tenants, by reference or encrypted in the store."""

import argparse
import sys
from pathlib import Path
from typing import Any

from proxy.cli.cells import origin, shown, standing
from proxy.cli.desks import Desk, Misused, Told, add_action, add_actions, listed, path, rows_told
from proxy.cli.tables import Column, Row

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("TENANT", shown("tenant"), kept=True),
    Column("NAME", shown("name")),
    Column("SECRET", lambda row, now: place(row)),
    Column("WEIGHT", shown("weight"), right=True),
    Column("STATE", standing),
    Column("FROM", origin),
)
LONGEST = 65_536
"""Bytes of a secret at most, as everywhere: a wrong file must not be read whole."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "credentials", "Manage the Telnyx API keys that tenants' requests are sent with.")
    setting = add_action(actions, "set", "Give a tenant a Telnyx API key.", _set)
    setting.add_argument("--tenant", required=True, metavar="ID")
    where = setting.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--from-env", metavar="NAME", help="a variable of the proxy's environment; only its name is kept"
    )
    where.add_argument("--from-file", metavar="PATH", help="a file the proxy can read; only its path is kept")
    where.add_argument("--from-stdin", action="store_true", help="the key itself, which is kept encrypted")
    setting.add_argument("--name", metavar="N", help="what logs call it")
    setting.add_argument("--weight", type=int, metavar="N", help="its part of the requests, relative to the others")
    listing = add_action(actions, "list", "List credentials, never the keys themselves.", _list)
    listing.add_argument("--tenant", metavar="ID", help="of this tenant only")
    add_action(actions, "delete", "Delete a credential.", _delete).add_argument("id", metavar="ID")


async def _set(desk: Desk, args: argparse.Namespace) -> Told:
    body: dict[str, Any] = {"tenant": args.tenant, **_source(args)}
    body |= {name: value for name, value in (("name", args.name), ("weight", args.weight)) if value is not None}
    made = await desk.call("POST", path("credentials"), body=body)
    name = made.get("name")
    called = "" if name == made.get("id") else f" ({name})"  # where no name was given it is the id
    text = f"credential {made.get('id')}{called} of tenant {args.tenant}: {place(made)}\n"
    return Told(made, lambda screen: text)


def _source(args: argparse.Namespace) -> dict[str, str]:
    if args.from_env is not None:
        return {"env": args.from_env}
    if args.from_file is not None:
        return {"file": _absolute(args)}
    return {"secret": typed_secret()}


def _absolute(args: argparse.Namespace) -> str:
    """The proxy runs in a folder of its own, perhaps on another machine. Raises Misused."""
    given = Path(args.from_file)
    if given.is_absolute():
        return str(given)
    if args.config is None:
        raise Misused("--from-file is read by the proxy, maybe on another machine: give its whole path")
    return str(Path.cwd() / given)


def typed_secret() -> str:
    """Standard input without the line break at its end; asked for, and not shown, at a terminal. Raises Misused."""
    if sys.stdin.isatty():
        from getpass import getpass

        data = getpass("Telnyx API key: ").encode("utf-8", "surrogateescape")
    else:
        data = sys.stdin.buffer.read(LONGEST + 1)
    try:
        secret = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Misused("what stands on standard input is not UTF-8 text") from None
    if not secret or len(data) > LONGEST:
        raise Misused("standard input must hold the key and nothing else")
    return secret


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    first = f"credentials set --tenant {args.tenant or 'ID'} --from-env TELNYX_API_KEY"
    return rows_told(COLUMNS, await listed(desk, "credentials", tenant=args.tenant), first, "credentials")


async def _delete(desk: Desk, args: argparse.Namespace) -> Told:
    done = await desk.call("DELETE", path("credentials", args.id))
    return Told(done, lambda screen: f"credential {args.id} deleted\n")


def place(row: Row) -> str:
    """Where the key is found: `env NAME`, `file PATH`, or its end where it is kept here."""
    if row.get("kind") == "sealed":
        return f"encrypted, ...{row['last4']}" if row.get("last4") else "encrypted"
    return f"{row.get('kind')} {row.get('reference', '')}".rstrip()
