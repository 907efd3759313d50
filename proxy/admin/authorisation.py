"""Who is asking: the bearer of an admin token.

Every refusal is in the same words, so that nobody learns whether a token is unknown, expired or revoked. A token is
looked up in the database with every request: these are few, and a revoked one is refused at once. That holds for a
request under way, too: between its head and its work a body may take half a minute, or somebody else be faster.
"""

import hmac
from contextlib import suppress

from proxy.accounts.keys import digest
from proxy.accounts.roles import Actor
from proxy.admin.operations import Office
from proxy.admin.subjects import alive
from proxy.errors import InvalidApiKey, StoreUnavailable
from proxy.storage.store import ADMIN_TOKEN, Session

BOOTSTRAP = "bootstrap"
TOUCHED = 60
"""Seconds between two notes of when a token was last used."""
_ADDRESS_LENGTH = 64

_NEEDED = "This needs an admin token as a bearer token."
_HINT = " There is none in the configuration: set admin.token, or make one with `telnyx-proxy tokens create`."


async def expect_alive(session: Session, actor: Actor) -> None:
    """Whoever asked may still ask, as this transaction sees it. Raises InvalidApiKey."""
    rows = await session.find(ADMIN_TOKEN, id=actor.id)  # none for `bootstrap` and `cli`, which nobody can revoke
    if rows and not alive(rows[0], session.now):
        raise InvalidApiKey(_NEEDED)


class Authorisation:
    """Knows the token of the configuration and, where there is a store, those in it."""

    def __init__(self, token: str | None, office: Office | None) -> None:
        self._token = token.encode() if token else None
        self._office = office

    async def actor(self, authorization: str, address: str = "") -> Actor:
        """Whose token a header carries. Raises InvalidApiKey, StoreUnavailable."""
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() == "bearer" and given:
            address = address[:_ADDRESS_LENGTH]
            # Bytes, because compare_digest refuses text that is not ASCII, and headers can hold anything.
            if self._token and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token):
                return Actor(BOOTSTRAP, "admin.token of the configuration", "owner", address=address)
            found = await self._stored(given, address)
            if found is not None:
                return found
        raise InvalidApiKey(_NEEDED if self._token else _NEEDED + _HINT)

    async def _stored(self, given: str, address: str) -> Actor | None:
        office = self._office
        if office is None:
            return None
        async with office.store.reading() as session:
            rows = await session.find(ADMIN_TOKEN, digest=office.sealing.digest(digest(given)))
            now = session.now
        if not rows or not alive(rows[0], now):
            return None
        row = rows[0]
        if now - (row["last_used_at"] or 0) >= TOUCHED:
            # Whoever asks is not refused because a note about it cannot be made.
            with suppress(StoreUnavailable):
                await office.store.touch_tokens({row["id"]: now})
        return Actor(row["id"], row["name"], row["role"], row["tenant"], address)
