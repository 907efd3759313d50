from typing import Any

import pytest

from proxy.admin.listing import size
from proxy.admin.operations import Call
from proxy.storage.store import TENANT
from tests.admin.bureau import OWNER
from tests.admin.listener import Listener
from tests.admin.test_tenants import DECLARED

TENANTS = "/admin/v1/tenants"


async def pages(admin: Listener, limit: int, query: str = "") -> list[list[str]]:
    """The ids of every page."""
    found: list[list[str]] = []
    after, more = "", True
    while more:
        page = await admin.done("GET", f"{TENANTS}?limit={limit}{after}{query}")
        ids = [row["id"] for row in page["data"]]
        assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
        found.append(ids)
        after, more = f"&after={page['last_id']}", page["has_more"]
    return found


@pytest.mark.parametrize("limit", range(1, 9))
async def test_pages_of_any_size_have_every_row_once(admin: Listener, limit: int) -> None:
    """Declared rows first, then stored ones, those of the same second by their ids."""
    admin.bureau.declared.rows["tenants"] = [{**DECLARED, "id": name} for name in ("zz", "yy")]
    admin.bureau.now += 1
    for name in ("d", "c"):
        await admin.bureau.add_tenant(name)
    found = await pages(admin, limit)
    assert [name for page in found for name in page] == ["zz", "yy", "acme", "beta", "c", "d"]
    assert all(len(page) == limit for page in found[:-1])


async def test_a_declared_tenant_hides_a_stored_one_of_its_id(admin: Listener) -> None:
    admin.bureau.declared.rows["tenants"] = [{**DECLARED, "id": "acme"}]
    rows = (await admin.done("GET", TENANTS))["data"]
    assert [(row["id"], row["declared"]) for row in rows] == [("acme", True), ("beta", False)]


async def test_a_cursor_of_what_is_filtered_out_is_still_a_place(admin: Listener) -> None:
    admin.bureau.declared.rows["tenants"] = [{**DECLARED, "archived_at": 1}, {**DECLARED, "id": "other-one"}]
    assert await pages(admin, 5, "&archived=false&after=filed") == [["acme", "beta"]]


async def test_an_empty_list(admin: Listener) -> None:
    assert await admin.done("GET", f"{TENANTS}?archived=true") == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("limit=0", 400, "limit"),
        ("limit=101", 400, "limit"),
        ("limit=ten", 400, "limit"),
        ("limit=1&limit=2", 400, "limit"),
        ("limit=" + "1" * 300, 400, "limit"),
        ("limit=" + "1" * 16, 400, "limit"),
        ("limit=%D9%A1", 400, "limit"),
        ("after=nobody", 404, "after"),
        ("after=a%00b", 400, "after"),
        ("archived=maybe", 400, "archived"),
        ("colour=red", 400, "colour"),
    ],
)
async def test_a_wrong_parameter_is_refused(admin: Listener, query: str, status: int, param: str) -> None:
    answer = await admin.send("GET", f"{TENANTS}?{query}")
    assert (answer.status, answer.error["param"]) == (status, param)


def test_each_kind_of_list_may_have_a_size_of_its_own() -> None:
    asked = [Call(OWNER, query=query) for query in ({}, {"limit": ("7",)})]
    assert [size(call, 100) for call in asked] == [100, 7]


async def test_rows_that_are_added_meanwhile_do_not_shift_pages(admin: Listener) -> None:
    first = await admin.done("GET", f"{TENANTS}?limit=1")
    admin.bureau.now += 1
    async with admin.bureau.store.changing(OWNER) as session:
        row: dict[str, Any] = {"id": "aaa", "name": "aaa", "rules": {}, "disabled": False, "archived_at": None}
        await session.add(TENANT, row)
    second = await admin.done("GET", f"{TENANTS}?limit=1&after={first['last_id']}")
    assert [row["id"] for row in second["data"]] == ["beta"]
