"""The operations on limits: what a tenant or a key may do, in all or with the models of a pattern.

There is one limit for a subject and a pattern, so it is put, not created: a second one replaces the first.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from proxy.accounts.gates import BOUNDS
from proxy.accounts.patterns import covers
from proxy.admin.listing import PAGING, listed, page, text
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.subjects import (
    KeyId,
    deleted,
    exactly_one,
    expect_subject,
    held_to,
    named,
    put,
    removed,
)
from proxy.admin.values import Glob, TenantId
from proxy.settings.bounds import MOST
from proxy.settings.section import complaint
from proxy.storage.store import LIMIT, Row, Session

PATH = "/admin/v1/limits"

Count = Annotated[int, Field(strict=True, ge=1, le=MOST)]
"""Strict: 1.5, "60" and true are slips, not numbers of requests."""


class NewLimit(Body):
    """A limit to be made or to replace the one there is. Either `tenant` or `key`, and at least one bound."""

    model_config = ConfigDict(json_schema_extra=exactly_one("tenant", "key"))

    tenant: TenantId | None = Field(default=None, description="id of the tenant it is for")
    key: KeyId | None = Field(default=None, description="or id of the key it is for")
    model: Glob = Field(default="*", description="pattern of Telnyx model ids, which are counted together")
    requests_per_minute: Count | None = Field(default=None, description="requests in any minute")
    requests_per_day: Count | None = Field(default=None, description="requests in any 24 hours")
    tokens_per_minute: Count | None = Field(default=None, description="input and output tokens together")
    input_tokens_per_minute: Count | None = Field(default=None, description="input tokens, cached ones included")
    uncached_input_tokens_per_minute: Count | None = Field(default=None, description="input tokens not cached")
    output_tokens_per_minute: Count | None = Field(default=None, description="output tokens, reasoning included")
    concurrent: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        default=None, description="requests at the same time"
    )
    queue: Annotated[int, Field(strict=True, ge=0, le=10_000)] = Field(
        default=0, description="requests that may wait for a place among the concurrent ones"
    )

    @field_validator("queue")
    @classmethod
    def _beside_places(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("concurrent", value) is None:  # absent where it is a fault itself
            raise complaint("needs concurrent", "requests wait only for a place among concurrent ones")
        return value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(getattr(self, name) is None for name in BOUNDS):
            raise complaint("bounds nothing", f"one of: {', '.join(BOUNDS)}")
        return self


class LimitView(View):
    """A limit. null = no bound."""

    id: str
    object: Literal["limit"] = "limit"
    tenant: str
    key: str | None = Field(description="id of the key it is for; null = the whole tenant")
    model: str
    requests_per_minute: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    input_tokens_per_minute: int | None
    uncached_input_tokens_per_minute: int | None
    output_tokens_per_minute: int | None
    concurrent: int | None
    queue: int
    declared: bool = Field(description="it stands in the configuration file, and is not for the API to change")
    created_at: int
    revision: int


def view(row: Row) -> dict[str, Any]:
    """A row as it is shown."""
    shown = {name: row[name] for name in LimitView.model_fields if name in row}
    return LimitView(**{**shown, "key": row["key"] or None, "declared": row["revision"] == 0}).model_dump()


async def list_limits(office: Office, session: Session, call: Call) -> Reply:
    """Every limit, those of the configuration first."""
    wanted = {"tenant": held_to(call), "key": text(call, "key")}
    return listed(await page(session, LIMIT, call, wanted, office.declared.limits()), view)


async def put_limit(office: Office, session: Session, call: Call) -> Reply:
    """Make or replace the limit of a subject and a pattern. Raises InvalidRequest, NotFound, Conflict, Stale."""
    body: NewLimit = call.body
    subject = await expect_subject(office, session, body.tenant, body.key)
    place = {"tenant": subject.tenant, "key": subject.key, "model": body.model}
    row = {"id": f"lim_{office.random(12).hex()}", **body.model_dump(exclude={"tenant", "key", "model"}), **place}
    row = await put(session, LIMIT, row, await session.find(LIMIT, **place), call.revision)
    return Reply(view(row), revision=row["revision"], warnings=_warnings(office, body))


def _warnings(office: Office, body: NewLimit) -> tuple[str, ...]:
    found = []
    if body.requests_per_minute and body.requests_per_day and body.requests_per_minute > body.requests_per_day:
        found.append("requests_per_minute is never reached: requests_per_day is lower.")
    known = office.models.known()
    if known and not any(covers(body.model, name) for name in known):
        found.append(f"model: '{body.model}' matches no model that is known.")
    return tuple(found)


async def get_limit(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await named(session, call, LIMIT, office.declared.limits())
    return Reply(view(row), revision=row["revision"])


async def delete_limit(office: Office, session: Session, call: Call) -> Reply:
    """Lift it. Raises NotFound, Stale, Conflict."""
    row = await removed(session, call, LIMIT, office.declared.limits())
    return Reply(deleted(LIMIT, row["id"]))


_SINGLE = f"{PATH}/{{id}}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "limits.list",
        "GET",
        PATH,
        EVERYBODY,
        list_limits,
        "List limits",
        view=LimitView,
        query={"tenant": "only those of this tenant and its keys", "key": "only those of this key", **PAGING},
        listed=True,
    ),
    Operation(
        "limits.put",
        "PUT",
        PATH,
        OPERATORS,
        put_limit,
        "Make or replace the limit of a tenant or key, in all or with the models of a pattern",
        body=NewLimit,
        view=LimitView,
    ),
    Operation("limits.get", "GET", _SINGLE, EVERYBODY, get_limit, "Read a limit", view=LimitView),
    Operation("limits.delete", "DELETE", _SINGLE, OPERATORS, delete_limit, "Lift a limit"),
)
