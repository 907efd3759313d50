"""The command `telnyx-proxy`: picks a subcommand, runs it, and turns what it raises into an exit code.

0    done
1    a failure, a port in use for instance
2    bad usage or configuration
130  interrupted (128 + SIGINT), as shells have it
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy import __version__

SUBCOMMANDS = (
    "serve",
    "demo",
    "check",
    "explain",
    "emulator",
    "tenants",
    "keys",
    "limits",
    "budgets",
    "credentials",
    "secrets",
    "tokens",
    "audit",
    "usage",
    "reconcile",
    "migrate",
    "backup",
    "restore",
    "reseal",
    "import",
)
MODULES = {"import": "import_"}
"""Subcommand -> its module, where it cannot have the same name."""
PROGRAM = "telnyx-proxy"

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line (default: that of this process) and return its exit code."""
    _fill_streams()
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        args = parser(given).parse_args(given)
    except SystemExit as end:  # argparse has printed help, the version or what is wrong
        return OK if end.code in {None, OK} else MISUSED
    return run(args)


def _fill_streams() -> None:
    """A stream that was closed leads nowhere: the next file or socket that is opened would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - as long as the process


def parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these arguments. Of the subcommands only the one asked for is imported, if it can be told."""
    whole = argparse.ArgumentParser(prog=PROGRAM, description="Run any OpenAI app on Telnyx AI inference.")
    whole.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    first = given[0] if given else ""
    if first == "--version":
        return whole
    subparsers = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (first,) if first in SUBCOMMANDS else SUBCOMMANDS:
        importlib.import_module(f"proxy.cli.{MODULES.get(name, name)}").add(subparsers)
    return whole


def run(args: argparse.Namespace) -> int:
    """Run the subcommand and turn what it raises into a message and an exit code."""
    from proxy.settings.faults import ConfigurationError

    try:
        return int(args.run(args))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return MISUSED
    except OSError as error:
        sys.stderr.write(f"{PROGRAM}: {_told(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _told(error: OSError) -> str:
    """What the system could not do, and with which file, without its number."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename is not None else said
