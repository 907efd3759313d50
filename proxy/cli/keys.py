"""`telnyx-proxy keys`: make, import, list, show, rotate, revoke and switch the keys that clients call with."""

import argparse
from pathlib import Path
from typing import Any

from proxy.cli.cells import ending, origin, shown, standing, when
from proxy.cli.desks import Desk, Refused, Told, add_action, add_actions, key_id, listed, minted, path, rows_told
from proxy.cli.durations import both, expiry, relative, seconds
from proxy.cli.tables import Column, Row, Screen, joined, record

COLUMNS = (
    Column("ID", shown("id"), kept=True),
    Column("TENANT", shown("tenant"), kept=True),
    Column("NAME", shown("name")),
    Column("KEY", ending),
    Column("OWNER", shown("owner")),
    Column("STATE", standing),
    Column("EXPIRES", when("expires_at", "never")),
    Column("LAST USED", when("last_used_at", "never")),
    Column("FROM", origin),
)
GRACE = "24h"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = add_actions(subparsers, "keys", "Manage the keys that clients call this proxy with.")
    _add_create(actions)
    listing = add_action(actions, "list", "List keys.", _list)
    listing.add_argument("--tenant", metavar="ID", help="of this tenant only")
    rotate = add_action(actions, "rotate", "Replace a key; the old one works until the grace ends.", _rotate)
    _add_named(rotate)
    rotate.add_argument(
        "--grace", type=seconds, default=seconds(GRACE), metavar="D", help=f"such as 24h or 0s (default {GRACE})"
    )
    for name, about, act in (
        ("show", "Show a key.", _show),
        ("revoke", "End a key at once and for ever.", _revoke),
        ("delete", "Forget a key that is revoked or has expired.", _delete),
        ("disable", "Refuse a key until it is enabled again.", _switch),
        ("enable", "Let a disabled key work again.", _switch),
    ):
        _add_named(add_action(actions, name, about, act))
    imported = add_action(actions, "import", "Take over keys that clients have, by their SHA-256.", _import)
    imported.add_argument("--tenant", required=True, metavar="ID")
    imported.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="YAML or JSON: a list of {name, sha256, ...} or a map of name to sha256; or the lines of sha256sum",
    )


def _add_create(actions: Any) -> None:
    create = add_action(actions, "create", "Make a key and show it once.", _create)
    create.add_argument("--tenant", required=True, metavar="ID")
    create.add_argument("--name", required=True, metavar="N", help="what logs call it")
    create.add_argument("--owner", metavar="O", help="whose it is")
    create.add_argument("--tag", action="append", type=_tag, default=[], metavar="K=V", help="may be repeated")
    create.add_argument("--expires", type=expiry, metavar="D", help="30d, 24h, 90m, 1w, or a date such as 2027-01-31")
    create.add_argument(
        "--model", action="append", default=[], metavar="GLOB", help="only these Telnyx models; may be repeated"
    )
    create.add_argument(
        "--endpoint", action="append", default=[], metavar="E", help="only these, such as chat.completions"
    )
    create.add_argument(
        "--cidr", action="append", default=[], metavar="C", help="only from these networks, such as 10.0.0.0/8"
    )


def _add_named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="its id, or tenant/name")


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no tag: NAME=VALUE")
    return name, value


async def _create(desk: Desk, args: argparse.Namespace) -> Told:
    body: dict[str, Any] = {"tenant": args.tenant, "name": args.name}
    given = {
        "owner": args.owner,
        "tags": dict(args.tag),
        "models": args.model,
        "endpoints": args.endpoint,
        "networks": args.cidr,
    }
    body |= {name: value for name, value in given.items() if value}
    if args.expires is not None:
        seconds = args.expires.seconds
        body |= {"expires_at": args.expires.at} if seconds is None else {"expires_in_seconds": seconds}
    made = await desk.call("POST", path("keys"), body=body)
    return minted(made, "key", f"Key {_called(made)} of tenant {args.tenant}.")


async def _list(desk: Desk, args: argparse.Namespace) -> Told:
    first = f"keys create --tenant {args.tenant or 'ID'} --name NAME"
    what = f"keys of tenant {args.tenant}" if args.tenant else "keys"
    return rows_told(COLUMNS, await listed(desk, "keys", tenant=args.tenant), first, what)


async def _show(desk: Desk, args: argparse.Namespace) -> Told:
    key = await desk.call("GET", path("keys", await key_id(desk, args.id)))
    return Told(key, lambda screen: described(key, screen))


async def _rotate(desk: Desk, args: argparse.Namespace) -> Told:
    identity = await key_id(desk, args.id)
    made = await desk.call("POST", path("keys", identity, "rotate"), body={"grace_seconds": args.grace})
    end = "no longer works" if args.grace == 0 else f"ends {relative(args.grace, 0)} at the latest"
    note = f"Key {_called(made)} replaces {identity}, which {end}."
    return minted(made, "key", note)


async def _revoke(desk: Desk, args: argparse.Namespace) -> Told:
    identity = await key_id(desk, args.id)
    done = await desk.call("POST", path("keys", identity, "revoke"))
    return Told(done, lambda screen: f"key {identity} revoked\n", await _left(desk, done))


async def _left(desk: Desk, revoked: Row) -> tuple[str, ...]:
    """A word about the key that it replaced: whoever revokes `acme/web` may not think of that one."""
    former = revoked.get("rotated_from")
    if not former:
        return ()
    try:
        row = await desk.call("GET", path("keys", former))
    except Refused:  # deleted meanwhile
        return ()
    if row.get("status") != "rotating":
        return ()
    return (f"{row.get('name')}, which it replaced, works until its grace ends: telnyx-proxy keys revoke {former}",)


async def _delete(desk: Desk, args: argparse.Namespace) -> Told:
    identity = await key_id(desk, args.id)
    done = await desk.call("DELETE", path("keys", identity))
    return Told(done, lambda screen: f"key {identity} deleted\n")


async def _switch(desk: Desk, args: argparse.Namespace) -> Told:
    identity = await key_id(desk, args.id)
    done = await desk.call("PATCH", path("keys", identity), body={"disabled": args.action == "disable"})
    return Told(done, lambda screen: f"key {identity} {args.action}d\n")


async def _import(desk: Desk, args: argparse.Namespace) -> Told:
    from proxy.cli.digests import digests

    keys = digests(args.file)
    done = await desk.call("POST", path("keys", "import"), body={"tenant": args.tenant, "keys": keys})
    count = f"{len(keys)} key{'' if len(keys) == 1 else 's'}"
    return Told(done, lambda screen: f"{count} of tenant {args.tenant} imported\n")


def _called(key: Row) -> str:
    return f"{key.get('id')} ({key.get('name')})"


def described(key: Row, screen: Screen) -> str:
    """A key in lines."""
    times = (("expires", "expires_at"), ("revoked", "revoked_at"), ("last used", "last_used_at"))
    return record(
        [
            *((name, joined(key.get(name))) for name in ("id", "tenant", "name")),
            ("key", ending(key)),
            ("state", standing(key, screen.now)),
            ("from", origin(key)),
            *((name, joined(key.get(name))) for name in ("owner", "tags", "endpoints", "models", "networks")),
            ("rotated from", joined(key.get("rotated_from"))),
            ("service account", joined(key.get("service_account"))),
            ("created", both(key.get("created_at") or None, screen.now)),
            *((name, both(key.get(field), screen.now)) for name, field in times),
        ]
    )
