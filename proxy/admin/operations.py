"""The vocabulary of the admin API: what an operation is, what it is given, what it gives back.

An operation is a row of `admin/table.py`: method, path, who may, what goes in and out, and one async function. The
same rows serve HTTP, the command line (which may work on the database without any server), the OpenAPI document and
its page.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from proxy.accounts.roles import Actor, Role
from proxy.clock import Clock
from proxy.storage.sealing import Sealing
from proxy.storage.store import Session, Store


class Body(BaseModel):
    """What a client sends: a name it does not know is an error, and nothing is silently lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for each in schema.get("properties", {}).values():
        each.pop("default", None)


class Change(Body):
    """What a client wants to be different: only what is given counts (`model_dump(exclude_unset=True)`).

    Fields have defaults so that they can be left out, not because these would be set: the document does not show them.
    """

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class View(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an operation.

    Attributes:
        actor: who, already authenticated.
        params: the parts of the path, decoded (`{"id": "key_..."}`).
        query: the parameters behind `?`, each with all its values, brackets of names taken off (`group_by[]`).
        body: the validated body, None where the operation has none.
        revision: from `If-Match`, None where there is none.
    """

    actor: Actor
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: Any = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation gives back.

    Attributes:
        value: to be encoded as JSON.
        status: HTTP's.
        revision: becomes the `ETag`.
        warnings: what is allowed and looks like a slip; `Api.call` puts them into a value that is an object, too.
        replayed: whether it was remembered under its `Idempotency-Key`, and nothing was done this time.
    """

    value: Any
    status: int = 200
    revision: int | None = None
    warnings: tuple[str, ...] = ()
    replayed: bool = False


class Declared(Protocol):
    """What the configuration file declares; the API shows it and does not change it."""

    def tenants(self) -> Sequence[Mapping[str, Any]]:
        """The declared tenants, each in the columns of `storage.schema.TENANTS` (created_at 0, revision 0)."""
        ...

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """The declared keys in the columns of `storage.schema.KEYS`, without digests."""
        ...

    def limits(self) -> Sequence[Mapping[str, Any]]:
        """The declared limits in the columns of `storage.schema.LIMITS`."""
        ...

    def budgets(self) -> Sequence[Mapping[str, Any]]:
        """The declared budgets in the columns of `storage.schema.BUDGETS`."""
        ...

    def credentials(self) -> Sequence[Mapping[str, Any]]:
        """The declared credentials in the columns of `storage.schema.CREDENTIALS`, never the secrets themselves."""
        ...

    def api_key_refs(self) -> Sequence[Mapping[str, Any]]:
        """The declared references in the columns of `storage.schema.API_KEY_REFS`."""
        ...


class Models(Protocol):
    """What is known of models, for warnings."""

    def known(self) -> frozenset[str]:
        """Telnyx ids and aliases seen so far; may be empty."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """What operations work with.

    Attributes:
        store, sealing, clock: as their types say.
        declared, models: what the configuration declares, which models are known.
        random: n random bytes.
        changed: called after a change was kept, so that this process acts on it at once.
        spent: (budget id, period) -> micro-dollars, as the limiter of this process knows it; empty elsewhere.
        bootstrap: whether the configuration has an admin token, which nobody can revoke.
        listens: host and port that OpenAI apps connect to, for instructions; port 0 where it is not known.
    """

    store: Store
    sealing: Sealing
    clock: Clock
    declared: Declared
    models: Models
    random: Callable[[int], bytes]
    changed: Callable[[], Awaitable[None]]
    spent: Callable[[], Mapping[tuple[str, int], int]]
    bootstrap: bool = False
    listens: tuple[str, int] = ("", 0)


Run = Callable[[Office, Session, Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table.

    Attributes:
        id: `keys.create`; also its operationId.
        method, path: `POST`, `/admin/v1/keys/{id}/rotate`.
        roles: who may use it; a tenant_admin is held to its tenant by the function itself.
        run: the work, in a transaction: a reading one for GET, a changing one otherwise.
        summary: one line for the document.
        body, view: pydantic models of what goes in and comes out (`view` of one element where `listed`).
        query: names of query parameters with a line on each; forms: JSON schemas of those whose form their names do
            not tell; needed: those that must be given.
        listed: the answer is a page.
        status: of success.
        of_ledger: it may read very many rows, and waits for its turn.
    """

    id: str
    method: str
    path: str
    roles: frozenset[Role]
    run: Run
    summary: str
    body: type[Body] | None = None
    view: type[BaseModel] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False
    status: int = 200
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    of_ledger: bool = False


EVERYBODY: frozenset[Role] = frozenset({"owner", "operator", "viewer", "tenant_admin"})
OPERATORS: frozenset[Role] = frozenset({"owner", "operator"})
KEYHOLDERS: frozenset[Role] = frozenset({"owner", "operator", "tenant_admin"})
OWNERS: frozenset[Role] = frozenset({"owner"})
