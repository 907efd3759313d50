"""Names that clients make up, of fields and of models: so many of them are written down, and no more.

The sums of the ledger have rows of their own for each name, hour, key and model, and those by day are kept for as long
as the operator likes. Somebody who invents a hundred names with each request would fill the disk two hundred times as
fast as with plain requests. So each tenant has a bounded number of new names a day in each process; further ones count
together. What was consumed is always told by its model: nobody can consume what does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from proxy.accounts.ledger import Record
from proxy.usage import NOTHING, Usage

FIELDS = 500
"""Of one tenant and day, in one process. OpenAI's API has some two hundred, those inside of others counted."""
MODELS = 500
"""The same for models of requests that consumed nothing. Telnyx has fewer than a hundred."""
OTHER_FIELDS = "(others)"
"""What further fields are called; no client's field can be told from it, and none has to be."""
DAY = 86_400
UNUSED = NOTHING.source

Changes = tuple[tuple[str, str], ...]


class Named(NamedTuple):
    """What is written down of a request: its model, empty where that is one too many, and its changes."""

    model: str
    changes: Changes


TOLD = 256
"""Changes as a whole that are remembered of a tenant: what an app does it does with each of its requests."""


@dataclass(slots=True)
class Seen:
    """The names of one tenant; `told`: changes all of whose fields are among them."""

    fields: set[str]
    models: set[str]
    told: set[Changes]


class Names:
    """Those of one process and day. There are only so many tenants, so nothing here grows without bound."""

    def __init__(self, fields: int = FIELDS, models: int = MODELS) -> None:
        self._fields = fields
        self._models = models
        self._since = self._until = 0.0  # Unix seconds
        self._seen: dict[str, Seen] = {}

    def of(self, record: Record, usage: Usage) -> Named:
        """What of a request's names is written down."""
        if not self._since <= record.started_at < self._until:
            self._begin(int(record.started_at // DAY))
        seen = self._seen.get(record.tenant)
        if seen is None:
            seen = self._seen[record.tenant] = Seen(set(), set(), set())
        model, changes = record.model, record.changes
        if usage.source == UNUSED and not _known(model, seen.models, self._models):
            model = ""
        if changes not in seen.told:
            changes = self._told(changes, seen)
        return tuple.__new__(Named, (model, changes))  # a call less

    def _begin(self, day: int) -> None:
        """Of the day before are those that took long; of any other the clock was set."""
        self._since, self._until, self._seen = float((day - 1) * DAY), float((day + 1) * DAY), {}

    def _told(self, changes: Changes, seen: Seen) -> Changes:
        for field, _ in changes:
            if field not in seen.fields:
                bounded = self._bounded(changes, seen.fields)
                break
        else:
            bounded = changes
        if bounded == changes:
            if len(seen.told) >= TOLD:
                seen.told.clear()
            seen.told.add(changes)
        return bounded

    def _bounded(self, changes: Iterable[tuple[str, str]], seen: set[str]) -> Changes:
        found = ((field if _known(field, seen, self._fields) else OTHER_FIELDS, kind) for field, kind in changes)
        return tuple(dict.fromkeys(found))


def _known(name: str, seen: set[str], most: int) -> bool:
    """Whether a name is one of those that are written down; a new one is from now on, if there is room for it."""
    if name not in seen:
        if len(seen) >= most:
            return False
        seen.add(name)
    return True
