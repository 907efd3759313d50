from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import Conflict, InvalidRequest, NotFound, NotPermitted, Stale
from tests.admin.bureau import NOW, VIEWER, Bureau, bureau, tenant_admin
from tests.admin.listener import Listener

PATH = "/api_key_refs"
REF = {"tenant": "acme", "provider": "openai", "identifier": "openai-key"}
SINGLE = f"{PATH}/acme%2Fopenai"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        await opened.add_tenant("beta")
        yield opened


async def test_a_reference_is_found_by_tenant_and_provider(desk: Bureau) -> None:
    made = await desk.call("PUT", PATH, REF)
    shown = {"id": "acme/openai", "object": "api_key_ref", "declared": False, "created_at": NOW, "revision": 1}
    assert made.value == {**REF, **shown}
    assert (await desk.call("GET", SINGLE)).value == made.value


async def test_a_second_one_replaces_the_first(desk: Bureau) -> None:
    await desk.call("PUT", PATH, REF)
    again = await desk.call("PUT", PATH, {**REF, "identifier": "newer"}, revision=1)
    assert (again.value["identifier"], again.revision) == ("newer", 2)
    assert isinstance(await desk.fails("PUT", PATH, REF, revision=1), Stale)
    assert await desk.ids(PATH) == ["acme/openai"]


async def test_lists_are_of_one_tenant_and_in_pages(desk: Bureau) -> None:
    for tenant, provider in (("acme", "openai"), ("acme", "Groq"), ("beta", "openai")):
        desk.now += 1
        await desk.call("PUT", PATH, {**REF, "tenant": tenant, "provider": provider})
    assert await desk.ids(PATH) == ["acme/openai", "acme/Groq", "beta/openai"]
    assert await desk.ids(PATH, tenant="beta") == ["beta/openai"]
    assert await desk.ids(PATH, limit="1", after="acme/openai") == ["acme/Groq"]


BAD: tuple[tuple[Any, str | None], ...] = (
    ({"provider": ""}, "provider"),
    ({"provider": "open/ai"}, "provider"),
    ({"provider": "open ai"}, "provider"),
    ({"provider": "a" * 63}, "provider"),
    ({"provider": "a" * 60}, "provider"),  # with the tenant it is too long for an id
    ({"provider": None}, "provider"),
    ({"identifier": ""}, "identifier"),
    ({"identifier": "a b"}, "identifier"),
    ({"identifier": "a\n"}, "identifier"),
    ({"identifier": "a" * 257}, "identifier"),
    ({"identifier": 5}, "identifier"),
    ({"tenant": "Acme"}, "tenant"),
    ({"token": "sk-secret"}, "token"),
)


async def test_bad_input_is_refused_by_name_and_nothing_kept(desk: Bureau) -> None:
    for body, param in BAD:
        fault = await desk.fails("PUT", PATH, {**REF, **body})
        assert (type(fault), fault.param, body) == (InvalidRequest, param, body)
    assert await desk.ids(PATH) == []


async def test_the_longest_id_fits(desk: Bureau) -> None:
    made = await desk.call("PUT", PATH, {**REF, "provider": "a" * 59})
    assert len(made.value["id"]) == 64


async def test_an_unknown_tenant_is_not_found(desk: Bureau) -> None:
    fault = await desk.fails("PUT", PATH, {**REF, "tenant": "nobody"})
    assert (type(fault), fault.param) == (NotFound, "tenant")


async def test_what_the_configuration_declares_is_shown_and_not_changed(desk: Bureau) -> None:
    row = {"id": "fixed/openai", "tenant": "fixed", "provider": "openai", "identifier": "x"}
    desk.declared.rows["tenants"] = [{"id": "fixed", "archived_at": None}]
    desk.declared.rows["api_key_refs"] = [{**row, "created_at": 0, "revision": 0}]
    shown = (await desk.call("GET", f"{PATH}/fixed%2Fopenai")).value
    assert shown["declared"] is True
    assert (await desk.call("GET", PATH)).value["data"] == [shown]
    for fault in (
        await desk.fails("PUT", PATH, {**REF, "tenant": "fixed"}),
        await desk.fails("DELETE", f"{PATH}/fixed%2Fopenai"),
    ):
        assert (type(fault), fault.code) == (Conflict, "declared")


async def test_it_is_deleted_by_its_revision(desk: Bureau) -> None:
    await desk.call("PUT", PATH, REF)
    assert isinstance(await desk.fails("DELETE", SINGLE, revision=2), Stale)
    deleted = await desk.call("DELETE", SINGLE, revision=1)
    assert deleted.value == {"id": "acme/openai", "object": "api_key_ref", "deleted": True}
    assert isinstance(await desk.fails("DELETE", SINGLE), NotFound)
    assert [entry["action"] for entry in await desk.audit("api_key_ref")] == [
        "api_key_ref.created",
        "api_key_ref.deleted",
    ]


async def test_who_may_what(desk: Bureau) -> None:
    await desk.call("PUT", PATH, REF)
    await desk.call("PUT", PATH, {**REF, "tenant": "beta"})
    tom = tenant_admin("acme")
    assert await desk.ids(PATH, actor=tom) == ["acme/openai"]
    assert isinstance(await desk.fails("GET", f"{PATH}/beta%2Fopenai", actor=tom), NotFound)
    for actor in (VIEWER, tom):
        assert isinstance(await desk.fails("PUT", PATH, REF, actor), NotPermitted)
        assert isinstance(await desk.fails("DELETE", SINGLE, actor=actor), NotPermitted)


async def test_over_http_the_slash_of_an_id_is_encoded(admin: Listener) -> None:
    made = await admin.send("PUT", "/admin/v1/api_key_refs", REF)
    path = "/admin/v1/api_key_refs/acme%2Fopenai"
    assert (await admin.send("GET", path)).value == made.value
    assert (await admin.send("GET", path.replace("%2F", "/"))).status == 404
    assert (await admin.send("DELETE", path, If_Match=made.headers["etag"])).status == 200
