import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.desks import Query, Refused
from proxy.cli.litellm.applying import apply
from proxy.cli.litellm.keys import Key
from proxy.cli.office import Near
from tests.admin.bureau import Bureau, bureau

KIMI = "moonshotai/Kimi-K2.6"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bureau]:
    async with bureau(tmp_path) as opened:
        yield opened


def key(name: str, tenant: str = "acme", **more: Any) -> Key:
    return Key(("keys", 0), tenant, name, hashlib.sha256(f"{tenant}/{name}".encode()).hexdigest(), **more)


class Breaking(Near):
    """A desk where one kind of call fails."""

    async def call(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Any:
        if path.endswith("/budgets"):
            raise Refused("out of order", 503)
        return await super().call(method, path, query=query, body=body)


async def test_keys_come_with_their_limits_and_budgets(desk: Bureau) -> None:
    bounds = {"*": {"requests_per_minute": 5}, KIMI: {"concurrent": 1}}
    keys = [
        key("web", limits=bounds, budget={"usd": 2.5, "per": "month"}, models=[KIMI], owner="eve", tags={"a": "b"}),
        key("off", disabled=True, limits={"*": {"requests_per_day": 1}}),
        key("other", tenant="beta"),
    ]
    imported, known = await apply(Near(desk.api), keys)
    assert [(row["tenant"], row["name"]) for row in imported] == [("acme", "web"), ("acme", "off"), ("beta", "other")]
    assert known == []
    web = (await desk.call("GET", f"/keys/{imported[0]['id']}")).value
    assert (web["models"], web["owner"], web["tags"], web["disabled"]) == ([KIMI], "eve", {"a": "b"}, False)
    off = (await desk.call("GET", f"/keys/{imported[1]['id']}")).value
    assert off["status"] == "disabled"
    limits = (await desk.call("GET", "/limits", query={"key": [web["id"]]})).value["data"]
    assert {(row["model"], row["requests_per_minute"], row["concurrent"]) for row in limits} == {
        ("*", 5, None),
        (KIMI, None, 1),
    }
    (budget,) = (await desk.call("GET", "/budgets", query={"key": [web["id"]]})).value["data"]
    assert (budget["usd"], budget["per"]) == ("2.50", "month")


async def test_a_second_time_imports_what_is_new(desk: Bureau) -> None:
    await apply(Near(desk.api), [key("one")])
    imported, known = await apply(Near(desk.api), [key("one"), key("two")])
    assert [row["name"] for row in imported] == ["two"]
    assert [each.name for each in known] == ["one"]


async def test_a_key_does_nothing_before_its_bounds_are_in_force(desk: Bureau) -> None:
    keys = [key("web", budget={"usd": 1, "per": "day"})]
    with pytest.raises(Refused):
        await apply(Breaking(desk.api), keys)
    (row,) = (await desk.call("GET", "/keys")).value["data"]
    assert row["status"] == "disabled"


async def test_a_refusal_that_is_no_missing_tenant_is_told(desk: Bureau) -> None:
    with pytest.raises(Refused) as caught:
        await apply(Near(desk.api), [key("web", tenant="NO TENANT")])
    assert caught.value.status == 400
