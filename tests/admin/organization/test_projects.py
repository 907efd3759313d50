from collections.abc import AsyncIterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.admin.organization import Project

from proxy.admin.organization.projects import slug, unique
from proxy.settings.tenants import RESERVED, expect_id
from tests.admin.bureau import NOW
from tests.admin.organization.official import DECLARED_TENANT, Official, read, read_page, refused


async def names(pages: AsyncIterable[Project]) -> list[str]:
    return [each.id async for each in pages]


async def test_a_project_is_a_tenant(api: Official) -> None:
    raw = await api.organization.projects.with_raw_response.create(name="Acme Inc. (Köln)")
    made = read(Project, raw.content)
    assert (made.id, made.name, made.created_at) == ("acme-inc-koln", "Acme Inc. (Köln)", NOW)
    assert (made.status, made.archived_at, made.external_key_id, made.residency) == ("active", None, None, None)
    tenant = (await api.bureau.call("GET", "/tenants/acme-inc-koln")).value
    assert (tenant["name"], tenant["rules"], tenant["disabled"]) == ("Acme Inc. (Köln)", {}, False)
    assert (await api.bureau.audit("tenant"))[0]["action"] == "tenant.created"


@pytest.mark.parametrize(("name", "expected"), [("Acme", "acme-2"), ("***", "project"), ("None", "none-2")])
async def test_ids_are_made_from_names_and_are_unique(api: Official, name: str, expected: str) -> None:
    await api.organization.projects.create(name="acme")
    assert (await api.organization.projects.create(name=name)).id == expected


async def test_the_id_of_an_archived_project_is_not_given_again(api: Official) -> None:
    await api.organization.projects.archive(await api.project("web"))
    assert await api.project("web") == "web-2"


@given(st.text(), st.sets(st.text("ab-2", min_size=1, max_size=3)))
def test_every_name_has_an_id(name: str, taken: set[str]) -> None:
    made = unique(slug(name) or "project", frozenset(taken | RESERVED))
    assert expect_id(made) not in taken


def test_long_names_stay_unique() -> None:
    wanted = slug("a" * 200)
    second = unique(wanted, frozenset({wanted}))
    assert (len(wanted), len(second), second[-2:]) == (63, 63, "-2")


async def test_lists_go_on_page_after_page(api: Official) -> None:
    made = []
    for number in range(5):
        api.bureau.now += 1
        made.append(await api.project(f"p{number}"))
    assert await names(api.organization.projects.list(limit=2)) == made
    raw = await api.organization.projects.with_raw_response.list(limit=2, after=made[1])
    assert [each.id for each in read_page(Project, raw.content)] == made[2:4]


async def test_archived_ones_are_listed_if_asked_for(api: Official) -> None:
    open_one, closed = await api.project("open"), await api.project("closed")
    raw = await api.organization.projects.with_raw_response.archive(closed)
    archived = read(Project, raw.content)
    assert (archived.status, archived.archived_at) == ("archived", NOW)
    assert await names(api.organization.projects.list()) == [open_one]
    assert set(await names(api.organization.projects.list(include_archived=True))) == {open_one, closed}
    assert (await api.organization.projects.archive(closed)).archived_at == NOW


async def test_archiving_revokes_the_keys(api: Official) -> None:
    project = await api.project()
    key = (await api.organization.projects.service_accounts.create(project, name="bot")).api_key
    assert key is not None
    await api.organization.projects.archive(project)
    assert (await api.bureau.call("GET", f"/keys/{key.id}")).value["status"] == "revoked"


async def test_a_project_is_renamed(api: Official) -> None:
    project = await api.project("old")
    raw = await api.organization.projects.with_raw_response.update(project, name="new")
    assert read(Project, raw.content).name == "new"
    unchanged = await api.organization.projects.update(project)
    assert (unchanged.id, unchanged.name) == ("old", "new")
    assert read(Project, (await api.organization.projects.with_raw_response.retrieve(project)).content).name == "new"


async def test_an_archived_project_is_not_renamed(api: Official) -> None:
    project = await api.project()
    await api.organization.projects.archive(project)
    await refused(api.organization.projects.update(project, name="new"), 409, "archived")


async def test_declared_tenants_are_projects_that_cannot_be_changed(api: Official) -> None:
    api.bureau.declared.rows["tenants"] = [DECLARED_TENANT]
    made = await api.project()
    assert await names(api.organization.projects.list()) == ["fixed", made]
    shown = read(Project, (await api.organization.projects.with_raw_response.retrieve("fixed")).content)
    assert (shown.name, shown.created_at, shown.status) == ("Fixed", 0, "active")
    for call in (
        api.organization.projects.update("fixed", name="new"),
        api.organization.projects.archive("fixed"),
    ):
        assert "configuration file" in await refused(call, 409, "declared")
    assert (await api.organization.projects.create(name="Fixed")).id == "fixed-2"


async def test_what_has_no_meaning_is_refused(api: Official) -> None:
    project = await api.project()
    projects = api.organization.projects
    await refused(projects.create(name="a", external_key_id="k"), 400, "unsupported_parameter", "external_key_id")
    await refused(projects.create(name="a", geography="EU"), 400, "unsupported_parameter", "geography")
    await refused(projects.update(project, external_key_id="k"), 400, "unsupported_parameter", "external_key_id")
    assert (await projects.create(name="b", external_key_id=None, residency=None)).id == "b"


async def test_bad_names_cursors_and_limits_are_refused(api: Official) -> None:
    projects = api.organization.projects
    await refused(projects.create(name=""), 400, "invalid_value", "name")
    await refused(projects.create(name="a\nb"), 400, "invalid_value", "name")
    await refused(projects.list(limit=0), 400, "invalid_value", "limit")
    await refused(projects.list(after="nobody"), 404, "not_found", "after")
    await refused(projects.retrieve("nobody"), 404, "not_found")


async def test_a_tenant_admin_sees_its_own_project_only(api: Official) -> None:
    mine, other = await api.project("mine"), await api.project("other")
    organization = await api.as_token("tenant_admin", mine)
    assert await names(organization.projects.list()) == [mine]
    assert (await organization.projects.retrieve(mine)).id == mine
    await refused(organization.projects.retrieve(other), 404, "not_found")
    await refused(organization.projects.create(name="third"), 403, "insufficient_permissions")


async def test_a_viewer_reads(api: Official) -> None:
    project = await api.project()
    organization = await api.as_token("viewer")
    assert await names(organization.projects.list()) == [project]
    await refused(organization.projects.archive(project), 403, "insufficient_permissions")
