"""Writes `config/README.md` from the settings, the quirks and the metrics, and the tables of `README.md`.

python -m proxy.cli.reference            write them
python -m proxy.cli.reference --check    exit code 1 if they are not what would be written
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy import errors
from proxy.endpoints import ENDPOINTS, FIELDS, Endpoint
from proxy.settings.reference import settings_chapter
from proxy.telemetry.metrics import metrics_chapter
from proxy.translation import chat
from proxy.translation.describe import counts, table_markdown
from proxy.translation.quirks import QUIRKS

FRONT_PAGE = Path(__file__).parents[2] / "README.md"
FILE = FRONT_PAGE.parent / "config" / "README.md"

INTRODUCTION = """\
# Configuration

<!-- Made by `make docs` from the program. Do not edit: the next run would undo it, and the tests would notice. -->

    telnyx-proxy check --config proxy.yaml     # every fault at once, each with its line and a hint; exit code 2
    telnyx-proxy serve --config proxy.yaml

- [`proxy.yaml`](proxy.yaml) has every setting at its default, with comments. Leave out what you do not change.
- [`models.yaml`](models.yaml) holds what is known about single models; `models: {file: models.yaml}` uses it.
- A setting that does not exist is an error that names the nearest one, in the file and in the environment.
- Paths start at the folder of the configuration file. Times are seconds. Sizes are bytes, or have a unit: `32MiB`.
- YAML is read by the rules of version 1.2: `no`, `on` and `off` are words, `010` is text, dates are text. Where true or
  false is expected, `yes`, `no`, `on` and `off` are understood.

## Environment

Every setting can be overridden: `TELNYX_PROXY_` and its path in upper case, two underscores per step inwards, a number
for the place in a list.

    TELNYX_PROXY_UPSTREAM__BASE_URL=https://api.telnyx.eu/v2
    TELNYX_PROXY_UPSTREAM__TIMEOUTS__FIRST_BYTE=600
    TELNYX_PROXY_TENANTS__0__ID=acme
    TELNYX_PROXY_TENANTS__0__KEYS__0__SECRET__FILE=/run/secrets/acme
    TELNYX_PROXY_MODELS__ALIASES='{"gpt-*": zai-org/GLM-5.2}'

Text is taken as it stands, everything else is read as YAML. Maps with names of your own are given as a whole, because
a variable cannot tell their case. Of the three places of a secret, the one in the environment replaces the one in the
file. A variable with one underscore too few (`TELNYX_PROXY_UPSTREAM_BASE_URL`) is an error; others without a double
underscore are left alone, since Kubernetes makes such variables for a service called `telnyx-proxy`.
"""


def document() -> str:
    """The whole of `config/README.md`."""
    chapters = (INTRODUCTION, settings_chapter(), quirks_chapter(), metrics_chapter(), fields_chapter())
    return "\n\n".join(chapter.strip() for chapter in chapters) + "\n"


def quirks_chapter() -> str:
    """What `models.profiles.*.quirks` can name."""
    lines = [
        "## Quirks",
        "",
        "What models were seen to refuse. The proxy notices, repairs the request, tries once more and remembers it for",
        "a day. A profile can pin a quirk `on` (always repaired beforehand) or `off` (never).",
        "",
        "| quirk | what is repaired |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{quirk.name}` | {quirk.reason} |" for quirk in QUIRKS)])


def endpoints_table() -> str:
    """What is served."""
    rows = [f"| `{_method(row)} {_path(row)}` | {row.summary} | {_verdicts(row)} |" for row in ENDPOINTS]
    return "\n".join(["| endpoint | | request fields by their fate |", "|---|---|---|", *rows])


def _verdicts(row: Endpoint) -> str:
    """How many fields of its request have which fate."""
    table = FIELDS.get(row.name)
    return "" if table is None else ", ".join(f"{number} {fate}" for fate, number in counts(table).items() if number)


def _method(row: Endpoint) -> str:
    return "any" if row.method == "*" else row.method


def _path(row: Endpoint) -> str:
    return ("" if row.method == "*" else "/v1") + row.path.replace("...}", "}")


def fields_table() -> str:
    """The counts by verdict, then every field."""
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts(chat.FIELDS).items())
    return f"{len(chat.FIELDS.rows)} fields: {told}.\n\n{table_markdown(chat.FIELDS).strip()}"


def fields_chapter() -> str:
    """The field tables of the endpoints that do not stand on the front page."""
    lines = ["## Request fields", "", "Those of chat completions stand in the front page.", ""]
    for name, table in FIELDS.items():
        if table is not chat.FIELDS:
            row = next(row for row in ENDPOINTS if row.name == name)
            lines += [f"### `{_method(row)} {_path(row)}`", "", table_markdown(table)]
    return "\n".join(lines).rstrip()


def errors_table() -> str:
    """Every error a client can meet."""
    rows = [
        f"| {row.status} | `{row.type}` | `{row.code}` | {(row.__doc__ or '').strip().splitlines()[0]} |"
        for row in sorted(errors.tree(), key=lambda row: (row.status, row.code or ""))
        if row.__module__ == errors.__name__
    ]
    return "\n".join(["| status | type | code | |", "|---|---|---|---|", *rows])


PARTS = {"endpoints": endpoints_table, "fields": fields_table, "errors": errors_table}
"""What stands between `<!-- name -->` and `<!-- /name -->` in the front page."""


def front_page(text: str) -> str:
    """The text of `README.md` with its tables made anew."""
    for name, table in PARTS.items():
        before, _, rest = text.partition(f"<!-- {name} -->")
        after = rest.partition(f"<!-- /{name} -->")[2]
        text = f"{before}<!-- {name} -->\n{table()}\n<!-- /{name} -->{after}"
    return text


def main(argv: Sequence[str] | None = None, file: Path = FILE, front: Path = FRONT_PAGE) -> int:
    """Write or check the files; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxy.cli.reference", description="Write the documentation.")
    parser.add_argument("--check", action="store_true", help="do not write; exit code 1 if something would change")
    wanted = {file: document(), front: front_page(front.read_text(encoding="utf-8"))}
    if not parser.parse_args(argv).check:
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        sys.stderr.write(f"{path.name} is out of date: make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
