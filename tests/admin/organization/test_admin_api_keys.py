import pytest
from openai.types.admin.organization import AdminAPIKey, AdminAPIKeyCreateResponse, AdminAPIKeyDeleteResponse

from tests.admin.bureau import NOW
from tests.admin.organization.official import Official, read, read_page, refused


async def test_a_key_is_an_owners_token_and_its_value_is_shown_once(api: Official) -> None:
    keys = api.organization.admin_api_keys
    raw = await keys.with_raw_response.create(name="New Admin Key", expires_in_seconds=3600)
    made = read(AdminAPIKeyCreateResponse, raw.content)
    assert (made.name, made.created_at, made.expires_at) == ("New Admin Key", NOW, NOW + 3600)
    assert made.redacted_value == f"sk-admin-…{made.value[-4:]}"
    assert (made.owner.type, made.owner.role, made.owner.name) == ("user", "owner", "New Admin Key")
    theirs = (await api.client(made.value)).admin.organization
    shown = await theirs.admin_api_keys.with_raw_response.retrieve(made.id)
    assert read(AdminAPIKey, shown.content).last_used_at == NOW
    assert made.value not in shown.text + repr(await api.bureau.audit("admin_token"))
    api.bureau.now += 3600
    await refused(theirs.admin_api_keys.retrieve(made.id), 401, "invalid_api_key")


async def test_lists_go_on_page_after_page_in_either_order(api: Official) -> None:
    keys = api.organization.admin_api_keys
    made = []
    for number in range(5):
        api.bureau.now += 1
        made.append((await keys.create(name=f"k{number}")).id)
    assert [each.id async for each in keys.list(limit=2)] == made
    assert [each.id async for each in keys.list(limit=2, order="desc")] == made[::-1]
    raw = await keys.with_raw_response.list(limit=2, after=made[0])
    assert [each.id for each in read_page(AdminAPIKey, raw.content)] == made[1:3]
    await refused(keys.list(order="up"), 400, "invalid_value", "order")  # type: ignore[arg-type]


async def test_deleting_a_key_revokes_the_token(api: Official) -> None:
    keys = api.organization.admin_api_keys
    made = await keys.create(name="k")
    theirs = (await api.client(made.value)).admin.organization
    assert [each.id async for each in theirs.admin_api_keys.list()] == [made.id]
    raw = await keys.with_raw_response.delete(made.id)
    assert read(AdminAPIKeyDeleteResponse, raw.content).deleted
    await refused(theirs.admin_api_keys.list(), 401, "invalid_api_key")
    await refused(keys.retrieve(made.id), 404, "not_found")
    assert await api.tokens() == 1  # kept, for the audit log


async def test_tokens_of_other_roles_are_listed_with_theirs(api: Official) -> None:
    await api.as_token("viewer")
    (shown,) = [each async for each in api.organization.admin_api_keys.list()]
    assert shown.owner.role == "viewer"


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_only_owners_have_to_do_with_them(api: Official, role: str) -> None:
    organization = await api.as_token(role)
    await refused(organization.admin_api_keys.list(), 403, "insufficient_permissions")
    await refused(organization.admin_api_keys.create(name="mine"), 403, "insufficient_permissions")


async def test_bad_names_and_ends_are_refused(api: Official) -> None:
    keys = api.organization.admin_api_keys
    await refused(keys.create(name="x" * 65), 400, "invalid_value", "name")
    await refused(keys.create(name="x", expires_in_seconds=0), 400, "invalid_value", "expires_in_seconds")
