"""Lists as OpenAI's client libraries read them: in pages, each from behind the last object of the one before.

The query is `limit`, `order` and `after` (the id of an object); what else stands in it is left alone, as OpenAI does
with what it knows and we do not.

Source: https://platform.openai.com/docs/api-reference, the lists of items, files, batches and fine-tuning jobs.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.errors import InvalidRequest
from proxy.translation.checks import integer, invalid_type, one_of, shorten

USUAL, MOST = 20, 100
"""Objects of one page: where the client says nothing, and at most; most of OpenAI's lists are like that."""
ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What ids look like, ours and OpenAI's. Nothing else is looked for: a database refuses some characters, and has to
look through its index in vain for the rest."""
_NUMBER = re.compile(r"-?[0-9]{1,32}")
"""What is read as a number; more digits are too many anyway, and Python refuses thousands."""
Object = Mapping[str, Any]


class Span(NamedTuple):
    """Which part of a list: behind the object called `after`, `limit` of them, the newest first where `newest`."""

    after: str | None
    limit: int
    newest: bool


def is_id(text: object) -> bool:
    """Whether something can be the id of anything."""
    return isinstance(text, str) and ID.fullmatch(text) is not None


def span(query: Mapping[str, str], usual: int = USUAL, most: int = MOST, *, ordered: bool = True) -> Span:
    """The part of a list that a query asks for. `ordered`: the list knows `order`. Raises InvalidRequest."""
    limit, order = query.get("limit", str(usual)), query.get("order", "desc") if ordered else "desc"
    if _NUMBER.fullmatch(limit) is None:
        raise invalid_type("limit", "an integer", limit)
    number = int(limit)
    integer(1, most)("limit", number)
    one_of("asc", "desc")("order", order)
    return Span(query.get("after") or None, number, order == "desc")


def page(objects: Sequence[Object], *, more: bool) -> dict[str, Any]:
    """OpenAI's list object. `more`: others follow."""
    return {
        "object": "list",
        "data": list(objects),
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
        "has_more": more,
    }


def cut(objects: Sequence[Object], wanted: Span, unknown: Callable[[str], Exception]) -> dict[str, Any]:
    """A page of a list that is all there, oldest first. Raises what `unknown` makes of an `after` that is not in it."""
    ordered = objects[::-1] if wanted.newest else objects
    begin = 0
    if wanted.after is not None:
        ids = [each.get("id") for each in ordered]
        if wanted.after not in ids:
            raise unknown(wanted.after)
        begin = ids.index(wanted.after) + 1
    end = begin + wanted.limit
    return page(ordered[begin:end], more=end < len(ordered))


def unknown_after(identity: str) -> InvalidRequest:
    """The list has no such object to go on from."""
    return InvalidRequest(f"Invalid 'after': the list has no object with the id '{shorten(identity)}'.", param="after")
