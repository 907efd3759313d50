"""Writes `config/README.md` from the settings, the quirks and the metrics.

python -m proxy.cli.reference            write it
python -m proxy.cli.reference --check    exit code 1 if it is not what would be written
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy.settings.reference import settings_chapter
from proxy.telemetry.metrics import metrics_chapter
from proxy.translation.quirks import QUIRKS

FILE = Path(__file__).parents[2] / "config" / "README.md"

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
    chapters = (INTRODUCTION, settings_chapter(), quirks_chapter(), metrics_chapter())
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


def main(argv: Sequence[str] | None = None, file: Path = FILE) -> int:
    """Write or check the file; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxy.cli.reference", description="Write config/README.md.")
    parser.add_argument("--check", action="store_true", help="do not write; exit code 1 if it would change")
    if not parser.parse_args(argv).check:
        file.write_text(document(), encoding="utf-8")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == document():
        return 0
    sys.stderr.write(f"{file.name} is out of date: make docs\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
