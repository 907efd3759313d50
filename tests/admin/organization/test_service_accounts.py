from openai.types.admin.organization.projects import (
    ProjectServiceAccount,
    ServiceAccountCreateResponse,
    ServiceAccountDeleteResponse,
)
from openai.types.admin.organization.projects.service_accounts import APIKeyCreateResponse

from proxy.accounts.keys import damaged, digest
from proxy.storage.store import KEY
from tests.admin.bureau import NOW
from tests.admin.organization.official import DECLARED_KEY, DECLARED_TENANT, Official, read, read_page, refused


async def test_an_account_comes_with_a_key_that_is_shown_once(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    raw = await accounts.with_raw_response.create(project, name="Build Bot", expires_in_seconds=3600)
    made = read(ServiceAccountCreateResponse, raw.content)
    assert (made.name, made.role, made.created_at) == ("Build Bot", "member", NOW)
    key = made.api_key
    assert (key.name, key.created_at, key.expires_at) == ("build-bot", NOW, NOW + 3600)
    assert key.value.startswith("sk-tp-")
    assert not damaged(key.value)
    async with api.bureau.store.reading() as session:
        (row,) = await session.find(KEY, service_account=made.id)
    assert row["digest"] == api.bureau.api.office.sealing.digest(digest(key.value))
    shown = await accounts.with_raw_response.retrieve(made.id, project_id=project)
    assert read(ProjectServiceAccount, shown.content).id == made.id
    later = [shown.text, (await accounts.with_raw_response.list(project)).text, repr(await api.bureau.audit("key"))]
    assert all(key.value not in each and "digest" not in each for each in later)


async def test_keys_are_named_after_their_account_and_names_stay_unique(api: Official) -> None:
    api.bureau.declared.rows |= {"tenants": [DECLARED_TENANT], "keys": [DECLARED_KEY]}
    accounts = api.organization.projects.service_accounts
    made = [(await accounts.create("fixed", name=name)).api_key for name in ("web", "web", "***", "CI_1.x")]
    assert [key and key.name for key in made] == ["web-2", "web-3", "service-account", "CI_1.x"]


async def test_an_account_can_be_made_without_a_key(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    raw = await accounts.with_raw_response.create(project, name="bot", create_service_account_only=True)
    made = read(ServiceAccountCreateResponse, raw.content)
    assert made.api_key is None
    await refused(
        accounts.create(project, name="x", create_service_account_only=True, expires_in_seconds=9),
        400,
        "invalid_value",
        "expires_in_seconds",
    )
    assert len([each async for each in accounts.list(project)]) == 1
    second = await accounts.api_keys.with_raw_response.create(made.id, project_id=project, name="first")
    key = read(APIKeyCreateResponse, second.content)
    assert (key.name, key.expires_at, key.value[:6]) == ("first", None, "sk-tp-")
    again = await accounts.api_keys.create(made.id, project_id=project, expires_in_seconds=60, scopes=[])
    assert (again.name, again.expires_at) == ("bot", NOW + 60)


async def test_scopes_of_openai_are_refused(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    made = await accounts.create(project, name="bot")
    call = accounts.api_keys.create(made.id, project_id=project, scopes=["api.all.read"])
    assert "/admin/v1/keys" in await refused(call, 400, "unsupported_parameter", "scopes")


async def test_lists_go_on_page_after_page(api: Official) -> None:
    project, other = await api.project(), await api.project()
    accounts = api.organization.projects.service_accounts
    made = [(await accounts.create(project, name=f"bot{number}")).id for number in range(3)]
    await accounts.create(other, name="not mine")
    assert sorted([each.id async for each in accounts.list(project, limit=2)]) == sorted(made)
    raw = await accounts.with_raw_response.list(project, limit=1)
    assert read_page(ProjectServiceAccount, raw.content)[0].name.startswith("bot")


async def test_an_account_is_renamed(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    made = await accounts.create(project, name="old")
    raw = await accounts.with_raw_response.update(made.id, project_id=project, name="new", role="member")
    assert read(ProjectServiceAccount, raw.content).name == "new"
    assert (await accounts.update(made.id, project_id=project)).name == "new"
    call = accounts.update(made.id, project_id=project, role="owner")
    await refused(call, 400, "unsupported_parameter", "role")


async def test_deleting_an_account_revokes_its_keys(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    made = await accounts.create(project, name="bot")
    assert made.api_key is not None
    second = await accounts.api_keys.create(made.id, project_id=project)
    await api.bureau.call("POST", f"/keys/{second.id}/revoke")
    raw = await accounts.with_raw_response.delete(made.id, project_id=project)
    assert read(ServiceAccountDeleteResponse, raw.content).deleted
    states = [(await api.bureau.call("GET", f"/keys/{each.id}")).value["status"] for each in (made.api_key, second)]
    assert states == ["revoked", "revoked"]
    await refused(accounts.retrieve(made.id, project_id=project), 404, "not_found")


async def test_accounts_of_other_projects_are_not_found(api: Official) -> None:
    project, other = await api.project(), await api.project()
    accounts = api.organization.projects.service_accounts
    made = await accounts.create(project, name="bot")
    await refused(accounts.retrieve(made.id, project_id=other), 404, "not_found")
    await refused(accounts.delete(made.id, project_id=other), 404, "not_found")


async def test_nothing_is_made_in_an_archived_project(api: Official) -> None:
    project = await api.project()
    accounts = api.organization.projects.service_accounts
    made = await accounts.create(project, name="bot")
    await api.organization.projects.archive(project)
    await refused(accounts.create(project, name="bot"), 409, "archived")
    await refused(accounts.api_keys.create(made.id, project_id=project), 409, "archived")
    assert (await accounts.retrieve(made.id, project_id=project)).name == "bot"


async def test_a_tenant_admin_makes_keys_of_its_project(api: Official) -> None:
    project, other = await api.project(), await api.project()
    organization = await api.as_token("tenant_admin", project)
    assert (await organization.projects.service_accounts.create(project, name="bot")).api_key is not None
    await refused(organization.projects.service_accounts.create(other, name="bot"), 404, "not_found")
