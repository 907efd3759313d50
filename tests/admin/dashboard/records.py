"""Requests in the ledger of a listener, and somebody who has signed in by plain HTTP and sends its forms."""

import html
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from proxy.accounts.entries import Entry, bin_of
from proxy.storage.ledger import LedgerStore
from tests.admin.bureau import NOW
from tests.admin.listener import TOKEN, Listener
from tests.storage.ledgers import encoded, made

US = 1_000_000


def request(identity: str = "req_1", /, *, ago: float = 60, **values: Any) -> Entry:
    """One that ended so many seconds ago."""
    given = {"duration_us": 1_200_000, **values}
    first = given.get("first_token_us")
    bins = {"duration_bin": bin_of(given["duration_us"]), "first_token_bin": None if first is None else bin_of(first)}
    return made(identity, **{"started_us": int((NOW - ago) * US), **bins, **given})


async def keep(admin: Listener, *entries: Entry) -> None:
    await LedgerStore(admin.bureau.store.database).add(encoded(*entries))


async def price(admin: Listener, version: str, **figures: Any) -> None:
    row = {"version": version, "model": "moonshotai/Kimi-K2.5", "figures": figures, "seen_at": NOW}
    await LedgerStore(admin.bureau.store.database).note_prices([row])


@dataclass
class Seen:
    """A page as it came."""

    status: int
    text: str
    headers: Any

    @property
    def words(self) -> str:
        """What is read on it."""
        plain = html.unescape(
            re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style)\b.*?</\1>", "", self.text, flags=re.DOTALL))
        )
        return " ".join(plain.split())

    def hidden(self, name: str) -> str:
        """The value of the first hidden field of this name."""
        found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', self.text)
        assert found is not None, name
        return html.unescape(found[1])

    def links(self) -> list[str]:
        return [html.unescape(each) for each in re.findall(r'href="([^"]*)"', self.text)]


@dataclass
class Visitor:
    """Somebody with the dashboard's cookies."""

    admin: Listener
    session: aiohttp.ClientSession
    csrf: str = field(default="", repr=False)

    async def sign_in(self, token: str = TOKEN) -> "Visitor":
        form = await self.see("/sign-in")
        await self._post("/sign-in", {"csrf": form.hidden("csrf"), "token": token, "next": "/dashboard/keys"})
        page = await self.see("/requests")
        assert page.status == 200, page.text
        self.csrf = page.hidden("csrf")
        return self

    async def see(self, path: str, **query: str) -> Seen:
        async with self.session.get(f"{self.admin.url}/dashboard{path}", params=query, allow_redirects=False) as answer:
            return Seen(answer.status, await answer.text(), answer.headers)

    async def do(self, path: str, action: str, /, **fields: str) -> Seen:
        """Send a form of a page, and look at what comes of it."""
        return await self._post(path, {"csrf": self.csrf, "action": action, **fields}, follow=True)

    async def _post(self, path: str, fields: dict[str, str], *, follow: bool = False) -> Seen:
        url = f"{self.admin.url}/dashboard{path}"
        async with self.session.post(url, data=fields, allow_redirects=follow) as answer:
            return Seen(answer.status, await answer.text(), answer.headers)
