from typing import Any

import pytest

from proxy.accounts.roles import Actor
from proxy.admin.dashboard.frame import Action, Go, Page, Said, View, Visit, first
from proxy.admin.operations import OPERATORS
from proxy.errors import InvalidApiKey, NotPermitted
from proxy.storage.store import TENANT
from proxy.telemetry.metrics import Metrics
from tests.admin.bureau import OPERATOR, VIEWER, Bureau, tenant_admin
from tests.admin.listener import Listener


async def render(visit: Visit) -> View:
    return View("empty.html")


async def act(visit: Visit) -> Go:
    return Go("/dashboard")


PAGE = Page("/dashboard/x", "x", "X", render, actions={"change": Action(act, OPERATORS)})


def visit(bureau: Bureau, actor: Actor = OPERATOR, **values: Any) -> Visit:
    metrics = Metrics(lambda name: True, lambda path: True)
    return Visit(PAGE, actor, "csrf", bureau.api, metrics, bureau.now, "/dashboard/x", **values)


def test_the_first_value_without_space_around_it() -> None:
    assert first({"a": [" x ", "y"]}, "a") == "x"
    assert first({}, "a", "z") == "z"


async def test_what_was_asked_and_typed(admin: Listener) -> None:
    made = visit(admin.bureau, query={"range": ["7d"]}, form={"name": ["web "]})
    assert (made.asked("range"), made.asked("to", "now"), made.typed("name"), made.typed("x")) == (
        "7d",
        "now",
        "web",
        "",
    )


async def test_what_an_actor_may_do_and_see(admin: Listener) -> None:
    assert visit(admin.bureau).may("change")
    assert not visit(admin.bureau, VIEWER).may("change")
    assert not visit(admin.bureau).may("what")
    assert visit(admin.bureau).tenant is None
    assert visit(admin.bureau, tenant_admin("acme")).tenant == "acme"


async def test_a_session_is_for_tokens_that_are_alive(admin: Listener) -> None:
    made = await admin.done("POST", "/admin/v1/tokens", {"name": "a", "role": "viewer"})
    looking = visit(admin.bureau, Actor(made["id"], "a", "viewer"))
    async with looking.session() as session:
        assert len(await session.find(TENANT)) == 2
    await admin.done("POST", f"/admin/v1/tokens/{made['id']}/revoke")
    with pytest.raises(InvalidApiKey):
        async with looking.session():
            raise AssertionError("a session was opened")


async def test_the_admin_api_as_the_actor(admin: Listener) -> None:
    body = {"id": "delta", "name": "Delta"}
    await visit(admin.bureau).call("POST", "/admin/v1/tenants", body=body)
    found = await visit(admin.bureau, VIEWER).call("GET", "/admin/v1/tenants", query={"limit": ["1"]})
    assert len(found.value["data"]) == 1
    with pytest.raises(NotPermitted):
        await visit(admin.bureau, VIEWER).call("POST", "/admin/v1/tenants", body={**body, "id": "e"})
    assert [each["actor_name"] for each in await admin.bureau.audit("tenant")][-1] == OPERATOR.name


def test_a_secret_is_not_shown_by_accident() -> None:
    assert "sk-1" not in repr(Said("It is done.", secret="sk-1"))
