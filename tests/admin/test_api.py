"""`Api.call` without HTTP, as the command line uses it; what HTTP adds is in test_exchange."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.accounts.roles import COMMAND_LINE
from proxy.admin.api import DEEPEST, find
from proxy.errors import InvalidRequest, MethodNotAllowed, NotFound, NotPermitted, Stale, UnknownUrl
from tests.admin.bureau import VIEWER, Bureau, bureau


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        await opened.add_tenant("acme")
        yield opened


async def test_a_change_is_told_to_this_process_once_it_is_kept(desk: Bureau) -> None:
    await desk.call("PATCH", "/tenants/acme", {"name": "Acme"}, COMMAND_LINE)
    assert desk.changes == 1
    await desk.call("PATCH", "/tenants/acme", {"name": "Acme"}, COMMAND_LINE)  # nothing is different
    await desk.call("GET", "/tenants", actor=COMMAND_LINE)
    assert desk.changes == 1
    (made, changed) = await desk.audit("tenant")
    assert (made["actor_id"], changed["actor_id"], changed["address"]) == ("bootstrap", "cli", "")


async def test_every_change_is_a_generation(desk: Bureau) -> None:
    before = await desk.store.generation()
    await desk.call("POST", "/tenants", {"id": "beta"})
    assert await desk.store.generation() == before + 1


async def test_a_revision_is_expected(desk: Bureau) -> None:
    assert isinstance(await desk.fails("PATCH", "/tenants/acme", {"name": "x"}, revision=2), Stale)
    assert (await desk.call("PATCH", "/tenants/acme", {"name": "x"}, revision=1)).revision == 2


async def test_a_role_that_does_not_cover_it_is_told_so(desk: Bureau) -> None:
    refused = await desk.fails("POST", "/tenants", {"id": "beta"}, VIEWER)
    assert isinstance(refused, NotPermitted)
    assert refused.message == "The role viewer may not use tenants.create."


async def test_a_refused_change_leaves_nothing(desk: Bureau) -> None:
    refused = await desk.fails("POST", "/keys", {"tenant": "nobody", "name": "web"}, idempotency_key="once")
    assert isinstance(refused, NotFound)
    assert desk.changes == 0
    assert await desk.audit("key") == []


@pytest.mark.parametrize(
    ("method", "path", "fault"),
    [
        ("GET", "/admin/v1/nothing", UnknownUrl),
        ("BREW", "/admin/v1/tenants", MethodNotAllowed),
        ("GET", "/admin/v1/tenants/%00", NotFound),
        ("GET", "/admin/v1/tenants/" + "a" * 257, NotFound),
    ],
)
def test_a_path_that_is_none(method: str, path: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        find(method, path)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


async def test_depth_has_a_bound(desk: Bureau) -> None:
    for levels in (DEEPEST, 5000):
        refused = await desk.fails("POST", "/tenants", {"id": "beta", "rules": {"models": nested(levels)}})
        assert isinstance(refused, InvalidRequest)
        assert "nested too deeply" in refused.message
    refused = await desk.fails("POST", "/tenants", {"id": "beta", "rules": {"models": nested(3)}})
    assert refused.param == "rules.models[0]"


async def test_an_unknown_query_parameter_is_named_with_the_known_ones(desk: Bureau) -> None:
    refused = await desk.fails("GET", "/tenants", query={"archive": ["true"]})
    assert isinstance(refused, InvalidRequest)
    assert refused.param == "archive"
    assert "known are: limit, after, archived" in refused.message
    refused = await desk.fails("GET", "/tenants/acme", query={"x" * 100: [""]})
    assert refused.param == "x" * 64
    assert "known are: none" in refused.message


async def test_warnings_stand_in_the_value_too(desk: Bureau) -> None:
    desk.models.add("a/b")
    reply = await desk.call("POST", "/keys", {"tenant": "acme", "name": "web", "models": ["c"]})
    assert reply.value["warnings"] == list(reply.warnings) == ["models: no known model matches 'c'."]
