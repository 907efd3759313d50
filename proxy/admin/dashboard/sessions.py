"""The cookie that says who has signed in. Nothing is remembered here: any worker can read it, and none has to forget.

It is sealed with the keys of `storage.encryption_keys`, and says which token opened it, not the token itself. With
every visit that token is looked up, so one that is revoked, expired or, in the configuration, replaced is signed out
at once. A second cookie carries what is said on the next page, sealed for the same session.

`SameSite=Lax`, so that a link from an alert finds one signed in: a page that is only looked at changes nothing, and
every form carries the session's own token beside it.
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aiohttp import web

from proxy import codec
from proxy.accounts.keys import digest
from proxy.accounts.roles import Actor
from proxy.admin.authorisation import BOOTSTRAP, Authorisation
from proxy.admin.dashboard.frame import ROOT, Said
from proxy.admin.operations import Office
from proxy.admin.subjects import alive
from proxy.errors import InvalidApiKey
from proxy.storage.sealing import Unreadable
from proxy.storage.store import ADMIN_TOKEN

COOKIE, SAID, SIGN_IN = "telnyx_proxy_session", "telnyx_proxy_said", "telnyx_proxy_sign_in"
SECURE = "__Secure-"
"""What a name begins with over TLS: no page without TLS can set such a cookie."""
LASTS = 12 * 3600
"""Seconds from the last visit."""
LONGEST = 7 * 86_400
"""Seconds from signing in, however often one visits."""
RENEWED = 600
"""Seconds between two renewals of the cookie."""
SAID_LASTS = 60
RANDOM = 16
"""Bytes of a token that forms carry."""
LENGTH = 4096
"""Characters of a cookie at most: browsers keep no more."""
_SESSION, _SAID, _FORM = b"dashboard session\0", b"dashboard said\0", b"dashboard sign-in\0"
"""What is sealed begins with what it is for: nothing else that was sealed can be taken for it."""
_CHECK = 32
_TEXT = 500


@dataclass(frozen=True, slots=True)
class Pass:
    """What the cookie says.

    Attributes:
        token: id of the admin token, `bootstrap` for that of the configuration.
        check: of its value; tells whether it still is the same.
        csrf: what every form must carry.
        began, renewed: Unix seconds.
    """

    token: str
    check: str = field(repr=False)
    csrf: str = field(repr=False)
    began: int
    renewed: int

    def lasts(self, now: float) -> bool:
        """Whether it has not run out."""
        return now - self.renewed < LASTS and now - self.began < LONGEST


class Sessions:
    """Opens, reads and seals them."""

    def __init__(self, office: Office, authorisation: Authorisation, token: str | None) -> None:
        self._office = office
        self._authorisation = authorisation
        self._bootstrap = self._check(token) if token else None

    async def sign_in(self, token: str, address: str) -> tuple[Pass, Actor]:
        """A pass for the bearer of a token. Raises InvalidApiKey, StoreUnavailable."""
        token = token.strip()
        actor = await self._authorisation.actor(f"Bearer {token}", address)
        now = int(self._office.clock.wall())
        return Pass(actor.id, self._check(token), self._office.random(RANDOM).hex(), now, now), actor

    def read(self, request: web.BaseRequest, *, secure: bool) -> Pass | None:
        """The pass of a request, None without one that is good."""
        found = self._open(request, COOKIE, _SESSION, secure=secure)
        try:
            made = Pass(**found) if found is not None else None
        except TypeError:  # another version wrote it
            return None
        return made if made is not None and made.lasts(self._office.clock.wall()) else None

    async def actor(self, made: Pass, address: str) -> Actor:
        """Whose it is, as long as the token is good. Raises InvalidApiKey, StoreUnavailable."""
        if made.token == BOOTSTRAP:
            if self._bootstrap is not None and hmac.compare_digest(made.check, self._bootstrap):
                return Actor(BOOTSTRAP, "admin.token of the configuration", "owner", address=address)
            raise InvalidApiKey("Please sign in.")
        async with self._office.store.reading() as session:
            rows = await session.find(ADMIN_TOKEN, id=made.token)
        row = rows[0] if rows and alive(rows[0], session.now) else None
        if row is None or not hmac.compare_digest(made.check, row["digest"].hex()[:_CHECK]):
            raise InvalidApiKey("Please sign in.")
        return Actor(row["id"], row["name"], row["role"], row["tenant"], address)

    def keep(self, answer: web.StreamResponse, made: Pass, *, secure: bool) -> None:
        """Set the cookie, or renew it."""
        now = int(self._office.clock.wall())
        values = {"token": made.token, "check": made.check, "csrf": made.csrf, "began": made.began, "renewed": now}
        self._set(answer, COOKIE, self._seal(_SESSION, values), LASTS, secure=secure)

    def end(self, answer: web.StreamResponse, *, secure: bool) -> None:
        """Take every cookie back."""
        for name in (COOKIE, SAID, SIGN_IN):
            forget(answer, name, secure=secure)

    def say(self, answer: web.StreamResponse, made: Pass, said: Said, *, secure: bool) -> None:
        """Have something said on the next page of this session."""
        values = {"for": made.csrf, "text": said.text[:_TEXT], "tone": said.tone, "secret": said.secret}
        self._set(answer, SAID, self._seal(_SAID, values), SAID_LASTS, secure=secure)

    def said(self, request: web.BaseRequest, made: Pass, *, secure: bool) -> Said | None:
        """What is to be said on this page. Whoever shows it takes the cookie back (`forget`)."""
        found = self._open(request, SAID, _SAID, secure=secure)
        if found is None or found["for"] != made.csrf:
            return None
        return Said(found["text"], found["tone"], found["secret"])

    def offer(self, answer: web.StreamResponse, nonce: str, *, secure: bool) -> None:
        """Set the cookie that belongs to a sign-in form."""
        self._set(answer, SIGN_IN, nonce, LASTS, secure=secure)

    def form_token(self, nonce: str) -> str:
        """What the sign-in form must carry beside that cookie. Nobody can make it who does not have our secrets."""
        return self._office.sealing.digest(sha256(_FORM + nonce.encode()).digest()).hex()

    def is_offered(self, request: web.BaseRequest, given: str, *, secure: bool) -> bool:
        """Whether a sign-in form is one of ours, sent by the browser that it was made for."""
        nonce = request.cookies.get(cookie_name(SIGN_IN, secure=secure), "")
        return bool(nonce) and hmac.compare_digest(self.form_token(nonce), given.encode("ascii", "replace").decode())

    def _check(self, token: str) -> str:
        return self._office.sealing.digest(digest(token)).hex()[:_CHECK]

    def _seal(self, purpose: bytes, values: dict[str, Any]) -> str:
        return self._office.sealing.seal(purpose + codec.encode(values)).decode()

    def _open(self, request: web.BaseRequest, name: str, purpose: bytes, *, secure: bool) -> dict[str, Any] | None:
        given = request.cookies.get(cookie_name(name, secure=secure), "")
        if not given or len(given) > LENGTH or not given.isascii():
            return None
        try:
            opened = self._office.sealing.open(given.encode())
        except Unreadable:
            return None
        return codec.decode_object(opened.removeprefix(purpose)) if opened.startswith(purpose) else None

    def _set(self, answer: web.StreamResponse, name: str, value: str, lasts: int, *, secure: bool) -> None:
        answer.set_cookie(
            cookie_name(name, secure=secure),
            value,
            max_age=lasts,
            path=ROOT,
            httponly=True,
            samesite="Lax",
            secure=secure or None,
        )


def forget(answer: web.StreamResponse, name: str, *, secure: bool) -> None:
    """Take one cookie back."""
    answer.set_cookie(
        cookie_name(name, secure=secure),
        "",
        max_age=0,
        path=ROOT,
        httponly=True,
        samesite="Lax",
        secure=secure or None,
    )


def cookie_name(name: str, *, secure: bool) -> str:
    """What a cookie is called with and without TLS."""
    return SECURE + name if secure else name
