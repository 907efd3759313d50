from typing import Any, get_args

import pytest
from openai.types.admin.organization import AuditLogListResponse

from proxy.admin.organization.audit_logs import OTHER, TYPES, view
from proxy.storage.store import RESOURCES
from tests.admin.bureau import NOW
from tests.admin.organization.official import Official, read, read_page, refused


async def logs(api: Official, **query: Any) -> list[AuditLogListResponse]:
    return [each async for each in api.organization.audit_logs.list(**query)]


async def kinds(api: Official, **query: Any) -> list[str]:
    return [each.type for each in await logs(api, **query)]


def test_every_type_is_one_of_openais() -> None:
    known = get_args(AuditLogListResponse.model_fields["type"].annotation)
    assert {*TYPES.values(), OTHER} <= set(known)


def test_every_change_of_every_resource_can_be_told() -> None:
    assert {action.partition(".")[0] for action in TYPES} == {resource.name for resource in RESOURCES}


async def test_the_life_of_a_key_in_openais_words(api: Official) -> None:
    projects = api.organization.projects
    project = await api.project()
    account = await projects.service_accounts.create(project, name="bot")
    assert account.api_key is not None
    await projects.update(project, name="Acme 2")
    await projects.service_accounts.update(account.id, project_id=project, name="robot")
    await projects.api_keys.update(account.api_key.id, project_id=project, expires_in_seconds=60)
    await projects.rate_limits.update_rate_limit("rl-*", project_id=project, max_requests_per_1_minute=7)
    await projects.rate_limits.update_rate_limit("rl-*", project_id=project, max_requests_per_1_minute=2**31)
    await projects.spend_limit.update(project, currency="USD", interval="month", threshold_amount=1)
    await projects.service_accounts.delete(account.id, project_id=project)
    await projects.archive(project)
    raw = await api.organization.audit_logs.with_raw_response.list(limit=100)
    entries = read_page(AuditLogListResponse, raw.content)[::-1]
    assert [each.type for each in entries] == [
        "project.created",
        "service_account.created",
        "api_key.created",
        "project.updated",
        "service_account.updated",
        "api_key.updated",
        "rate_limit.updated",
        "rate_limit.deleted",
        "tenant.billing.overage_limit.updated",
        "api_key.deleted",
        "service_account.deleted",
        "project.archived",
    ]
    assert {(each.effective_at, each.project.id) for each in entries} == {(NOW, project)}
    assert {each.actor.api_key.id for each in entries} == {"bootstrap"}
    created, _, key, renamed, _, _, limited, *_ = entries
    assert (created.project_created.id, created.project_created.data.name) == (project, "Acme")
    assert (key.api_key_created.id, key.api_key_created.data.scopes) == (account.api_key.id, [])
    assert renamed.project_updated.changes_requested.title == "Acme 2"
    assert limited.rate_limit_updated.changes_requested.max_requests_per_1_minute == 7
    assert account.api_key.value not in raw.text


async def test_tokens_and_credentials_have_types_too(api: Official) -> None:
    project = await api.project()
    key = await api.organization.admin_api_keys.create(name="k")
    await api.organization.admin_api_keys.delete(key.id)
    secret = {"tenant": project, "secret": "KEY0123456789ABCDEF"}
    credential = (await api.bureau.call("POST", "/credentials", secret)).value["id"]
    await api.bureau.call("PATCH", f"/credentials/{credential}", {"weight": 2})
    assert await kinds(api) == [
        OTHER,
        "external_key.registered",
        "tenant.admin_api_key.deleted",
        "tenant.admin_api_key.created",
        "project.created",
    ]
    assert (await logs(api))[0].to_dict()["action"] == "credential.updated"


async def test_lists_go_on_page_after_page_and_back(api: Official) -> None:
    made = [await api.project(f"p{number}") for number in range(5)][::-1]
    entries = await logs(api, limit=2)
    assert [each.project_created.id for each in entries if each.project_created] == made
    before = await api.organization.audit_logs.with_raw_response.list(limit=2, before=entries[3].id)
    assert [each.id for each in read_page(AuditLogListResponse, before.content)] == [e.id for e in entries[1:3]]
    assert before.http_response.json()["has_more"] is True
    for cursor in ("audit_log-x", "7"):
        await refused(api.organization.audit_logs.list(after=cursor), 404, "not_found", "after")


async def test_filters(api: Official) -> None:
    first = await api.project("first")
    api.bureau.now += 10
    second = await api.project("second")
    await api.organization.projects.archive(second)
    made = await api.organization.admin_api_keys.create(name="k")
    theirs = (await api.client(made.value)).admin.organization
    api.bureau.now += 10
    await theirs.projects.update(first, name="x")
    assert await kinds(api, project_ids=[second]) == ["project.archived", "project.created"]
    assert await kinds(api, event_types=["project.created"], project_ids=[first, second]) == ["project.created"] * 2
    assert await kinds(api, event_types=["group.created"]) == []
    assert await kinds(api, actor_ids=[made.id]) == ["project.updated"]
    assert await kinds(api, resource_ids=[made.id]) == ["tenant.admin_api_key.created"]
    assert await kinds(api, tenant_only=True) == ["tenant.admin_api_key.created"]
    assert await kinds(api, effective_at={"gt": NOW + 10}) == ["project.updated"]
    assert len(await logs(api, effective_at={"gte": NOW + 10, "lt": NOW + 20})) == 3
    assert await kinds(api, effective_at={"lte": NOW}) == ["project.created"]
    await refused(api.organization.audit_logs.list(actor_emails=["a@b"]), 400, "unsupported_parameter", "actor_emails")


async def test_actions_without_a_type_are_found_by_the_type_they_go_by(api: Official) -> None:
    project = await api.project()
    made = await api.bureau.call("POST", "/credentials", {"tenant": project, "secret": "KEY0123456789ABCDEF"})
    await api.bureau.call("PATCH", f"/credentials/{made.value['id']}", {"weight": 2})
    assert await kinds(api, event_types=[OTHER]) == [OTHER]


async def test_a_tenant_admin_sees_its_own_entries_only(api: Official) -> None:
    mine, other = await api.project("mine"), await api.project("other")
    organization = await api.as_token("tenant_admin", mine)
    found = [each async for each in organization.audit_logs.list(project_ids=[mine, other])]
    assert {each.project and each.project.id for each in found} == {mine}


ENTRY: dict[str, Any] = {
    "id": 7,
    "at": NOW,
    "actor_id": "cli",
    "address": "",
    "action": "key.updated",
    "object_id": "key_1",
    "tenant": "acme",
    "before": {"endpoints": [], "name": "a"},
    "after": {"endpoints": ["chat.completions"], "name": "a"},
}


def test_the_command_line_is_a_session() -> None:
    entry = read(AuditLogListResponse, view(ENTRY))
    assert (entry.actor.type, entry.actor.session.user.id) == ("session", "cli")
    assert entry.api_key_updated.changes_requested.scopes == ["chat.completions"]


@pytest.mark.parametrize(
    ("action", "after", "expected"),
    [
        ("tenant.updated", {"name": "a", "endpoints": []}, {"changes_requested": {}}),
        ("key.updated", {"endpoints": []}, {"changes_requested": {}}),
        ("limit.updated", {"tokens_per_minute": None}, {"changes_requested": {}}),
        ("something.else", {}, {}),
    ],
)
def test_only_what_changed_is_told(action: str, after: dict[str, Any], expected: dict[str, Any]) -> None:
    entry = view({**ENTRY, "action": action, "after": after})
    assert entry[entry["type"]] == {"id": "key_1", **expected}
    assert entry["action"] == action
