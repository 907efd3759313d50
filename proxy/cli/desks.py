"""Where key management is done, and how its outcome is told: what all of its commands have in common.

Every command is a call or two of the admin API. A *desk* is where they are made: in this process on the database of
`--config FILE`, no server needed, or over HTTP at `--url URL`. A command is a function from a desk and its arguments to
what there is to *tell*; this module does everything else.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from proxy.cli.tables import Column, Row, Screen, printable, table

ADMIN = "/admin/v1"
PAGE = 100
"""Rows asked for at a time."""
LONG_PAGE = 1_000
"""The same of requests."""
URL, TOKEN = "TELNYX_PROXY_URL", "TELNYX_PROXY_ADMIN_TOKEN"
WHERE = f"""\
say where to work: --config FILE for the database that this configuration names,
    or --url URL (or the variable {URL}) for the admin listener of a running proxy"""
SHOWN_ONCE = "This is the only time it is shown; what is kept of it cannot be turned back."


class Refused(Exception):
    """The admin API said no.

    Attributes:
        message: why, for people.
        status: the HTTP status it has there, 0 where there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Misused(Exception):
    """Arguments that cannot be meant: exit code 2."""


Query = Mapping[str, str | Sequence[str]]
"""Parameters behind `?`; one with several values is given several times."""


class Desk(Protocol):
    """Where calls of the admin API are made."""

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        """One call; decoded JSON. `path` begins with `/admin/v1` and is percent-encoded. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of a command.

    Attributes:
        value: what `--json` prints; `warnings` of the API in it go to standard error in either case.
        text: the same for people, on standard output.
        notes: sentences for people, on standard error; not with `--json`.
    """

    value: Any
    text: Callable[[Screen], str] = lambda screen: ""
    notes: tuple[str, ...] = ()


Act = Callable[[Desk, argparse.Namespace], Awaitable[Told]]


def add_actions(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str) -> Any:
    """A subcommand that has actions of its own (`keys create`); what they are to be added to with `add_action`."""
    parser = subparsers.add_parser(name, help=about[0].lower() + about[1:].rstrip("."), description=about)
    _add_place(parser, None, json=False)
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def add_action(actions: Any, name: str, about: str, act: Act) -> argparse.ArgumentParser:
    """An action, with the options that every one has."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=about[0].lower() + about[1:].rstrip("."), description=about
    )
    # Left out, it must not undo what was given before the name of the action.
    _add_place(parser, argparse.SUPPRESS, json=argparse.SUPPRESS)
    parser.set_defaults(run=run, act=act)
    return parser


def add_alone(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, act: Act
) -> argparse.ArgumentParser:
    """A subcommand without actions."""
    parser = subparsers.add_parser(name, help=about[0].lower() + about[1:].rstrip("."), description=about)
    _add_place(parser, None, json=False)
    parser.set_defaults(run=run, act=act)
    return parser


def _add_place(parser: argparse.ArgumentParser, default: Any, *, json: Any) -> None:
    place = parser.add_argument_group("where to work, and how to tell")
    place.add_argument(
        "--config", type=Path, metavar="FILE", default=default, help="work on the database of this configuration"
    )
    place.add_argument(
        "--url", metavar="URL", default=default, help=f"work through this admin listener, with the token of {TOKEN}"
    )
    place.add_argument(
        "--insecure", action="store_true", default=json, help="allow an address of another machine without TLS"
    )
    place.add_argument("--json", action="store_true", default=json, help="print one JSON value and nothing else")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say and tell the outcome. 0 done, 1 refused, 2 misused."""
    try:
        _expect_text(args)
        told = asyncio.run(_done(args))
    except Misused as fault:
        _complain(args, str(fault))
        return 2
    except Refused as fault:
        _complain(args, fault.message)
        return 1
    tell(told, json=args.json)
    return 0


async def _done(args: argparse.Namespace) -> Told:
    async with desk(args) as opened:
        act: Act = args.act
        return await act(opened, args)


def _expect_text(args: argparse.Namespace) -> None:
    """Arguments that are no UTF-8 arrive as lone surrogates, which no JSON can hold. Raises Misused."""
    for name, value in vars(args).items():
        for each in value if isinstance(value, list) else [value]:
            try:
                str(each).encode()
            except UnicodeEncodeError:
                raise Misused(f"{name} is not UTF-8 text") from None


@asynccontextmanager
async def desk(args: argparse.Namespace) -> AsyncIterator[Desk]:
    """The desk that the arguments or the environment name. Raises Misused, Refused, ConfigurationError."""
    from proxy.settings import environment

    if args.config is not None and args.url is not None:
        raise Misused("--config and --url are two places to work; name one of them")
    url = args.url or (environment().get(URL) if args.config is None else None)
    if url:
        from proxy.cli.remote import remote

        async with remote(url, environment().get(TOKEN, ""), insecure=args.insecure) as far:
            yield far
    elif args.config is not None:
        from proxy.cli.office import office

        async with office(args.config) as near:
            yield near
    else:
        raise Misused(WHERE)


def tell(told: Told, *, json: bool) -> None:
    """Standard output for what was asked for, standard error for what should be known beside it."""
    from proxy import codec
    from proxy.clock import SYSTEM

    for warning in (told.value.get("warnings") or ()) if isinstance(told.value, dict) else ():
        _write(sys.stderr, f"warning: {printable(warning)}\n")
    if json:
        _write(sys.stdout, f"{codec.encode_pretty(told.value)}\n")
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    _write(sys.stdout, told.text(Screen(width, SYSTEM.wall())))
    for note in told.notes:
        _write(sys.stderr, f"{note}\n")


def _complain(args: argparse.Namespace, message: str) -> None:
    told = "\n".join(map(printable, message.split("\n")))
    _write(sys.stderr, f"telnyx-proxy {args.command}: {told}\n")


def _write(stream: Any, text: str) -> None:
    """Where a terminal has no such character, show its number instead of failing."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def path(*parts: str) -> str:
    """`/admin/v1/keys/acme%2Fweb`: every part encoded whole."""
    return "/".join((ADMIN, *(quote(part, safe="") for part in parts)))


async def listed(desk: Desk, where: str, **filters: str | None) -> list[Row]:
    """Every row of a list, page after page. Raises Refused."""
    query = {name: value for name, value in filters.items() if value is not None}
    rows: list[Row] = []
    after: dict[str, str] = {}
    while True:
        page = await desk.call("GET", path(where), query={**query, "limit": str(PAGE), **after})
        rows += page["data"]
        last = page.get("last_id")
        # A server that says there is more but not from where would be asked for ever.
        if not page.get("has_more") or not page["data"] or after.get("after") == last:
            break
        after = {"after": str(last)}
    if not rows and set(query) == {"tenant"}:
        await desk.call("GET", path("tenants", query["tenant"]))  # a slip in the id is told, not taken for emptiness
    return rows


def enlisted(rows: Sequence[Row]) -> dict[str, Any]:
    """The whole list as the API would give it in one page."""
    return {
        "object": "list",
        "data": list(rows),
        "first_id": rows[0].get("id") if rows else None,
        "last_id": rows[-1].get("id") if rows else None,
        "has_more": False,
    }


async def key_id(desk: Desk, given: str) -> str:
    """The id of a key named by its id or as `tenant/name`. Raises Refused."""
    if "/" not in given:  # a name is unique within its tenant
        return given
    tenant, _, name = given.partition("/")
    for row in await listed(desk, "keys", tenant=tenant, name=name):
        return str(row["id"])
    raise Refused(f"tenant {tenant} has no key called {name}", 404)


def minted(value: Row, secret: str, *notes: str) -> Told:
    """A new secret: alone on its line of standard output, so that `$(...)` takes it as it is."""
    shown = str(value.get(secret, ""))
    return Told(value, lambda screen: f"{shown}\n", (*notes, SHOWN_ONCE))


def rows_told(columns: Sequence[Column], rows: Sequence[Row], first: str, what: str) -> Told:
    """A list, or how to make the first of its kind."""
    if not rows:
        return Told(enlisted(rows), notes=(f"No {what}. To make one:\n    telnyx-proxy {first}",))
    return Told(enlisted(rows), lambda screen: table(columns, rows, screen))
