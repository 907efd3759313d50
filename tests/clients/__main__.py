"""Run the matrix. See the package."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from tests.clients import table
from tests.clients.driving import Result, drive
from tests.clients.roster import ROSTER, Client


async def _all(clients: list[Client]) -> list[Result]:
    results = []
    for client in clients:
        result = await drive(client)
        sys.stdout.write(_line(result) + "\n")
        sys.stdout.flush()
        results.append(result)
    return results


def _line(result: Result) -> str:
    if result.missing:
        return f"{result.client}: not installed: {result.missing}"
    bad = [f"\n    {name}: {said}" for name, said in result.checks.items() if said is not None]
    return f"{result.client} {result.version}: {len(result.checks) - len(bad)} of {len(result.checks)}{''.join(bad)}"


def main() -> int:
    """The exit code: 1 where something did not go well."""
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description="Real clients against the proxy.")
    parser.add_argument("names", nargs="*", help="beginnings of names; none = all")
    names = [name.lower() for name in parser.parse_args().names]
    chosen = [row for row in ROSTER if not names or row.name.lower().startswith(tuple(names))]
    results = asyncio.run(_all(chosen))
    if not any(result.missing for result in results):
        table.keep(results, datetime.now(UTC).date().isoformat())
        table.README.write_text(table.shown(table.README.read_text(encoding="utf-8"), table.kept()), encoding="utf-8")
    return int(any(result.missing or any(result.checks.values()) for result in results))


if __name__ == "__main__":
    sys.exit(main())
