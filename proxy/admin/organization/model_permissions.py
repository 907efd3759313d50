"""The models of a project: the allow-list of a tenant (`rules.models`), patterns of Telnyx ids."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from proxy.admin import tenants
from proxy.admin.operations import EVERYBODY, OPERATORS, Body, Call, Office, Operation, Reply, View
from proxy.admin.organization.projects import ONE as PROJECT
from proxy.admin.organization.projects import expect_open, find_project
from proxy.admin.tenants import TenantChange
from proxy.admin.values import Globs
from proxy.errors import InvalidRequest
from proxy.storage.store import Row, Session

PATH = PROJECT + "/model_permissions"
EVERY_MODEL = ["*"]


class ModelPermissions(View):
    """The allow-list of a tenant."""

    object: Literal["project.model_permissions"] = "project.model_permissions"
    mode: Literal["allow_list"] = "allow_list"
    model_ids: list[str]


class ModelPermissionsDeleted(View):
    """The allow-list is gone: every model may be used."""

    object: Literal["project.model_permissions.deleted"] = "project.model_permissions.deleted"
    deleted: Literal[True] = True


class NewModelPermissions(Body):
    """An allow-list to replace the one there is."""

    mode: Literal["allow_list", "deny_list"] = Field(description="allow_list; there are no deny-lists here")
    model_ids: Globs = Field(description="Telnyx model ids, patterns allowed")


def _view(row: Row) -> Reply:
    models = list(row["rules"].get("models") or EVERY_MODEL)
    return Reply(ModelPermissions(model_ids=models).model_dump(mode="json"), revision=row["revision"])


async def show(office: Office, session: Session, call: Call) -> Reply:
    """The allow-list. Raises NotFound."""
    return _view(await find_project(office, session, call))


async def put(office: Office, session: Session, call: Call) -> Reply:
    """Replace it. Raises InvalidRequest, NotFound, Conflict, Stale."""
    if call.body.mode == "deny_list" or not call.body.model_ids:
        text = 'A tenant has a list of the models it may use here, none of those it may not; `["*"]` is every model.'
        raise InvalidRequest(text, param="mode" if call.body.model_ids else "model_ids")
    return await _replaced(office, session, call, {"models": list(call.body.model_ids)})


async def delete(office: Office, session: Session, call: Call) -> Reply:
    """Allow every model. Raises NotFound, Conflict, Stale."""
    await _replaced(office, session, call, {})
    return Reply(ModelPermissionsDeleted().model_dump(mode="json"))


async def _replaced(office: Office, session: Session, call: Call, models: Row) -> Reply:
    row = await expect_open(office, session, call)
    rules = {name: value for name, value in row["rules"].items() if name != "models"} | models
    there = replace(call, params={"id": row["id"]}, body=TenantChange(rules=rules))
    reply = await tenants.change(office, session, there)
    return _view(reply.value)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "organization.model_permissions.get", "GET", PATH, EVERYBODY, show, "Show the models a tenant may use",
        view=ModelPermissions,
    ),
    Operation(
        "organization.model_permissions.put", "POST", PATH, OPERATORS, put, "Replace the models a tenant may use",
        NewModelPermissions, ModelPermissions,
    ),
    Operation(
        "organization.model_permissions.delete", "DELETE", PATH, OPERATORS, delete, "Let a tenant use every model",
        view=ModelPermissionsDeleted,
    ),
)  # fmt: skip
