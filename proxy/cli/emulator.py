"""`telnyx-proxy emulator`: a Telnyx to practise on, until Ctrl-C."""

import argparse
import asyncio
import errno
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.emulator.server import Emulator

_PORT = 8090


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to those of the command line."""
    parser = subparsers.add_parser("emulator", help="run the built-in Telnyx emulator")
    parser.add_argument(
        "--port", type=int, default=_PORT, help=f"where to listen; 0 takes a free port (default {_PORT})"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)")
    parser.add_argument("--scenario", default="default", metavar="NAME", help="how to behave; --list names them all")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, or list. 0 after an orderly end, 1 if it cannot listen, 2 for bad usage."""
    from proxy.emulator import scenarios

    if args.list:
        sys.stdout.write("".join(f"{name:28}  {each.description}\n" for name, each in scenarios.SCENARIOS.items()))
        return 0
    try:
        scenarios.resolve(args.scenario)
    except scenarios.UnknownScenario as fault:
        sys.stderr.write(f"telnyx-proxy emulator: {fault}\n    telnyx-proxy emulator --list names them all\n")
        return 2
    try:
        asyncio.run(_serve(args.host, args.port, args.scenario))
    except (OSError, OverflowError) as fault:  # OverflowError: a port above 65535
        sys.stderr.write(f"telnyx-proxy emulator: {_reason(fault, args.host, args.port)}\n")
        return 1
    return 0


async def _serve(host: str, port: int, scenario: str) -> None:
    from proxy.emulator.server import running

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(host, port, scenario) as emulator:
        sys.stdout.write(_greeting(emulator, scenario))
        sys.stdout.flush()
        await stop.wait()


def _greeting(emulator: "Emulator", scenario: str) -> str:
    return (
        f"Telnyx emulator: {emulator.base_url} (scenario {scenario})\n"
        "  keys:      any that starts with KEY; KEY_<scenario> chooses a scenario for one request\n"
        f"  scenarios: {emulator.root}/_scenarios, switch with PUT {emulator.root}/_scenario\n"
        f"  received:  {emulator.root}/_requests\n"
        "Ctrl-C stops it.\n"
    )


def _reason(fault: Exception, host: str, port: int) -> str:
    if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another with --port"
    return f"cannot listen on {host}:{port}: {fault}"
