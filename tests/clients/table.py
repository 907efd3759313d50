"""The matrix as a table: kept as JSON beside this file, shown in the README."""

from pathlib import Path
from typing import Any

from proxy import codec
from tests.clients.driving import Result
from tests.clients.roster import CHECKS, ROSTER

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "results.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- clients -->\n", "<!-- /clients -->"


def keep(results: list[Result], day: str) -> None:
    """Write down how they fared; those that were not run stay as they are."""
    rows = {row["client"]: row for row in (kept()["results"] if KEPT.is_file() else [])}
    for each in results:
        checks = {name: said is None for name, said in each.checks.items()}  # what went wrong is on the terminal
        rows[each.client] = {"client": each.client, "version": each.version, "checks": checks}
    ordered = [rows[client.name] for client in ROSTER if client.name in rows]
    lines = ",\n".join("    " + codec.encode_text(row) for row in ordered)
    KEPT.write_text(f'{{\n  "day": "{day}",\n  "results": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


def kept() -> dict[str, Any]:
    """What was written down last."""
    found: dict[str, Any] = codec.decode(KEPT.read_bytes())
    return found


def markdown(document: dict[str, Any]) -> str:
    """The table for people: ✓ well, ✗ not, nothing where the client has no such thing."""
    titles = [name.replace("_", " ") for name in CHECKS]
    lines = [f"| client | version | {' | '.join(titles)} |", "|---|---|" + ":-:|" * len(CHECKS)]
    for row in document["results"]:
        marks = [_mark(row["checks"], name) for name in CHECKS]
        lines.append(f"| {row['client']} | {row['version']} | {' | '.join(marks)} |")
    return "\n".join([*lines, "", f"Last run: {document['day']}."])


def _mark(checks: dict[str, Any], name: str) -> str:
    if name not in checks:
        return ""
    return "✓" if checks[name] else "✗"


def shown(text: str, document: dict[str, Any]) -> str:
    """The README with this table in it."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{markdown(document)}\n{END}{rest.partition(END)[2]}"
