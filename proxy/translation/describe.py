"""The field table in words: for the README, and for people who ask what becomes of a field."""

from collections import Counter
from collections.abc import Mapping

from proxy.translation.rules import Field, FieldTable, Verdict

WORDS: Mapping[Verdict, str] = {
    Verdict.KEEP: "Sent as it is.",
    Verdict.RENAME: "Sent under another name.",
    Verdict.CONVERT: "Sent in another shape.",
    Verdict.EMULATE: "Done by the proxy.",
    Verdict.DROP: "Not sent; nothing changes.",
    Verdict.LOSSY: "Not sent; the answer may differ.",
    Verdict.REFUSE: "The request is refused.",
}
"""What a verdict means, in a sentence."""


def counts(table: FieldTable) -> dict[Verdict, int]:
    """How many fields have which fate; every verdict is there, in the order of their declaration."""
    found = Counter(row.verdict for row in table.rows)
    return {verdict: found[verdict] for verdict in Verdict}


def table_markdown(table: FieldTable) -> str:
    """A Markdown table with a line per field, in the order of the field table: field, verdict, what happens."""
    lines = ["| Field | Verdict | What happens |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.verdict} | {_what_happens(row)} |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _what_happens(row: Field) -> str:
    if row.verdict is Verdict.RENAME:
        return f"Sent as `{row.to}`. {row.reason}".replace("|", "\\|")
    return f"{WORDS[row.verdict]} {row.reason}".rstrip().replace("|", "\\|")
