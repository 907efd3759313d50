from typing import Any, Literal

import pytest
from openai.types.admin.organization.projects import APIKeyDeleteResponse, ProjectAPIKey

from tests.admin.bureau import NOW
from tests.admin.organization.official import DECLARED_KEY, DECLARED_TENANT, Official, read, read_page, refused


async def key(api: Official, project: str, name: str = "web", **more: Any) -> str:
    made = await api.bureau.call("POST", "/keys", {"tenant": project, "name": name, **more})
    return str(made.value["id"])


async def ids(api: Official, project: str, **query: Any) -> list[str]:
    return [each.id async for each in api.organization.projects.api_keys.list(project, **query)]


async def test_a_key_of_a_service_account_belongs_to_it(api: Official) -> None:
    project = await api.project()
    account = await api.organization.projects.service_accounts.create(project, name="bot")
    assert account.api_key is not None
    raw = await api.organization.projects.api_keys.with_raw_response.retrieve(account.api_key.id, project_id=project)
    shown = read(ProjectAPIKey, raw.content)
    assert (shown.name, shown.created_at, shown.last_used_at, shown.expires_at) == ("bot", NOW, None, None)
    assert shown.redacted_value == f"sk-tp-…{account.api_key.value[-4:]}"
    assert shown.owner_project_access == "active"
    owner = shown.owner.service_account
    assert shown.owner.type == "service_account"
    assert (owner.id, owner.name, owner.role, owner.created_at) == (account.id, "bot", "member", NOW)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("eve@example.com", ("eve@example.com", "eve@example.com")), ("Eve", ("Eve", "")), ("", ("", ""))],
)
async def test_another_key_belongs_to_whoever_answers_for_it(
    api: Official, owner: str, expected: tuple[str, str]
) -> None:
    project = await api.project()
    made = await key(api, project, owner=owner)
    raw = await api.organization.projects.api_keys.with_raw_response.retrieve(made, project_id=project)
    user = read(ProjectAPIKey, raw.content).owner.user
    assert (user.id, user.email) == (expected[0] or made, expected[1])
    assert user.name == (owner or "web")


async def test_lists_go_on_page_after_page_declared_keys_first(api: Official) -> None:
    api.bureau.declared.rows |= {"tenants": [DECLARED_TENANT], "keys": [DECLARED_KEY]}
    made = []
    for number in range(4):
        api.bureau.now += 1
        made.append(await key(api, "fixed", f"k{number}"))
    assert await ids(api, "fixed", limit=2) == ["fixed/web", *made]
    raw = await api.organization.projects.api_keys.with_raw_response.list("fixed", limit=3)
    assert read_page(ProjectAPIKey, raw.content)[0].redacted_value == "…"
    shown = await api.organization.projects.api_keys.retrieve("fixed/web", project_id="fixed")
    assert shown.created_at == 0


async def test_keys_that_do_not_work_are_inactive(api: Official) -> None:
    project = await api.project()
    good, off = await key(api, project, "good"), await key(api, project, "off")
    old = await key(api, project, "old", expires_in_seconds=10)
    await api.bureau.call("PATCH", f"/keys/{off}", {"disabled": True})
    api.bureau.now += 11
    both: list[tuple[Literal["active", "inactive", "any"], set[str]]] = [
        ("active", {good}),
        ("inactive", {off, old}),
        ("any", {good, off, old}),
    ]
    for access, expected in both:
        assert set(await ids(api, project, owner_project_access=access)) == expected
    assert set(await ids(api, project)) == {good, off, old}
    await refused(
        api.organization.projects.api_keys.list(project, owner_project_access="all"),  # type: ignore[arg-type]
        400,
        "invalid_value",
        "owner_project_access",
    )


async def test_a_disabled_project_has_no_active_keys(api: Official) -> None:
    project = await api.project()
    await key(api, project)
    await api.bureau.call("PATCH", f"/tenants/{project}", {"disabled": True})
    assert await ids(api, project, owner_project_access="active") == []


async def test_deleting_a_key_revokes_it(api: Official) -> None:
    project = await api.project()
    made = await key(api, project)
    api_keys = api.organization.projects.api_keys
    raw = await api_keys.with_raw_response.delete(made, project_id=project)
    assert read(APIKeyDeleteResponse, raw.content).id == made
    assert (await api.bureau.call("GET", f"/keys/{made}")).value["status"] == "revoked"
    assert await ids(api, project) == []
    await refused(api_keys.retrieve(made, project_id=project), 404, "not_found")
    await refused(api_keys.delete(made, project_id=project), 404, "not_found")


async def test_another_end_is_set(api: Official) -> None:
    project = await api.project()
    made = await key(api, project)
    api_keys = api.organization.projects.api_keys
    raw = await api_keys.with_raw_response.update(made, project_id=project, expires_in_seconds=60, scopes=[])
    assert read(ProjectAPIKey, raw.content).expires_at == NOW + 60
    assert (await api_keys.update(made, project_id=project)).expires_at == NOW + 60
    call = api_keys.update(made, project_id=project, scopes=["api.all.read"])
    await refused(call, 400, "unsupported_parameter", "scopes")
    api.bureau.now += 60
    await refused(api_keys.update(made, project_id=project, expires_in_seconds=60), 409, "expired")


async def test_declared_keys_are_not_changed(api: Official) -> None:
    api.bureau.declared.rows |= {"tenants": [DECLARED_TENANT], "keys": [DECLARED_KEY]}
    api_keys = api.organization.projects.api_keys
    await refused(api_keys.delete("fixed/web", project_id="fixed"), 409, "declared")
    await refused(api_keys.update("fixed/web", project_id="fixed", expires_in_seconds=9), 409, "declared")


async def test_keys_of_other_projects_are_not_found(api: Official) -> None:
    project, other = await api.project("one"), await api.project("two")
    made = await key(api, project)
    await refused(api.organization.projects.api_keys.retrieve(made, project_id=other), 404, "not_found")
    organization = await api.as_token("tenant_admin", other)
    await refused(organization.projects.api_keys.delete(made, project_id=project), 404, "not_found")


async def test_a_viewer_does_not_revoke(api: Official) -> None:
    project = await api.project()
    made = await key(api, project)
    organization = await api.as_token("viewer")
    await refused(organization.projects.api_keys.delete(made, project_id=project), 403, "insufficient_permissions")
