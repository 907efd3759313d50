from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.accounts.roles import Actor
from proxy.admin import subjects
from proxy.admin.operations import Call
from proxy.admin.subjects import Subject, expect_subject
from proxy.errors import Conflict, InvalidRequest, NotFound, ProxyError
from proxy.storage.store import KEY, LIMIT
from tests.admin.bureau import OWNER, Bureau, bureau, tenant_admin


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        await opened.add_key("key_1", "acme")
        opened.declared.rows["tenants"] = [{"id": "fixed"}]
        opened.declared.rows["keys"] = [{"id": "fixed/web", "tenant": "fixed"}]
        yield opened


async def named(desk: Bureau, tenant: str | None, key: str | None) -> Subject:
    async with desk.store.reading() as session:
        return await expect_subject(desk.api.office, session, tenant, key)


async def test_a_tenant_is_itself_and_a_key_is_its_tenant_s(desk: Bureau) -> None:
    assert await named(desk, "acme", None) == ("acme", "")
    assert await named(desk, None, "key_1") == ("acme", "key_1")


@pytest.mark.parametrize(
    ("tenant", "key", "fault", "param"),
    [
        (None, None, InvalidRequest, "tenant"),
        ("acme", "key_1", InvalidRequest, "key"),
        ("nobody", None, NotFound, "tenant"),
        (None, "key_9", NotFound, "key"),
        ("fixed", None, Conflict, "tenant"),
        (None, "fixed/web", Conflict, "key"),
    ],
)
async def test_whom_nobody_can_bound(
    desk: Bureau, tenant: str | None, key: str | None, fault: type[ProxyError], param: str
) -> None:
    with pytest.raises(fault) as caught:
        await named(desk, tenant, key)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("actor", "asked", "held"),
    [
        (OWNER, (), None),
        (OWNER, ("beta",), "beta"),
        (tenant_admin("acme"), (), "acme"),
        (tenant_admin("acme"), ("acme",), "acme"),
    ],
)
def test_a_list_is_of_what_the_actor_sees(actor: Actor, asked: tuple[str, ...], held: str | None) -> None:
    assert subjects.held_to(Call(actor, query={"tenant": asked})) == held


@pytest.mark.parametrize("actor", [tenant_admin("acme"), Actor("tok", "of nobody", "tenant_admin")])
async def test_nobody_is_shown_another_s(desk: Bureau, actor: Actor) -> None:
    with pytest.raises(NotFound, match="There is no tenant 'beta'"):
        subjects.held_to(Call(actor, query={"tenant": ("beta",)}))
    for rows in ([{"id": "lim_1", "tenant": "beta"}], []):
        async with desk.store.reading() as session:
            with pytest.raises(NotFound, match=r"There is no limit 'lim_1'\.$"):
                await subjects.named(session, Call(actor, {"id": "lim_1"}), LIMIT, rows)


def test_a_tenant_admin_without_a_tenant_sees_nothing() -> None:
    assert subjects.held_to(Call(Actor("tok", "of nobody", "tenant_admin"))) == "", "which no tenant is called"


def test_a_deletion_is_answered_in_openai_s_shape() -> None:
    assert subjects.deleted(KEY, "key_1") == {"id": "key_1", "object": "key", "deleted": True}
