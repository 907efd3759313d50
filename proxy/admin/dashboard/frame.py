"""What a page is, what it is given, what it gives back.

A page is a row of `pages.PAGES`. `render` reads and gives a `View`: a template and its values. An action changes
something and gives a `Go`: where the browser goes next (303), and what is said there. Both are given the `Visit`.

A `ProxyError` that `render` raises becomes a page that says it. One that an action raises is shown on the same page,
rendered anew with `visit.fault`, and the form keeps what was typed (`visit.form`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from proxy.accounts.roles import Actor, Role
from proxy.admin.api import Api
from proxy.admin.authorisation import expect_alive
from proxy.admin.operations import EVERYBODY, Office, Reply
from proxy.admin.subjects import held
from proxy.errors import ProxyError
from proxy.storage.store import Session
from proxy.telemetry.metrics import Metrics

ROOT = "/dashboard"
"""Every path of the dashboard begins with it."""

Tone = Literal["good", "bad", "note"]
"""How something is said: what was done, what went wrong, what to know."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said once, on the next page.

    Attributes:
        text: a sentence.
        tone: how.
        secret: a value that is shown this once and never again (a new key), empty for none.
    """

    text: str
    tone: Tone = "good"
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows.

    Attributes:
        template: a file of templates/, which extends `layout.html`; it also knows `visit`.
        values: what it names.
        title: instead of the page's.
        status: of HTTP.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Go:
    """Where the browser goes after an action: a path of the dashboard, with its query; and what is said there."""

    path: str
    said: Said | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """What a form of a page does.

    Attributes:
        run: does it; a View is the answer to the form itself, and can hold what is shown this once. Raises ProxyError.
        roles: who may.
    """

    run: Callable[["Visit"], Awaitable[Go | View]]
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Page:
    """A row of the table.

    Attributes:
        path: `/dashboard/requests/{id}`, in aiohttp's notation.
        name: of the page, in links and in the navigation.
        title: for people.
        roles: who may see it; a tenant_admin is held to its tenant by the page itself (`visit.tenant`).
        render: what it shows.
        actions: what its forms do, by the value of their field `action`.
        listed: whether it stands in the navigation.
    """

    path: str
    name: str
    title: str
    render: Callable[["Visit"], Awaitable[View]]
    roles: frozenset[Role] = EVERYBODY
    actions: Mapping[str, Action] = field(default_factory=dict)
    listed: bool = True


Values = Mapping[str, Sequence[str]]


def first(values: Values, name: str, default: str = "") -> str:
    """The first value of a name in a query or form, without space around it."""
    found = values.get(name)
    return found[0].strip() if found else default


@dataclass(slots=True)
class Visit:
    """One look at a page, or one form sent to it, by somebody who has signed in.

    Attributes:
        page: the row of the table; actor: who; csrf: what every form must carry (`macros.form_start` sees to it).
        api: the admin API, whose rows check roles, write the audit log and know all rules: see `call`.
        metrics: of this process, or of all that share a directory.
        now: Unix seconds.
        path: as the browser sees it, without the query; host: what it calls this listener.
        params: the parts of the path, decoded; query, form: each name with all its values.
        said: what the action before has to say.
        fault: what an action that was sent to this page failed with.
    """

    page: Page
    actor: Actor
    csrf: str
    api: Api
    metrics: Metrics
    now: float
    path: str
    host: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    query: Values = field(default_factory=dict)
    form: Values = field(default_factory=dict)
    said: Said | None = None
    fault: ProxyError | None = None

    @property
    def office(self) -> Office:
        """What the API works with."""
        return self.api.office

    @property
    def tenant(self) -> str | None:
        """The one tenant that the actor sees, None for all: it narrows whatever the ledger is asked."""
        return held(self.actor)

    def may(self, action: str) -> bool:
        """Whether the actor may do this on this page: what it may not, it is not offered."""
        known = self.page.actions.get(action)
        return known is not None and self.actor.role in known.roles

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a parameter of the query."""
        return first(self.query, name, default)

    def typed(self, name: str, default: str = "") -> str:
        """The first value of a field of the form."""
        return first(self.form, name, default)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A reading transaction, for `reports`: its `connection`. Raises StoreUnavailable, InvalidApiKey."""
        async with self.office.store.asking() as session:
            await expect_alive(session, self.actor)
            yield session

    async def call(self, method: str, path: str, *, query: Values | None = None, body: Any = None) -> Reply:
        """An operation of the admin API as the actor: `visit.call("GET", "/admin/v1/keys")`. Raises ProxyError."""
        return await self.api.call(method, path, self.actor, query=query, body=body)
