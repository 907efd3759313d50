"""Pages of a list as Telnyx's API gives them: `page[number]`, `page[size]`, and `meta` beside `data`."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.emulator import failures
from proxy.emulator.failures import Refused

SIZE = 20
"""Rows of a page where nothing is said."""
_HIGHEST = 10**6


def page(rows: Sequence[Any], query: Mapping[str, str], largest: int) -> dict[str, Any]:
    """The page that is asked for, of `largest` rows at most. Raises Refused for what is no number."""
    number, size = _whole(query, "page[number]", 1), min(_whole(query, "page[size]", SIZE), largest)
    meta = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(rows) // size),
        "total_results": len(rows),
    }
    return {"data": list(rows[(number - 1) * size : number * size]), "meta": meta}


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < _HIGHEST):
        raise Refused(failures.bad_request(f"{name} must be a number from 1.", f"/{name}"))
    return int(text)
