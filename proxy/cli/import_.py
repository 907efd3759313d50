"""`telnyx-proxy import litellm FILE`: a LiteLLM configuration as ours, and its keys with their limits and budgets."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli import desks
from proxy.cli.desks import Misused, Refused

if TYPE_CHECKING:
    from proxy.cli.litellm.draft import Draft
    from proxy.cli.litellm.keys import Key

ABOUT = "Take over the configuration and the keys of another proxy."
LITELLM = "Turn a LiteLLM configuration into one of ours, and tell what has no equal here."
EXPORT = "an export of LiteLLM's table LiteLLM_VerificationToken, JSON or CSV: its keys, limits and budgets"


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    actions = desks.add_actions(subparsers, "import", ABOUT)
    parser = desks.add_action(actions, "litellm", LITELLM, _no_desk)
    parser.add_argument("file", type=Path, metavar="FILE", help="the config.yaml of LiteLLM's proxy")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write our configuration there; a new file")
    parser.add_argument("--keys", type=Path, metavar="FILE", help=EXPORT)
    parser.add_argument("--apply", action="store_true", help="import the keys where --config or --url says")
    parser.set_defaults(run=run)


async def _no_desk(desk: desks.Desk, args: argparse.Namespace) -> desks.Told:
    """Never called: this subcommand opens a desk only to import keys."""
    raise Misused("import needs no place to work")


def run(args: argparse.Namespace) -> int:
    """Do it. 0 done, 1 refused, 2 misused or unreadable."""
    from proxy.cli.litellm.tables import Unreadable

    try:
        _expect_usable(args)
        return _run(args)
    except Misused as fault:
        return _complain(str(fault), 2)
    except Unreadable as fault:
        return _complain(f"{args.keys}: {fault}", 2)
    except Refused as fault:
        return _complain(fault.message, 1)


def _expect_usable(args: argparse.Namespace) -> None:
    if args.apply and args.keys is None:
        raise Misused("--apply imports keys: name their export with --keys")
    if args.keys is not None and not args.apply and not args.json and args.out is None:
        raise Misused("the keys are printed, so the configuration needs a file: --out, or --json for both in one value")


def _run(args: argparse.Namespace) -> int:
    from proxy.cli.litellm.conversion import convert
    from proxy.cli.litellm.writing import yaml_text

    draft = convert(_read(args.file))
    keys = _keys(args.keys, draft) if args.keys is not None else []
    if args.out is not None:
        with args.out.open("x", encoding="utf-8") as file:
            file.write(yaml_text(draft.configuration()))
    outcome: dict[str, Any] = {"keys": [key.value() for key in keys]}
    if args.apply:
        outcome = asyncio.run(_applied(args, keys))
    if args.json:
        _print({"configuration": draft.configuration(), "report": draft.report.value(), **outcome})
        return 0
    sys.stderr.write(f"{draft.report.text()}\n")
    if args.keys is not None:
        _print(outcome)
    elif args.out is None:
        sys.stdout.write(yaml_text(draft.configuration()))
    return 0


def _read(path: Path) -> dict[str, Any]:
    """The file as plain data. Raises ConfigurationError."""
    from proxy.settings import ConfigurationError, Fault
    from proxy.settings.document import read

    document = read(path)
    if document.faults:
        raise ConfigurationError(document.faults)
    if not isinstance(document.value, dict):
        raise ConfigurationError([Fault("", "is no configuration: sections are expected", source=str(path))])
    return document.value


def _keys(path: Path, draft: "Draft") -> "list[Key]":
    from proxy.cli.litellm.keys import convert_keys
    from proxy.cli.litellm.tables import read_rows
    from proxy.clock import SYSTEM

    return convert_keys(read_rows(path.read_bytes()), draft.names, int(SYSTEM.wall()), draft.report)


async def _applied(args: argparse.Namespace, keys: "list[Key]") -> dict[str, Any]:
    from proxy.cli.litellm.applying import apply

    async with desks.desk(args) as desk:
        imported, known = await apply(desk, keys)
    return {"imported": imported, "known_already": [{"tenant": key.tenant, "name": key.name} for key in known]}


def _print(value: Any) -> None:
    from proxy import codec

    sys.stdout.write(f"{codec.encode_pretty(value)}\n")


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"telnyx-proxy import: {message}\n")
    return code
