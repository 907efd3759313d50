"""`telnyx-proxy tenants`: make, list, show, change and delete tenants."""

import argparse
from pathlib import Path
from typing import Any

from proxy.cli.cells import origin, shown, standing, when
from proxy.cli.desks import Desk, Misused, Refused, Told, add_action, add_actions, listed, path, rows_told
from proxy.cli.durations import both
from proxy.cli.tables import Column, Row, Screen, joined, record

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("NAME", shown("name")),
    Column("STATE", standing),
    Column("CREATED", when("created_at")),
    Column("FROM", origin),
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "tenants", "Manage tenants: groups of keys with common rules.")
    create = add_action(actions, "create", "Make a tenant.", _create)
    create.add_argument("id", metavar="ID", help="lower-case letters, digits, _ and -")
    create.add_argument("--name", metavar="N", help="for people")
    create.add_argument(
        "--rules", type=Path, metavar="FILE.yaml", help="what a tenant of the configuration has beside id and keys"
    )
    add_action(actions, "list", "List the tenants.", _list)
    for name, about, act in (
        ("show", "Show a tenant.", _show),
        ("disable", "Refuse all keys of a tenant, until it is enabled again.", _switch),
        ("enable", "Let the keys of a tenant work again.", _switch),
    ):
        add_action(actions, name, about, act).add_argument("id", metavar="ID")
    delete = add_action(actions, "delete", "Delete a tenant for ever: its id is not used again.", _delete)
    delete.add_argument("id", metavar="ID")
    delete.add_argument("--force", action="store_true", help="also if it has keys that work; they are revoked")


async def _create(desk: Desk, args: argparse.Namespace) -> Told:
    body: dict[str, Any] = {"id": args.id}
    if args.name is not None:
        body["name"] = args.name
    if args.rules is not None:
        body["rules"] = rules(args.rules)
    made = await desk.call("POST", path("tenants"), body=body)
    first = f"Its first key: telnyx-proxy keys create --tenant {args.id} --name NAME"
    return Told(made, lambda screen: f"tenant {args.id} made\n", (first,))


def rules(file: Path) -> dict[str, Any]:
    """The rules in a YAML file. Raises ConfigurationError, Misused."""
    from proxy.settings import ConfigurationError
    from proxy.settings.document import read

    document = read(file)
    if document.faults:
        raise ConfigurationError(document.faults)
    if not isinstance(document.value, dict):
        raise Misused(f"{file} must hold names and values, such as models: [zai-org/*]")
    return document.value


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    return rows_told(COLUMNS, await listed(desk, "tenants"), "tenants create ID", "tenants")


async def _show(desk: Desk, args: argparse.Namespace) -> Told:
    tenant = await desk.call("GET", path("tenants", args.id))
    return Told(tenant, lambda screen: described(tenant, screen))


async def _switch(desk: Desk, args: argparse.Namespace) -> Told:
    done = await desk.call("PATCH", path("tenants", args.id), body={"disabled": args.action == "disable"})
    return Told(done, lambda screen: f"tenant {args.id} {args.action}d\n")


async def _delete(desk: Desk, args: argparse.Namespace) -> Told:
    query = {"force": "true"} if args.force else None
    try:
        done = await desk.call("DELETE", path("tenants", args.id), query=query)
    except Refused as fault:  # which speaks of the parameter of the API
        raise Refused(fault.message.replace("?force=true", "--force"), fault.status) from None
    return Told(done, lambda screen: f"tenant {args.id} deleted\n")


def described(tenant: Row, screen: Screen) -> str:
    """A tenant in lines, its rules one by one."""
    from proxy import codec

    rules = tenant.get("rules") or {}
    pairs = [(name, codec.encode_text(value)) for name, value in rules.items()]
    return record(
        [
            ("id", joined(tenant.get("id"))),
            ("name", joined(tenant.get("name"))),
            ("state", standing(tenant, screen.now)),
            ("from", origin(tenant)),
            ("created", both(tenant.get("created_at") or None, screen.now)),
            *((f"rules.{name}", text) for name, text in pairs),
        ]
    )
