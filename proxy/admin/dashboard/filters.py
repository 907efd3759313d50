"""Which requests a list of them shows: a query into what the ledger is asked, and back into links.

Every filter is a parameter of the address, so that a list can be handed on as a link, and works without a script.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.accounts.entries import TEXT
from proxy.accounts.ledger import CLIENT_CLOSED
from proxy.admin.dashboard.frame import Values, first
from proxy.admin.dashboard.outcomes import ENDS
from proxy.admin.dashboard.ranges import TimeRange
from proxy.errors import InvalidRequest, NotFound
from proxy.storage.reports import Question

NAMES: Mapping[str, str] = {
    "tenant": "Tenant",
    "key": "Key",
    "model": "Model",
    "endpoint": "Endpoint",
    "status": "Status",
    "error": "Error code",
    "end": "Stream ended",
    "user": "End user",
}
"""Parameter -> what people call it."""
CLASSES: Mapping[str, tuple[str, range]] = {
    "2xx": ("2xx served", range(200, 300)),
    "4xx": ("4xx refused", range(400, 500)),
    "5xx": ("5xx failed", range(500, 600)),
}
"""Status classes: what they are called, and which statuses are meant."""

_GROUPED: Mapping[str, str] = {"tenant": "tenant", "key": "key_id", "model": "model", "endpoint": "endpoint"}
_EQUAL: Mapping[str, str] = {"error": "error_code", "end": "stream_end"}
_HASH = re.compile(r"[0-9a-f]{16}\Z")
_STATUS = re.compile(r"[0-9]{1,3}\Z")
_CURSOR = re.compile(r"([0-9]{1,17})\.([!-~]{1,64})\Z")


@dataclass(frozen=True, slots=True)
class Filters:
    """What was asked for.

    Attributes:
        given: parameter -> value, of NAMES, those that narrow the list.
        after: (started_us, id) of the last row of the page before, None for the first page.
    """

    given: Mapping[str, str]
    after: tuple[int, str] | None = None

    def question(self, when: TimeRange, tenant: str | None) -> Question:
        """The question to the ledger; `tenant`: the one that the asker sees, None for all."""
        only: dict[str, Sequence[str | int]] = {
            column: [self.given[name]] for name, column in _GROUPED.items() if name in self.given
        }
        if "status" in self.given:
            only["status"] = statuses(self.given["status"])
        if "user" in self.given:
            only["end_user"] = [end_user(self.given["user"])]
        if tenant is not None:
            only["tenant"] = [tenant]
        return when.asks(only=only)

    def equal(self) -> dict[str, Any]:
        """The columns that must have a value and are no groups."""
        return {column: self.given[name] for name, column in _EQUAL.items() if name in self.given}

    def without(self, name: str) -> dict[str, str]:
        """The parameters but one."""
        return {each: value for each, value in self.given.items() if each != name}


def filters(query: Values, tenant: str | None) -> Filters:
    """What a query asks for. Raises InvalidRequest, and NotFound for the tenant of somebody else."""
    given = {name: first(query, name) for name in NAMES}
    given = {name: value for name, value in given.items() if value}
    for name, value in given.items():
        if len(value) > TEXT or "\x00" in value:
            raise InvalidRequest(f"'{name}' must be text of at most {TEXT} characters.", param=name)
    if tenant is not None and given.get("tenant", tenant) != tenant:
        raise NotFound(f"There is no tenant '{given['tenant']}'.", param="tenant")
    if "status" in given:
        statuses(given["status"])
    if given.get("end", "complete") not in ENDS:
        raise InvalidRequest(f"'end' is one of {', '.join(ENDS)}.", param="end")
    return Filters(given, _after(first(query, "after")))


def statuses(given: str) -> list[str | int]:
    """The statuses that are meant: `429`, or a class such as `4xx`. Raises InvalidRequest."""
    if given in CLASSES:
        return [status for status in CLASSES[given][1] if status != CLIENT_CLOSED]  # who left was not refused
    if not _STATUS.match(given):
        raise InvalidRequest(f"'status' is a number or one of {', '.join(CLASSES)}.", param="status")
    return [int(given)]


def end_user(given: str) -> str:
    """An end user as the ledger has one: its hash, or what an application sent, which is hashed here."""
    if _HASH.match(given):
        return given
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def cursor(row: Mapping[str, Any]) -> str:
    """What asks for the page after a row."""
    return f"{row['started_us']}.{row['id']}"


def _after(given: str) -> tuple[int, str] | None:
    if not given:
        return None
    found = _CURSOR.match(given)
    if found is None:
        raise InvalidRequest("'after' is not the end of a page.", param="after")
    return int(found[1]), found[2]
