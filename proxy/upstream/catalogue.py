"""Telnyx's model list: fetched once per credential and `models.ttl`, served stale when Telnyx is down.

The list differs per Telnyx account (fine-tuned models), so it is kept per credential. Requests never wait for it to
be refreshed once it is there: the first reader after the TTL starts the refresh, everybody else keeps reading.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy import codec
from proxy.errors import ProxyError, UpstreamFailed
from proxy.translation import failures
from proxy.translation.models import Rows, openai_row
from proxy.upstream.transport import Outgoing, Transport

LIST_LIMIT = 16 * 1024 * 1024
"""Bytes of a model list: thousands of models with descriptions stay below."""
LIST_IDLE = 30.0
"""Seconds between pieces of the list."""
RETRY_SECONDS = 10.0
"""Seconds before a failed refresh is tried again, so that a Telnyx that is down is not asked by every request."""

SUCCESS = 200
ABSENT = frozenset({404, 405, 410})
"""Statuses by which a server says that it knows no such path."""
OWN = "telnyx"
"""The provider of the models that Telnyx hosts."""

Clock = Callable[[], float]


class TaskOwner(Protocol):
    """Whoever owns background tasks."""

    def start(self, work: Coroutine[Any, Any, None]) -> object:
        """Run in the background until done or until the owner closes."""
        ...


@dataclass(slots=True)
class _Shelf:
    """The list of one credential: rows by id, until when they are fresh, the fetch under way, its last failure.

    `vectors`: embedding models have a list of their own, as far as is known.
    """

    rows: Rows = field(default_factory=Rows)
    fresh_until: float = 0.0
    loaded: bool = False
    vectors: bool = True
    refreshing: bool = False
    failures: int = 0
    failure: ProxyError | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Catalogue:
    """The models of every Telnyx account this proxy holds a credential for.

    Attributes:
        providers: who runs a model, in lower case; of those that Telnyx hosts, and unlisted ones, nothing: OWN.
        edition: raised by one whenever a list has come.
        embedding_url: of the list of the embedding models, which is laid behind the other; None = it is not asked for.
    """

    def __init__(self, transport: Transport, url: str, *, ttl: float, clock: Clock, tasks: TaskOwner) -> None:
        self._transport = transport
        self.embedding_url: str | None = None
        self._url = url
        self._ttl = ttl
        self._clock = clock
        self._tasks = tasks
        self.edition = 0
        self._shelves: dict[str, _Shelf] = {}
        self._known: set[str] = set()
        self._nothing = Rows()
        self.providers: dict[str, str] = {}

    def __contains__(self, model: str) -> bool:
        """Whether any account listed the model: what a metric label may be."""
        return model in self._known

    def known(self, credential: str) -> Rows:
        """What is known without waiting, perhaps nothing: rows in OpenAI's shape by id."""
        shelf = self._shelves.get(credential)
        return shelf.rows if shelf else self._nothing

    def names(self) -> frozenset[str]:
        """Every model that any account listed."""
        return frozenset(self._known)

    def pricing(self, model: str) -> list[Any]:
        """What the lists of all accounts say of a model's price. Some say zero where others have figures."""
        found = (shelf.rows[model].get("pricing") for shelf in self._shelves.values() if model in shelf.rows)
        return [each for each in found if each]

    async def rows(self, credential: str) -> Rows:
        """The list; waits only where there is none yet. Raises UpstreamFault if there is none to be had."""
        shelf = self._shelves.setdefault(credential, _Shelf())
        if not shelf.loaded:
            await self._load_first(shelf, credential)
        elif shelf.fresh_until <= self._clock() and not shelf.refreshing:
            shelf.refreshing = True
            self._tasks.start(self._refresh(shelf, credential))
        return shelf.rows

    async def warm(self, credential: str) -> None:
        """Fetch the list in the background of a start, if it can be had."""
        try:
            await self.rows(credential)
        except ProxyError:
            self._shelves[credential].fresh_until = self._clock() + RETRY_SECONDS

    async def _refresh(self, shelf: _Shelf, credential: str) -> None:
        try:
            await self._load(shelf, credential)
        except ProxyError:
            shelf.fresh_until = self._clock() + RETRY_SECONDS
        finally:
            shelf.refreshing = False

    async def _load_first(self, shelf: _Shelf, credential: str) -> None:
        """One fetch for all who wait; they share its failure, too, or they would wait for one after the other."""
        failures_before = shelf.failures
        async with shelf.lock:
            if shelf.loaded:
                return
            if shelf.failure is not None and shelf.failures != failures_before:
                raise copy(shelf.failure)
            try:
                await self._load(shelf, credential)
            except ProxyError as fault:
                shelf.failures, shelf.failure = shelf.failures + 1, copy(fault)  # without its traceback
                raise

    async def _load(self, shelf: _Shelf, credential: str) -> None:
        status, headers, body = await self._get(self._url, credential)
        if status != SUCCESS:
            raise failures.from_response(status, headers, body)
        rows = _rows(body)
        if self.embedding_url is not None and shelf.vectors:
            vectors = await self._embedding_rows(shelf, self.embedding_url, credential)
            rows = Rows({**rows, **{name: row for name, row in vectors.items() if name not in rows}})
        shelf.rows = rows
        self.edition += 1
        shelf.loaded = True
        shelf.fresh_until = self._clock() + self._ttl
        self._known.update(shelf.rows)
        self.providers |= {name: provider for name, row in shelf.rows.items() if (provider := _provider(row)) != OWN}

    async def _get(self, url: str, credential: str) -> tuple[int, Mapping[str, str], bytes]:
        answer = await self._transport.send(Outgoing("GET", url, credential))
        try:
            return answer.status, answer.headers, await answer.read(LIST_LIMIT, LIST_IDLE)
        finally:
            answer.close()

    async def _embedding_rows(self, shelf: _Shelf, url: str, credential: str) -> Rows:
        """The list of embedding models. Without it, the other models can be used all the same.

        Where Telnyx knows no such list, it is asked for it no more.
        """
        try:
            status, _, body = await self._get(url, credential)
            shelf.vectors = status not in ABSENT
            return _rows(body) if status == SUCCESS else Rows()
        except ProxyError:
            return Rows()


def _provider(row: Mapping[str, Any]) -> str:
    """`owned_by` is `Telnyx` for its own, the id of an organisation for its fine-tuned models, else a provider's."""
    owner = str(row.get("owned_by", "")).lower()
    return owner if owner == str(row["id"]).partition("/")[0].lower() else OWN


def _rows(body: bytes) -> Rows:
    """Rows by id. Single rows that cannot be read are left out: the others can be used all the same."""
    try:
        given = codec.decode(body)["data"]
    except (codec.NotJson, KeyError, TypeError) as fault:
        raise UpstreamFailed("Telnyx's model list cannot be read.") from fault
    rows = Rows((row["id"], row) for row in map(_row, given if isinstance(given, list) else ()) if row)
    if not rows and given != []:
        raise UpstreamFailed("Telnyx's model list has no row that can be read.")
    return rows


def _row(given: Any) -> dict[str, Any] | None:
    try:
        row = openai_row(given)
    except (TypeError, AttributeError):  # it is no object
        return None
    return row if row["id"] else None
