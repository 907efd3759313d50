"""Projects: a project of OpenAI's is a tenant, and its id is the tenant's.

Declared tenants are projects, too: they are listed first, and only the configuration changes them.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.admin import tenants
from proxy.admin.listing import NONE, PAGING, flag, listed, page
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.subjects import ARCHIVED, held
from proxy.admin.tenants import NewTenant, TenantChange, find_tenant
from proxy.admin.values import Label
from proxy.errors import Conflict, InvalidRequest
from proxy.settings.tenants import RESERVED
from proxy.storage.store import TENANT, Row, Session

ROOT = "/v1/organization/projects"
ONE = ROOT + "/{project_id}"
LENGTH = 63
"""Characters of a tenant's id."""

Title = Annotated[Label, Field(min_length=1)]


class Project(View):
    """A tenant as a project of OpenAI's."""

    object: Literal["organization.project"] = "organization.project"
    id: str
    name: str
    created_at: int = Field(description="Unix seconds; 0 for declared ones")
    archived_at: int | None
    status: Literal["active", "archived"]
    external_key_id: None = None
    residency: None = None


class NewProject(Body):
    """A project to make. What this proxy has no meaning for is refused unless it is null."""

    name: Title = Field(description="for people; the id is made from it")
    external_key_id: str | None = Field(default=None, description="null: there is no key management of another party")
    geography: str | None = Field(default=None, description="null: where Telnyx answers is `region` of a request")
    residency: dict[str, Any] | None = Field(default=None, description="null, as `geography`")


class ChangedProject(Body):
    """What to change of a project."""

    name: Title | None = Field(default=None, description="for people")
    external_key_id: str | None = Field(default=None, description="null: there is no key management of another party")
    geography: str | None = Field(default=None, description="null: where Telnyx answers is `region` of a request")


def refuse_given(body: Body, names: Sequence[str]) -> None:
    """Refuse fields that have no meaning here. Raises InvalidRequest."""
    for name in names:
        if getattr(body, name) is not None:
            raise InvalidRequest(f"'{name}' has no meaning in this proxy.", param=name, code="unsupported_parameter")


def view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A tenant's row as a project."""
    return Project(
        id=row["id"],
        name=row["name"] or row["id"],
        created_at=row["created_at"],
        archived_at=row["archived_at"],
        status="active" if row["archived_at"] is None else "archived",
    ).model_dump(mode="json")


async def find_project(office: Office, session: Session, call: Call) -> Row:
    """The tenant that the path names, declared or stored. Raises NotFound, also for a tenant_admin's neighbours."""
    return await find_tenant(office, session, call, call.params["project_id"])


async def expect_open(office: Office, session: Session, call: Call) -> Row:
    """The same, where something is to be made or changed in it. Raises NotFound, and Conflict if it is archived."""
    row = await find_project(office, session, call)
    if row["archived_at"] is not None:
        raise Conflict(f"The project '{row['id']}' is archived.", code=ARCHIVED)
    return row


def slug(name: str) -> str:
    """An id made from a name: what is left of it in lower-case letters, digits and dashes; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LENGTH].strip("-")


def unique(wanted: str, taken: frozenset[str]) -> str:
    """`wanted`, or `wanted-2` and so on where it is taken."""
    number, found = 1, wanted
    while found in taken:
        number += 1
        end = f"-{number}"
        found = wanted[: LENGTH - len(end)] + end
    return found


async def show_all(office: Office, session: Session, call: Call) -> Reply:
    """Every project that the caller may see; archived ones if asked for."""
    wanted = {"id": held(call.actor), "archived_at": None if flag(call, "include_archived") else NONE}
    return listed(await page(session, TENANT, call, wanted, office.declared.tenants()), view)


async def create(office: Office, session: Session, call: Call) -> Reply:
    """A new tenant. Raises InvalidRequest."""
    refuse_given(call.body, ("external_key_id", "geography", "residency"))
    taken = {row["id"] for row in (*office.declared.tenants(), *await session.find(TENANT))}
    identity = unique(slug(call.body.name) or "project", frozenset(taken | RESERVED))
    new = NewTenant(id=identity, name=call.body.name)
    reply = await tenants.create(office, session, replace(call, body=new))
    return Reply(view(reply.value), revision=reply.revision)


async def show(office: Office, session: Session, call: Call) -> Reply:
    """One project. Raises NotFound."""
    row = await find_project(office, session, call)
    return Reply(view(row), revision=row["revision"])


async def rename(office: Office, session: Session, call: Call) -> Reply:
    """Another name. Raises InvalidRequest, NotFound, Conflict, Stale."""
    refuse_given(call.body, ("external_key_id", "geography"))
    if call.body.name is None:
        return await show(office, session, call)
    there = replace(call, params={"id": call.params["project_id"]}, body=TenantChange(name=call.body.name))
    reply = await tenants.change(office, session, there)
    return Reply(view(reply.value), revision=reply.revision)


async def archive(office: Office, session: Session, call: Call) -> Reply:
    """Close it for ever; its keys are revoked with it, as OpenAI does. Raises NotFound, Conflict, Stale."""
    there = replace(call, params={"id": call.params["project_id"]}, query={"force": ("true",)})
    reply = await tenants.archive(office, session, there)
    return Reply(view(reply.value), revision=reply.revision)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.projects.list", "GET", ROOT, EVERYBODY, show_all, "List tenants as projects",
        view=Project, query={**PAGING, "include_archived": "true: archived ones, too"}, listed=True,
    ),
    Operation(
        "organization.projects.create", "POST", ROOT, OPERATORS, create, "Make a tenant", NewProject, Project
    ),
    Operation(
        "organization.projects.get", "GET", ONE, EVERYBODY, show, "Show a tenant as a project", view=Project
    ),
    Operation(
        "organization.projects.update", "POST", ONE, OPERATORS, rename, "Rename a tenant", ChangedProject, Project
    ),
    Operation(
        "organization.projects.archive", "POST", ONE + "/archive", OPERATORS, archive,
        "Archive a tenant: its keys are revoked", view=Project,
    ),
)  # fmt: skip
