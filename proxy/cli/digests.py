"""A file of key digests, as `telnyx-proxy keys import` takes it."""

import re
import sys
from pathlib import Path
from typing import Any

from proxy.cli.desks import Misused
from proxy.settings import ConfigurationError
from proxy.settings.document import parse

FORMS = "a list of {name, sha256}, a map of name to sha256, or lines of a SHA-256 and a name"

_SUM = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S+)")


def digests(file: Path) -> list[dict[str, Any]]:
    """The keys in a file (`-`: standard input), as the admin API takes them.

    Raises Misused, ConfigurationError, OSError. Nothing of the file is repeated in an error: where digests are
    expected, somebody may have put the keys.
    """
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misused(f"{file} is not UTF-8 text") from None
    return _of_sums(text) or _of_document(text, str(file))


def _of_sums(text: str) -> list[dict[str, Any]]:
    """What sha256sum writes; nothing where a line is none of it."""
    found = [_SUM.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    return [{"name": each[2], "sha256": each[1].lower()} for each in found if each] if all(found) else []


def _of_document(text: str, source: str) -> list[dict[str, Any]]:
    document = parse(text, source)
    if document.faults:
        raise ConfigurationError(document.faults)
    value = document.value
    if isinstance(value, dict) and isinstance(value.get("keys"), list):
        value = value["keys"]
    if isinstance(value, dict):
        value = [{"name": name, "sha256": digest} for name, digest in value.items()]
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise Misused(f"{source} must hold {FORMS}")
    return value
