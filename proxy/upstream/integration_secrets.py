"""Telnyx's integration secrets: the keys of other providers, kept at Telnyx and named by `api_key_ref`.

    POST   /v2/integration_secrets        {identifier, type: bearer | basic, token | username + password} -> {data: row}
    GET    /v2/integration_secrets        page[number], page[size] -> {data: [row], meta: {total_pages, ...}}
    DELETE /v2/integration_secrets/{id}

A row is {id, identifier, record_type, created_at, updated_at}; what the secret is, Telnyx tells nobody. Source:
Telnyx's OpenAPI of January 2026 (create_integration_secret, list_integration_secrets, delete_integration_secret).

Rows and pages are read leniently, what is sent is exact. A secret goes out once, in the body of one request; no repr,
log line or error has it, not even where Telnyx repeats it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from proxy import codec
from proxy.errors import Conflict, NotFound, ProxyError, UpstreamFailed
from proxy.translation import failures
from proxy.translation.failures import Circumstances
from proxy.upstream.transport import Outgoing, Transport

PATH = "/integration_secrets"
"""After `upstream.base_url`."""
PAGE_SIZE = 250
"""Rows asked for at a time: the most that Telnyx's lists give."""
PAGES = 400
"""Pages read at most: 100,000 secrets. Beyond it, the list does not end, or is not one."""
ANSWER_LIMIT = 4 * 1024 * 1024
"""Bytes of one answer: a page of 250 rows has about 60,000."""
IDLE = 30.0
"""Seconds between pieces of an answer."""

_SUCCESS = range(200, 300)
_NOT_FOUND, _CONFLICT = 404, 409


@dataclass(frozen=True, slots=True)
class IntegrationSecret:
    """What Telnyx tells of a secret. Times are Telnyx's own texts (ISO 8601), empty where it gives none."""

    id: str
    identifier: str
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A provider's API key."""

    token: str = field(repr=False)

    def fields(self) -> dict[str, str]:
        """What Telnyx wants of it."""
        return {"type": "bearer", "token": self.token}

    def hidden(self) -> tuple[str, ...]:
        """What nobody may see."""
        return (self.token,)


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password."""

    username: str
    password: str = field(repr=False)

    def fields(self) -> dict[str, str]:
        """What Telnyx wants of it."""
        return {"type": "basic", "username": self.username, "password": self.password}

    def hidden(self) -> tuple[str, ...]:
        """What nobody may see."""
        return (self.password,)


class IntegrationSecrets:
    """The integration secrets of one Telnyx account."""

    def __init__(self, transport: Transport, base_url: str, credential: str) -> None:
        self._transport = transport
        self._url = base_url + PATH
        self._credential = credential

    async def every(self) -> tuple[IntegrationSecret, ...]:
        """All of them, in Telnyx's order. Raises UpstreamFault."""
        found: dict[str, IntegrationSecret] = {}
        for number in range(1, PAGES + 1):
            query = f"page%5Bnumber%5D={number}&page%5Bsize%5D={PAGE_SIZE}"
            answer = await self._send(Outgoing("GET", f"{self._url}?{query}", self._credential))
            rows = _rows(answer)
            fresh = {row.id: row for row in rows if row.id not in found}
            found |= fresh
            if not fresh or not _goes_on(answer, number, len(rows)):
                return tuple(found.values())
        raise UpstreamFailed("Telnyx's list of integration secrets does not end.")

    async def create(self, identifier: str, secret: Bearer | Basic) -> IntegrationSecret:
        """Hand a secret over to Telnyx. Raises Conflict where Telnyx has the identifier already, UpstreamFault."""
        body = codec.encode({"identifier": identifier, **secret.fields()})
        answer = await self._send(
            Outgoing("POST", self._url, self._credential, body), about=identifier, hidden=secret.hidden()
        )
        row = _row(answer.get("data"))
        if row is None:
            raise UpstreamFailed("Telnyx's answer to the new integration secret cannot be read; it may be there now.")
        return row

    async def delete(self, identity: str) -> None:
        """Delete one by its id, not its identifier. Raises NotFound, UpstreamFault."""
        await self._send(
            Outgoing("DELETE", f"{self._url}/{quote(identity, safe='')}", self._credential), about=identity
        )

    async def _send(self, outgoing: Outgoing, *, about: str = "", hidden: tuple[str, ...] = ()) -> dict[str, Any]:
        answer = await self._transport.send(outgoing)
        try:
            body = await answer.read(ANSWER_LIMIT, IDLE)
        finally:
            answer.close()
        if answer.status not in _SUCCESS:
            raise _refusal(answer.status, answer.headers, body, about, (self._credential, *hidden))
        return _object(body) if body.strip() else {}


def _refusal(status: int, headers: Mapping[str, str], body: bytes, about: str, hidden: tuple[str, ...]) -> ProxyError:
    if about and status == _NOT_FOUND:
        return NotFound(f"Telnyx has no integration secret '{about}'.")
    if about and status == _CONFLICT:
        return Conflict(f"Telnyx has an integration secret '{about}' already.")
    return failures.from_response(status, headers, body, Circumstances(secrets=hidden))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = codec.decode(body)
    except codec.NotJson:
        value = None
    if not isinstance(value, dict):
        raise UpstreamFailed("Telnyx's answer about integration secrets cannot be read.")
    return value


def _rows(answer: Mapping[str, Any]) -> list[IntegrationSecret]:
    """The rows of a page. Single ones that cannot be read are left out: the others can be used all the same."""
    given = answer.get("data")
    if not isinstance(given, list):
        raise UpstreamFailed("Telnyx's list of integration secrets cannot be read.")
    return [row for row in map(_row, given) if row is not None]


def _row(given: Any) -> IntegrationSecret | None:
    if not isinstance(given, dict):
        return None
    identity, identifier = given.get("id"), given.get("identifier")
    if not isinstance(identity, str) or not isinstance(identifier, str) or not identity:
        return None
    return IntegrationSecret(
        identity, identifier, str(given.get("created_at") or ""), str(given.get("updated_at") or "")
    )


def _goes_on(answer: Mapping[str, Any], number: int, rows: int) -> bool:
    """Whether another page is to be asked for. Where `meta` tells nothing, a full page may have a successor."""
    meta = answer.get("meta")
    total = meta.get("total_pages") if isinstance(meta, dict) else None
    return number < total if isinstance(total, int) else rows >= PAGE_SIZE
