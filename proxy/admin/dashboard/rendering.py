"""Templates to HTML. Every value is escaped; a name that a template does not know is a fault, not a gap."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from proxy import codec
from proxy.admin.dashboard import figures
from proxy.admin.dashboard.files import asset
from proxy.admin.dashboard.frame import ROOT

FOLDER = Path(__file__).parent / "templates"
FILTERS = ("number", "compact", "money", "exact_money", "seconds", "percent", "moment", "iso", "ago")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update({name: getattr(figures, name) for name in FILTERS})
    made.filters["data"] = data
    made.globals.update(asset=asset, root=ROOT, link=link, UNKNOWN=figures.UNKNOWN)
    return made


def link(path: str, *parts: Mapping[str, Any], **more: Any) -> str:
    """A path with a query: `link('/dashboard/requests', when.query(), tenant='acme')`. What is None is left out."""
    query = {name: value for part in (*parts, more) for name, value in part.items() if value is not None}
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def data(value: Any) -> Markup:
    """JSON for a block that a script reads. Nothing in it can end the block, whatever a value says."""
    return Markup(codec.encode_text(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def html(template: str, values: Mapping[str, Any]) -> bytes:
    """The page. Takes tens of milliseconds the first time, so not on the event loop."""
    return _environment().get_template(template).render(values).encode()
