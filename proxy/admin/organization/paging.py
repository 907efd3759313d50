"""Lists as OpenAI's administration API gives them: `limit`, `after`, `before`, and pages that name their ends."""

from collections.abc import Sequence
from typing import Any

from proxy.admin.listing import shaped, text
from proxy.admin.operations import Call, Reply
from proxy.errors import InvalidRequest, NotFound

BEFORE = {"before": "id of the first element of the page behind"}


def part(call: Call, elements: Sequence[dict[str, Any]], size: int) -> Reply:
    """The page of a whole list that `after` or `before` names. Raises InvalidRequest, NotFound for a cursor."""
    ids = [element["id"] for element in elements]
    before, after = _place(call, "before", ids), _place(call, "after", ids)
    if before is not None:
        start = max(0, before - size)
        return shaped(list(elements[start:before]), more=start > 0)
    start = 0 if after is None else after + 1
    return shaped(list(elements[start : start + size]), more=start + size < len(elements))


def choice(call: Call, name: str, choices: Sequence[str]) -> str | None:
    """A parameter that is one of some words. Raises InvalidRequest."""
    given = text(call, name)
    if given is not None and given not in choices:
        raise InvalidRequest(f"'{name}' must be one of {', '.join(choices)}.", param=name)
    return given


def _place(call: Call, name: str, ids: Sequence[str]) -> int | None:
    given = text(call, name)
    if given is None:
        return None
    if given not in ids:
        raise NotFound(f"'{name}' names no element of this list.", param=name)
    return ids.index(given)
