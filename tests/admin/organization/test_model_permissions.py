from openai.types.admin.organization.projects import ProjectModelPermissions, ProjectModelPermissionsDeleted

from tests.admin.organization.official import DECLARED_TENANT, Official, read, refused


async def test_permissions_are_the_allow_list_of_the_tenant(api: Official) -> None:
    project = await api.project()
    await api.bureau.call("PATCH", f"/tenants/{project}", {"rules": {"weight": 3}})
    permissions = api.organization.projects.model_permissions
    assert (await permissions.retrieve(project)).api_model_ids == ["*"]
    raw = await permissions.with_raw_response.update(project, mode="allow_list", model_ids=["zai-org/*"])
    made = read(ProjectModelPermissions, raw.content)
    assert (made.mode, made.api_model_ids) == ("allow_list", ["zai-org/*"])
    rules = (await api.bureau.call("GET", f"/tenants/{project}")).value["rules"]
    assert rules == {"weight": 3, "models": ["zai-org/*"]}
    gone = await permissions.with_raw_response.delete(project)
    assert read(ProjectModelPermissionsDeleted, gone.content).deleted
    assert (await api.bureau.call("GET", f"/tenants/{project}")).value["rules"] == {"weight": 3}


async def test_deny_lists_and_empty_lists_are_refused(api: Official) -> None:
    project = await api.project()
    permissions = api.organization.projects.model_permissions
    await refused(permissions.update(project, mode="deny_list", model_ids=["a/b"]), 400, "invalid_value", "mode")
    await refused(permissions.update(project, mode="allow_list", model_ids=[]), 400, "invalid_value", "model_ids")


async def test_declared_ones_are_shown_and_not_changed(api: Official) -> None:
    api.bureau.declared.rows["tenants"] = [DECLARED_TENANT]
    permissions = api.organization.projects.model_permissions
    assert (await permissions.retrieve("fixed")).api_model_ids == ["zai-org/*"]
    await refused(permissions.update("fixed", mode="allow_list", model_ids=["a/b"]), 409, "declared")
