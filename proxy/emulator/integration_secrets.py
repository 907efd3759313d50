"""Integration secrets of the emulated Telnyx: per credential, in memory, and as forgetful as the process.

Rows and pages are those of Telnyx's OpenAPI. What Telnyx answers to an identifier that is there already is not
documented: here it is a 400 with code 10015, as for other rules.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proxy.emulator import failures
from proxy.emulator.failures import Refused
from proxy.emulator.paging import page
from proxy.emulator.schema import Record, Text
from proxy.emulator.validation import BODY, fault, faults

LARGEST = 250
"""Rows of a page at most."""

_BODY = Record(
    {"identifier": Text(), "type": Text(("bearer", "basic")), "token": Text(), "username": Text(), "password": Text()},
    required=("identifier", "type"),
    closed=False,
)
_NEEDED: Mapping[str, tuple[str, ...]] = {"bearer": ("token",), "basic": ("username", "password")}


@dataclass(frozen=True)
class Kept:
    """A secret as it was given, and the row that tells of it."""

    row: dict[str, str]
    given: dict[str, Any] = field(repr=False)


class Vaults:
    """The integration secrets of every account; a credential stands for its account."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[str, dict[str, Kept]] = {}

    def kept(self, credential: str) -> list[Kept]:
        """What an account has, oldest first."""
        return list(self._kept.get(credential, {}).values())

    def create(self, credential: str, body: Any) -> dict[str, Any]:
        """Keep one. Raises Refused for a body that is none, and for an identifier that is there already."""
        found = faults(_BODY, body) or [
            fault((*BODY, name), "missing", "Field required") for name in _NEEDED[body["type"]] if not body.get(name)
        ]
        if found:
            raise Refused(failures.unprocessable(found))
        identifier = body["identifier"]
        if any(kept.row["identifier"] == identifier for kept in self.kept(credential)):
            detail = f"An integration secret with the identifier '{identifier}' exists already."
            raise Refused(failures.bad_request(detail, "/identifier"))
        at = datetime.fromtimestamp(self._now(), UTC).isoformat()
        row = {
            "record_type": "integration_secret",
            "id": str(uuid.uuid4()),
            "identifier": identifier,
            "created_at": at,
            "updated_at": at,
        }
        self._kept.setdefault(credential, {})[row["id"]] = Kept(row, dict(body))
        return {"data": row}

    def listed(self, credential: str, query: Mapping[str, str]) -> dict[str, Any]:
        """A page, and what there is in all. Raises Refused for a page that is no number."""
        wanted = query.get("filter[type]")
        rows = [kept.row for kept in self.kept(credential) if wanted in {None, kept.given["type"]}]
        return page(rows, query, LARGEST)

    def delete(self, credential: str, identity: str) -> None:
        """Forget one. Raises Refused for one that is not there, or belongs to another account."""
        if self._kept.get(credential, {}).pop(identity, None) is None:
            detail = f"There is no integration secret with the id '{identity}'."
            raise Refused(failures.envelope(404, "10005", "Resource not found", detail, "/id"))
