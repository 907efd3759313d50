from typing import Any

import pytest
from openai.types.admin.organization.projects import ProjectRateLimit

from proxy.admin.organization.rate_limits import UNLIMITED
from tests.admin.organization.official import DECLARED_TENANT, Official, read, read_page, refused

MODEL = "moonshotai/Kimi-K2.6"


async def ours(api: Official) -> list[dict[str, Any]]:
    return list((await api.bureau.call("GET", "/limits")).value["data"])


async def test_every_known_model_has_a_row_and_all_together_have_one(api: Official) -> None:
    api.bureau.models |= {MODEL, "gpt-4o", "zai-org/GLM-5.2"}
    project = await api.project()
    await api.bureau.call("PUT", "/limits", {"tenant": project, "model": "zai-org/*", "requests_per_day": 7})
    raw = await api.organization.projects.rate_limits.with_raw_response.list_rate_limits(project)
    rows = read_page(ProjectRateLimit, raw.content)
    assert [(row.id, row.max_requests_per_1_day) for row in rows] == [
        ("rl-*", UNLIMITED),
        (f"rl-{MODEL}", UNLIMITED),
        ("rl-zai-org/*", 7),
        ("rl-zai-org/GLM-5.2", UNLIMITED),
    ]
    assert {row.max_tokens_per_1_minute for row in rows} == {UNLIMITED}


async def test_lists_go_on_page_after_page_and_back(api: Official) -> None:
    api.bureau.models |= {f"a/{number}" for number in range(5)}
    project = await api.project()
    limits = api.organization.projects.rate_limits
    every = [each.id async for each in limits.list_rate_limits(project, limit=2)]
    assert every == ["rl-*", *(f"rl-a/{number}" for number in range(5))]
    raw = await limits.with_raw_response.list_rate_limits(project, limit=2, before="rl-a/3")
    assert [each.id for each in read_page(ProjectRateLimit, raw.content)] == ["rl-a/1", "rl-a/2"]
    assert raw.http_response.json()["has_more"] is True
    await refused(limits.list_rate_limits(project, before="rl-nothing"), 404, "not_found", "before")
    await refused(limits.list_rate_limits(project, limit=101), 400, "invalid_value", "limit")


async def test_a_limit_is_set_changed_and_lifted(api: Official) -> None:
    project = await api.project()
    limits = api.organization.projects.rate_limits
    raw = await limits.with_raw_response.update_rate_limit(
        f"rl-{MODEL}", project_id=project, max_requests_per_1_minute=10
    )
    made = read(ProjectRateLimit, raw.content)
    assert (made.model, made.max_requests_per_1_minute, made.max_tokens_per_1_minute) == (MODEL, 10, UNLIMITED)
    changed = await limits.update_rate_limit(f"rl-{MODEL}", project_id=project, max_tokens_per_1_minute=500)
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (10, 500)
    (row,) = await ours(api)
    assert (row["tenant"], row["key"], row["model"]) == (project, None, MODEL)
    assert (row["requests_per_minute"], row["tokens_per_minute"]) == (10, 500)
    for name in ("max_requests_per_1_minute", "max_tokens_per_1_minute"):
        call: dict[str, Any] = {name: UNLIMITED}
        await limits.update_rate_limit(f"rl-{MODEL}", project_id=project, **call)
    assert await ours(api) == []
    free = await limits.update_rate_limit(f"rl-{MODEL}", project_id=project, max_requests_per_1_day=UNLIMITED)
    assert free.max_requests_per_1_day == UNLIMITED


async def test_what_openai_does_not_know_stays(api: Official) -> None:
    project = await api.project()
    await api.bureau.call("PUT", "/limits", {"tenant": project, "concurrent": 3, "queue": 2, "requests_per_day": 9})
    limits = api.organization.projects.rate_limits
    await limits.update_rate_limit("rl-*", project_id=project, max_requests_per_1_day=UNLIMITED)
    (row,) = await ours(api)
    assert (row["concurrent"], row["queue"], row["requests_per_day"]) == (3, 2, None)


async def test_declared_limits_are_shown_and_not_changed(api: Official) -> None:
    limit = {"id": "fixed/*", "tenant": "fixed", "key": "", "model": "*", "requests_per_minute": 5, "revision": 0}
    api.bureau.declared.rows |= {"tenants": [DECLARED_TENANT], "limits": [limit]}
    limits = api.organization.projects.rate_limits
    (shown,) = [each async for each in limits.list_rate_limits("fixed")]
    assert shown.max_requests_per_1_minute == 5
    for bound in (6, UNLIMITED):
        call = limits.update_rate_limit("rl-*", project_id="fixed", max_requests_per_1_minute=bound)
        await refused(call, 409, "declared", "tenant" if bound == 6 else None)


@pytest.mark.parametrize("name", ["rl-", "x", "rl-a b", "rl-" + "*a" * 9])
async def test_other_ids_are_not_found(api: Official, name: str) -> None:
    project = await api.project()
    call = api.organization.projects.rate_limits.update_rate_limit(name, project_id=project)
    await refused(call, 404, "not_found")


async def test_what_is_not_counted_and_absurd_bounds_are_refused(api: Official) -> None:
    project = await api.project()
    limits = api.organization.projects.rate_limits
    images = limits.update_rate_limit("rl-*", project_id=project, max_images_per_1_minute=1)
    await refused(images, 400, "unsupported_parameter", "max_images_per_1_minute")
    for bound in (0, -1, 10**15):
        call = limits.update_rate_limit("rl-*", project_id=project, max_requests_per_1_minute=bound)
        await refused(call, 400, "invalid_value", "max_requests_per_1_minute")


async def test_a_tenant_admin_reads_and_does_not_set(api: Official) -> None:
    project = await api.project()
    limits = (await api.as_token("tenant_admin", project)).projects.rate_limits
    assert [each.id async for each in limits.list_rate_limits(project)] == ["rl-*"]
    await refused(limits.update_rate_limit("rl-*", project_id=project), 403, "insufficient_permissions")
