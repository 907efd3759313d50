"""The operations on references to providers' keys: per tenant, the prefix of a model id -> a Telnyx integration secret.

A request for `openai/gpt-4o` of a tenant with a reference for `openai` is sent with its identifier as `api_key_ref`.
The provider's key itself is at Telnyx; it never was here.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.admin.listing import PAGING, listed, page
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.subjects import deleted, expect_changeable, held_to, named, put, removed
from proxy.admin.values import TenantId
from proxy.errors import InvalidRequest
from proxy.storage import schema
from proxy.storage.store import API_KEY_REF, Row, Session

PATH = "/admin/v1/api_key_refs"
LONGEST_ID: int = schema.API_KEY_REFS.c.id.type.length  # type: ignore[attr-defined]
"""Characters of `tenant/provider`."""

Provider = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,61}$")]
Identifier = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x20\x7f-\x9f]+$")]


class NewApiKeyRef(Body):
    """A reference to be made or to replace the one there is."""

    tenant: TenantId = Field(description="id of the tenant")
    provider: Provider = Field(description="prefix of a model id: `openai` for `openai/gpt-4o`", examples=["openai"])
    identifier: Identifier = Field(
        description="identifier of the Telnyx integration secret that holds the provider's key", examples=["openai-key"]
    )


class ApiKeyRefView(View):
    """A reference."""

    id: str = Field(description="tenant/provider; percent-encoded in paths: acme%2Fopenai")
    object: Literal["api_key_ref"] = "api_key_ref"
    tenant: str
    provider: str
    identifier: str
    declared: bool = Field(description="it stands in the configuration file, and is not for the API to change")
    created_at: int
    revision: int


def view(row: Row) -> dict[str, Any]:
    """A row as it is shown."""
    shown = {name: row[name] for name in ApiKeyRefView.model_fields if name in row}
    return ApiKeyRefView(**shown, declared=row["revision"] == 0).model_dump()


async def list_refs(office: Office, session: Session, call: Call) -> Reply:
    """Every reference, those of the configuration first."""
    wanted = {"tenant": held_to(call)}
    return listed(await page(session, API_KEY_REF, call, wanted, office.declared.api_key_refs()), view)


async def put_ref(office: Office, session: Session, call: Call) -> Reply:
    """Make or replace the reference of a tenant and a provider. Raises InvalidRequest, NotFound, Conflict, Stale."""
    body: NewApiKeyRef = call.body
    await expect_changeable(office, session, body.tenant)
    row = await keep(session, body, call.revision)
    return Reply(view(row), revision=row["revision"])


async def keep(session: Session, ref: NewApiKeyRef, revision: int | None = None) -> Row:
    """Make or replace one, of a tenant that is known to be changeable. Raises InvalidRequest, Stale, Conflict."""
    row = {"id": f"{ref.tenant}/{ref.provider}", **ref.model_dump()}
    if len(row["id"]) > LONGEST_ID:
        raise InvalidRequest(
            f"Tenant and provider together must have at most {LONGEST_ID - 1} characters.", param="provider"
        )
    return await put(session, API_KEY_REF, row, await session.find(API_KEY_REF, id=row["id"]), revision)


async def get_ref(office: Office, session: Session, call: Call) -> Reply:
    """One of them. Raises NotFound."""
    row = await named(session, call, API_KEY_REF, office.declared.api_key_refs())
    return Reply(view(row), revision=row["revision"])


async def delete_ref(office: Office, session: Session, call: Call) -> Reply:
    """Delete it; the integration secret stays at Telnyx. Raises NotFound, Stale, Conflict."""
    row = await removed(session, call, API_KEY_REF, office.declared.api_key_refs())
    return Reply(deleted(API_KEY_REF, row["id"]))


_SINGLE = f"{PATH}/{{id}}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "api_key_refs.list",
        "GET",
        PATH,
        EVERYBODY,
        list_refs,
        "List references to providers' keys",
        view=ApiKeyRefView,
        query={"tenant": "only those of this tenant", **PAGING},
        listed=True,
    ),
    Operation(
        "api_key_refs.put",
        "PUT",
        PATH,
        OPERATORS,
        put_ref,
        "Make or replace the reference of a tenant to a provider's key",
        body=NewApiKeyRef,
        view=ApiKeyRefView,
    ),
    Operation("api_key_refs.get", "GET", _SINGLE, EVERYBODY, get_ref, "Read a reference", view=ApiKeyRefView),
    Operation("api_key_refs.delete", "DELETE", _SINGLE, OPERATORS, delete_ref, "Delete a reference"),
)
