"""The files of the dashboard: styles, scripts, and Chart.js out of the package `chartkick`, each under its digest.

A path with a digest in it names one content for ever, so browsers never ask again, and a new version is seen at once.
Nothing comes from elsewhere: it works without the internet. The licence of Chart.js stands in the file itself, and
those of all that is bundled in it are served beside it.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from proxy.admin.dashboard.frame import ROOT

FOLDER = Path(__file__).parent / "static"
KINDS: Mapping[str, str] = MappingProxyType(
    {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
)
CHARTS = "chart.js"
LICENCES = "licences.txt"
_BUNDLE = Path("django/static/chartkick/Chart.bundle.js")
_BUNDLED = ("chart.js", "kurkle-color", "chartjs-adapter-date-fns", "date-fns")
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent.

    Attributes:
        kind: its content type.
        digest: 16 hex digits.
        data, packed: its bytes, and the same under gzip.
    """

    kind: str
    digest: str
    data: bytes = field(repr=False)
    packed: bytes = field(repr=False)


@cache
def names() -> frozenset[str]:
    """What there is."""
    return frozenset({CHARTS, LICENCES, *(each.name for each in FOLDER.iterdir() if each.suffix in KINDS)})


@cache
def named(name: str) -> File:
    """One of `names()`. Takes tens of milliseconds the first time, so not on the event loop."""
    data = _read(name)
    packed = gzip.compress(data, mtime=0)
    return File(KINDS[Path(name).suffix], hashlib.sha256(data).hexdigest()[:_DIGITS], data, packed)


def asset(name: str) -> str:
    """The path that a page links to."""
    return f"{ROOT}/static/{named(name).digest}/{name}"


def _read(name: str) -> bytes:
    if name == CHARTS:
        return (_package() / _BUNDLE).read_bytes()
    if name == LICENCES:
        texts = ((each, _package() / "licenses" / f"LICENSE-{each}.txt") for each in _BUNDLED)
        return "\n\n".join(f"{each}\n\n{path.read_text('utf-8')}" for each, path in texts).encode()
    return (FOLDER / name).read_bytes()


def _package() -> Path:
    """Where the package is; it is not imported: its modules want a web framework that we do not have."""
    found = find_spec("chartkick")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package chartkick, which carries Chart.js, is not installed")
    return Path(found.origin).parent
